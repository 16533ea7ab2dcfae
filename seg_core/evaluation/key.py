"""What names an evaluation, so that it is kept and found again. Torch is not needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seg_core.common.home import expanded
from seg_core.data.fingerprint import digest, file_facts, pair_facts
from seg_core.data.folders import Pair, list_images

EVALUATION_VERSION = 4
"""Rises when the same model would score otherwise on the same data."""


def mask_folder_digest(folder: str | Path) -> str:
    """Sixteen hex digits over the names, sizes and times of the images in a folder.

    Raises:
        InputError: if it cannot be read.
    """
    return digest([f"{file.name} {file_facts(file)}" for file in list_images(expanded(folder))], 16)


def evaluation_key(model_digest: str, pairs: Sequence[Pair], facts: np.ndarray | None = None) -> str:
    """Twenty-four hex digits that name the evaluation of a model on these pairs: the same while no file changes.

    Args:
        model_digest: what `checkpoint_digest` or `mask_folder_digest` gave.
        pairs: photographs and their truth; where they lie does not matter.
        facts: `pair_facts` of the pairs, where they are known already.

    Raises:
        InputError: if a file went away since the dataset was opened.
    """
    known = pair_facts(pairs) if facts is None else facts
    rows = zip(pairs, known.tolist(), strict=True)
    files = [f"{pair.id} {photo} {photo_time} {mask} {mask_time}" for pair, (photo, photo_time, mask, mask_time) in rows]
    return digest([f"{EVALUATION_VERSION} {model_digest}", *files], 24)
