"""Folders of links to photographs and masks that lie elsewhere: datasets with the splits that somebody chose."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from seg_core.data.folders import Pair
from seg_core.data.image import write_mask
from seg_core.data.truth import read_truth


def link_pairs(folder: Path, splits: Mapping[str, Sequence[Pair]]) -> str:
    """Replace ``folder`` by a dataset of links with these splits; return it as a source.

    Where several masks of a photograph are read as one, it is written.

    Raises:
        InputError: if one of these cannot be read.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for split, pairs in splits.items():
        for kind in ("images", "masks"):
            (folder / split / kind).mkdir(parents=True)
        for pair in pairs:
            (folder / split / "images" / pair.image.name).symlink_to(pair.image.absolute())
            if pair.more_masks:
                write_mask(read_truth(pair).mask, folder / split / "masks" / f"{pair.id}.png")
            else:
                (folder / split / "masks" / f"{pair.id}{pair.mask.suffix}").symlink_to(pair.mask.absolute())
    return str(folder)
