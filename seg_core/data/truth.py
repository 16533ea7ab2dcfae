"""The true mask of a photograph: what its mask files mark together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seg_core.data.folders import Pair
from seg_core.data.image import read_mask
from seg_core.errors import InputError


def read_truth(pair: Pair) -> tuple[np.ndarray, bool]:
    """Read the mask of a pair as `read_mask` does: lesion is what any of its mask files marks.

    Raises:
        InputError: as `read_mask`, and if its masks differ in size.
    """
    return read_masks(pair.masks)


def read_masks(files: Sequence[Path]) -> tuple[np.ndarray, bool]:
    """Read several masks of one photograph as one, as `read_truth` does."""
    (mask, grey), *others = (read_mask(file) for file in files)
    for file, (more, also_grey) in zip(files[1:], others, strict=True):
        if more.shape != mask.shape:
            raise InputError(f"{files[0].name} and {file.name} differ in size; export both at the photograph's size.")
        mask, grey = mask | more, grey or also_grey
    return mask, grey
