"""The key of an evaluation, by which a kept one is found again. Torch is not needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seg_core.data.fingerprint import digest, file_facts, pair_facts
from seg_core.data.folders import Pair, list_masks
from seg_core.data.source import Source

EVALUATION_VERSION = 6
"""Raised when the same model would score differently on the same data."""


def mask_folder_digest(masks: str | Path) -> str:
    """Return 16 hex digits over the names, sizes and times of the images in a folder of masks, and what is lesion in them.

    Raises:
        InputError: if the folder cannot be read.
    """
    source = Source.parse(masks)
    said = [source.lesion] if source.lesion else []
    return digest([*said, *(f"{file.name} {file_facts(file)}" for file in list_masks(source))], 16)


def evaluation_key(model_digest: str, pairs: Sequence[Pair], facts: np.ndarray | None = None) -> str:
    """Return the key of a model's evaluation on some pairs: 24 hex digits, the same while no file changes.

    Args:
        model_digest: from `seg_core.prediction.checkpoint_file.checkpoint_digest` or `mask_folder_digest`.
        pairs: photographs and their truth; their folders do not matter.
        facts: `pair_facts` of the pairs, if they are known already.

    Raises:
        InputError: if a file was deleted since the dataset was opened.
    """
    known = pair_facts(pairs) if facts is None else facts
    rows = zip(pairs, known.tolist(), strict=True)
    files = [f"{pair.id} {' '.join(map(str, of_files))} {pair.lesion}{pair.who}" for pair, of_files in rows]
    return digest([f"{EVALUATION_VERSION} {model_digest}", *files], 24)
