"""VOC's lists of photographs, ``ImageSets/Segmentation/train.txt`` and others, which say what belongs to which split."""

from __future__ import annotations

from collections.abc import Sequence

from seg_core.data.tree import Folder
from seg_core.data.words import SplitName

_IMAGE_SETS: dict[str, SplitName] = {"trainval": "train", "test": "test", "val": "val", "train": "train"}
"""VOC's lists by name; a later one here takes precedence."""


def listed_splits(tree: Sequence[Folder]) -> dict[str, SplitName]:
    """Return the splits of photographs by their names without endings; empty for a dataset without such lists."""
    listed: dict[str, SplitName] = {}
    folders = [folder for folder in tree if "imagesets" in (part.lower() for part in folder.parts[-2:])]
    for folder in sorted(folders, key=lambda folder: folder.parts[-1].lower() == "segmentation")[-1:]:
        for name, split in _IMAGE_SETS.items():
            file = folder.path / f"{name}.txt"
            if file.is_file():
                lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
                listed.update((line.split()[0], split) for line in lines if line.split())
    return listed
