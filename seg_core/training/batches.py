"""Batches of cached pairs on the device that trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch

from seg_core.config import Config
from seg_core.data.cache.cached_pairs import CachedPairs
from seg_core.training.augmentation import Augment, plain
from seg_core.training.part import Part

Prepare = Callable[[torch.Tensor, torch.Tensor, Part], tuple[torch.Tensor, torch.Tensor]]
"""From photographs (B, S, S, 3) and masks (B, S, S), uint8, of a whole batch to the tensors of a `Batch`, of a part of it."""

RESIDENT_SHARE = 0.4
"""Largest share of a GPU's free memory that the pixels of one split may take."""


class Batch(NamedTuple):
    """Photographs and masks of a training or validation step: the whole batch, or this process's part of it.

    Attributes:
        images: normalised photographs (B, 3, S, S), float32, on the device.
        masks: (B, 1, S, S) of 0 and 1, float32, on the device.
        indices: the index of each pair.
        number: position in the epoch, from 1. A batch without a usable pair is left out but still counted.
        part: which part of the batch it is.
    """

    images: torch.Tensor
    masks: torch.Tensor
    indices: list[int]
    number: int
    part: Part


class Batches:
    """Batches of an epoch. Bytes are copied to the device and augmented there; a GPU keeps them where they fit.

    Args:
        pairs: all pairs of the epoch.
        config: says how they are augmented, and how many are in a batch.
        device: the device that trains.
        part_of: from the number of pairs in a batch to this process's part of it.
    """

    def __init__(
        self, pairs: CachedPairs, config: Config, device: torch.device, part_of: Callable[[int], Part] = Part.whole
    ) -> None:
        self.pairs, self.device, self.size, self.part_of = pairs, device, config.batch_size, part_of
        self.augment = Augment(config)
        self._resident = _ResidentPixels(pairs, device) if _fits(pairs, device) else None

    def __len__(self) -> int:
        return -(-len(self.pairs) // self.size)

    def shuffled(self) -> Iterator[Batch]:
        """Yield all pairs, augmented, in an order drawn from torch's global random numbers."""
        return self._batches(torch.randperm(len(self.pairs)).tolist(), self.augment)

    def sequential(self) -> Iterator[Batch]:
        """Yield all pairs in order, without augmentation."""
        return self._batches(range(len(self.pairs)), plain)

    def only(self, indices: Sequence[int]) -> Iterator[Batch]:
        """Yield these pairs in order, without augmentation, all of them in this process."""
        return self._batches(indices, plain, Part.whole)

    def _batches(self, order: Sequence[int], prepare: Prepare, part_of: Callable[[int], Part] | None = None) -> Iterator[Batch]:
        for number, start in enumerate(range(0, len(order), self.size), start=1):
            pixels, masks, indices = self._read(order[start : start + self.size])
            if indices:
                part = (part_of or self.part_of)(len(indices))
                images, truths = prepare(pixels, masks, part)
                images = images.contiguous(memory_format=torch.channels_last)
                yield Batch(images, truths, indices[part.begin : part.end], number, part)

    def _read(self, indices: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
        if self._resident:
            return self._resident.read(indices)
        images, masks, usable = self.pairs.read(indices)
        return torch.from_numpy(images).to(self.device), torch.from_numpy(masks).to(self.device), usable


class _ResidentPixels:
    """Pixels of pairs in the device's memory. Each pair is copied when it is first read."""

    def __init__(self, pairs: CachedPairs, device: torch.device) -> None:
        self.pairs = pairs
        shape = (len(pairs), pairs.size, pairs.size)
        self.images = torch.empty((*shape, 3), dtype=torch.uint8, device=device)
        self.masks = torch.empty(shape, dtype=torch.uint8, device=device)
        self.read_before: set[int] = set()
        self.usable: set[int] = set()

    def read(self, indices: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
        """Return what `CachedPairs.read` returns, as tensors on the device."""
        if new := [index for index in indices if index not in self.read_before]:
            images, masks, usable = self.pairs.read(new)
            self.images[usable] = torch.from_numpy(images).to(self.images)
            self.masks[usable] = torch.from_numpy(masks).to(self.masks)
            self.read_before.update(new)
            self.usable.update(usable)
        usable = [index for index in indices if index in self.usable]
        return self.images[usable], self.masks[usable], usable


def _fits(pairs: CachedPairs, device: torch.device) -> bool:
    """True if the pixels should stay on the device: only a GPU has memory of its own."""
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    bytes_per_pixel = 4  # red, green, blue and mask
    return len(pairs) * pairs.size * pairs.size * bytes_per_pixel <= RESIDENT_SHARE * free
