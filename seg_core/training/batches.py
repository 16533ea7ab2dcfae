"""Batches of cached pairs, on the device that trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch

from seg_core.config import Config
from seg_core.data.cache.cached_pairs import CachedPairs
from seg_core.training.augmentation import Augment, plain

Prepare = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""From pixels (B, S, S, 3) and masks (B, S, S), uint8, to what the model and the loss take."""

RESIDENT_SHARE = 0.4
"""Most of a GPU's free memory that the pixels of a part of the dataset may take."""


class Batch(NamedTuple):
    """Normalised photographs (B, 3, S, S) and masks (B, 1, S, S) of 0 and 1, float32 on the device, and the pairs' indices.

    ``number`` counts the batches of an epoch from 1, those included that are not given since all their pairs have an error.
    """

    images: torch.Tensor
    masks: torch.Tensor
    indices: list[int]
    number: int


class Batches:
    """The batches of an epoch. Pixels travel to the device as bytes and are augmented there; a GPU keeps them where they fit."""

    def __init__(self, pairs: CachedPairs, config: Config, device: torch.device) -> None:
        self.pairs, self.device, self.size = pairs, device, config.batch_size
        self.augment = Augment(config)
        self._resident = _Resident(pairs, device) if _fits(pairs, device) else None

    def __len__(self) -> int:
        return -(-len(self.pairs) // self.size)

    def shuffled(self) -> Iterator[Batch]:
        """All pairs in an order drawn from torch's random numbers, augmented."""
        return self._batches(torch.randperm(len(self.pairs)).tolist(), self.augment)

    def sequential(self) -> Iterator[Batch]:
        """All pairs in their order, as they are."""
        return self._batches(range(len(self.pairs)), plain)

    def _batches(self, order: Sequence[int], prepare: Prepare) -> Iterator[Batch]:
        for number, start in enumerate(range(0, len(order), self.size), start=1):
            pixels, masks, indices = self._read(order[start : start + self.size])
            if indices:
                images, truths = prepare(pixels, masks)
                yield Batch(images.contiguous(memory_format=torch.channels_last), truths, indices, number)

    def _read(self, indices: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
        if self._resident:
            return self._resident.read(indices)
        images, masks, given = self.pairs.read(indices)
        return torch.from_numpy(images).to(self.device), torch.from_numpy(masks).to(self.device), given


class _Resident:
    """Pixels of pairs in the device's memory, which each enter when they are first asked for."""

    def __init__(self, pairs: CachedPairs, device: torch.device) -> None:
        self.pairs = pairs
        shape = (len(pairs), pairs.size, pairs.size)
        self.images = torch.empty((*shape, 3), dtype=torch.uint8, device=device)
        self.masks = torch.empty(shape, dtype=torch.uint8, device=device)
        self.seen: set[int] = set()
        self.usable: set[int] = set()

    def read(self, indices: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor, list[int]]:
        """As `CachedPairs.read`, on the device."""
        if new := [index for index in indices if index not in self.seen]:
            images, masks, given = self.pairs.read(new)
            self.images[given], self.masks[given] = (
                torch.from_numpy(images).to(self.images),
                torch.from_numpy(masks).to(self.masks),
            )
            self.seen.update(new)
            self.usable.update(given)
        given = [index for index in indices if index in self.usable]
        return self.images[given], self.masks[given], given


def _fits(pairs: CachedPairs, device: torch.device) -> bool:
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return len(pairs) * pairs.size * pairs.size * 4 <= RESIDENT_SHARE * free
