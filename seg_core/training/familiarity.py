"""What a trained model's photographs have in common, learnt when its training ends; see `seg_core.prediction.familiarity`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from seg_core.data.cache.cached_pairs import CachedPairs
from seg_core.network import Segmenter
from seg_core.prediction.checkpoint import load_model
from seg_core.prediction.checkpoint_file import copy_checkpoint, read_metadata
from seg_core.prediction.familiarity import LEAST, LEAST_HELD_OUT, MOST, learn
from seg_core.training.augmentation import plain

_AT_ONCE = 32


def add_familiarity(checkpoint: Path, train: CachedPairs, held_out: CachedPairs) -> None:
    """Write into a checkpoint what its training photographs have in common; nothing where they are too few.

    Raises:
        InputError: if it cannot be read or written.
    """
    if train.usable < LEAST or held_out.usable < LEAST_HELD_OUT:
        return
    network = load_model(checkpoint)
    learnt = learn(*(np.concatenate(list(_features(network, pairs))) for pairs in (train, held_out)))
    if learnt:
        copy_checkpoint(checkpoint, checkpoint, {**read_metadata(checkpoint), "familiarity": learnt})


@torch.no_grad()
def _features(network: Segmenter, pairs: CachedPairs) -> Iterator[np.ndarray]:
    """Yield the features (B, F) of up to `MOST` photographs, evenly spread: means of the feature maps but the deepest one."""
    chosen = np.linspace(0, len(pairs) - 1, min(MOST, len(pairs))).round().astype(int).tolist()
    for start in range(0, len(chosen), _AT_ONCE):
        photos, masks, found = pairs.read(chosen[start : start + _AT_ONCE])
        if found:
            images, _ = plain(torch.from_numpy(photos), torch.from_numpy(masks))
            yield torch.cat([each.mean((2, 3)) for each in network.encoder(images)[:-1]], dim=1).numpy()
