"""Datasets made of links: other parts of the same photographs, without a copy."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from seg_core.data.dataset import Dataset, open_dataset
from seg_core.data.folders import Pair


def link(folder: Path, parts: Mapping[str, Sequence[Pair]]) -> Dataset:
    """Make ``folder`` a dataset with these parts, in the place of what was there."""
    shutil.rmtree(folder, ignore_errors=True)
    for part, pairs in parts.items():
        for kind in ("images", "masks"):
            (folder / part / kind).mkdir(parents=True)
        for pair in pairs:
            (folder / part / "images" / pair.image.name).symlink_to(pair.image.absolute())
            (folder / part / "masks" / f"{pair.id}{pair.mask.suffix}").symlink_to(pair.mask.absolute())
    return open_dataset(folder)
