"""The true mask of a photograph: what its mask files mark together, or what experts agree on, at the size of the photograph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from seg_core.data.consensus import majority, staple
from seg_core.data.folders import Pair
from seg_core.data.image import scaled_mask
from seg_core.data.image_file import SIDEWAYS, open_image, orientation, turned, upright_size
from seg_core.data.masks.folder import MaskFolderRule
from seg_core.data.pair import STAPLE
from seg_core.data.source import MAJORITY
from seg_core.errors import InputError

MOST_OTHER_SHAPE = 0.01
"""Most by which the ratio of width to height of a mask may differ from its photograph's."""


class OtherSizeError(InputError):
    """A mask that has another shape than its photograph."""


@dataclass(frozen=True, eq=False)
class Truth:
    """A mask (H, W), True where the lesion is, at the upright size of its photograph.

    Attributes:
        mask: the lesion.
        is_cut: True if the file held values between those of background and lesion.
        stored_size: width and height in the file.
        fitted: how the mask was made to fit: scaled from another size, or turned as the photograph is; empty if it fitted.
    """

    mask: np.ndarray
    is_cut: bool
    stored_size: tuple[int, int]
    fitted: Literal["", "scaled", "turned"]


def read_truth(pair: Pair, photo_size: tuple[int, int] | None = None) -> Truth:
    """Read the mask of a pair by the rule of the masks beside it, and make it fit the upright photograph.

    Lesion is what any of its mask files marks; where several experts drew them, what `seg_core.data.consensus` makes of their
    masks, each of which is made to fit first, or what the expert marks whose mask counts. A mask of the same shape at another
    size is scaled. A photograph that its camera stored on its side may have a mask that was drawn on it as stored, or upright:
    the one whose size fits is meant.

    Args:
        pair: a photograph and its mask.
        photo_size: upright width and height of the photograph, if known already.

    Raises:
        InputError: if a file cannot be read, or the mask does not say where the lesion is.
        OtherSizeError: if the mask has another shape than the photograph.
    """
    if not pair.experts:
        return _read(pair, pair.masks, pair.rule, photo_size)
    read = read_experts(pair, photo_size)
    named = None if pair.truth in (MAJORITY, STAPLE) else read.get(pair.truth)
    if only := named or (len(read) == 1 and next(iter(read.values()))):
        return only
    masks = np.stack([each.mask for each in read.values()])
    first = next((each for each in read.values() if each.fitted), next(iter(read.values())))
    found = staple(masks) if pair.truth == STAPLE else majority(masks)
    return replace(first, mask=found, is_cut=any(each.is_cut for each in read.values()))


def read_experts(pair: Pair, photo_size: tuple[int, int] | None = None) -> dict[str, Truth]:
    """Read the mask of each expert who outlined a photograph, by name, as `read_truth` reads one."""
    size = photo_size or _photo_size(pair)
    found = {}
    for expert in pair.experts:
        try:
            found[expert.name] = _read(pair, expert.files, expert.rule, size)
        except InputError as error:
            raise type(error)(f"{expert.name}: {error}") from None
    return found


def _read(pair: Pair, files: Sequence[Path], rule: MaskFolderRule | None, photo_size: tuple[int, int] | None) -> Truth:
    mask, is_cut = _read_together(files, rule or MaskFolderRule(files))
    stored = mask.shape[1], mask.shape[0]
    size = photo_size or _photo_size(pair)
    if stored == size:
        return Truth(mask, is_cut, stored, "")
    if stored == size[::-1] and (way := _orientation(pair)) in SIDEWAYS:
        upright = turned(Image.fromarray(mask.astype(np.uint8)), way)
        return Truth(np.asarray(upright) > 0, is_cut, stored, "turned")
    if abs(stored[0] * size[1] / (stored[1] * size[0]) - 1) <= MOST_OTHER_SHAPE:
        return Truth(scaled_mask(mask, size), is_cut, stored, "scaled")
    sizes = f"{size[0]} × {size[1]} and {stored[0]} × {stored[1]} pixels"
    raise OtherSizeError(
        f"{pair.image.name} and {files[0].name} differ in size ({sizes}); export the mask at the photograph's size."
    )


def _read_together(files: Sequence[Path], masks: MaskFolderRule) -> tuple[np.ndarray, bool]:
    (mask, is_cut), *others = map(masks.mask, files)
    for file, (more, also_cut) in zip(files[1:], others, strict=True):
        if more.shape != mask.shape:
            raise InputError(f"{files[0].name} and {file.name} differ in size; export both at the photograph's size.")
        mask, is_cut = mask | more, is_cut or also_cut
    return mask, is_cut


def _photo_size(pair: Pair) -> tuple[int, int]:
    with open_image(pair.image, pair.image.name) as photo:
        return upright_size(photo)


def _orientation(pair: Pair) -> int:
    with open_image(pair.image, pair.image.name) as photo:
        return orientation(photo)
