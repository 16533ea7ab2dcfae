"""Finding the photograph and mask pairs of a folder, in ISIC's layout or in the generic one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seg_core.errors import InputError

Part = Literal["train", "val", "test"]
PARTS: tuple[Part, ...] = ("train", "val", "test")
PHOTO_ENDINGS = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"}
MASK_ENDINGS = {".png", ".bmp", ".tif", ".tiff", ".gif", ".jpg", ".jpeg"}

# ISBI2016_ISIC_Part1_Training_Data (2016), ISIC-2017_Training_Data (2017), ISIC2018_Task1-2_Training_Input (2018)
_ISIC_PHOTOS = re.compile(r"^ISIC.*_(Training|Validation|Test)(?:_v\d+)?_(?:Data|Input)$|^ISBI\d+_ISIC_Part\d_(Training|Test)_Data$", re.I)
_ISIC_MASKS = re.compile(
    r"^ISIC.*_(Training|Validation|Test)(?:_v\d+)?_(?:Part1_)?GroundTruth$|^ISBI\d+_ISIC_Part\d_(Training|Test)_GroundTruth$", re.I
)
_ISIC_PARTS: dict[str, Part] = {"training": "train", "validation": "val", "test": "test"}
_MASK_SUFFIX = re.compile(r"(_segmentation|_mask|_lesion)$", re.I)

LAYOUTS = (
    "ISIC's folders (…_Training_Data with …_Training_GroundTruth, likewise Test) "
    "or images/ and masks/ with the same file names, alone or below train/, val/ and test/"
)


@dataclass(frozen=True)
class Pair:
    """One photograph with its mask; ``part`` is where the dataset's authors put it."""

    id: str
    image: Path
    mask: Path
    part: Part


@dataclass(frozen=True)
class Listing:
    """What a folder holds: the pairs, and the files that have no partner."""

    pairs: list[Pair]
    without_mask: list[Path]
    without_photo: list[Path]


def find_pairs(folder: Path) -> list[Pair]:
    """The pairs below ``folder``, by part and then by id; files without a partner are left to `seg_core.data.check`.

    Raises:
        InputError: if the folder is missing or has none of the known layouts.
    """
    return list_folder(folder).pairs


def list_folder(folder: Path) -> Listing:
    """As `find_pairs`, with the lone files named too."""
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}; check the path.")
    listing = Listing([], [], [])
    for part, photos, masks in _part_folders(folder):
        _match(part, photos, masks, listing)
    if not (listing.pairs or listing.without_mask or listing.without_photo):
        raise InputError(f"{folder} holds no photographs with masks; it needs {LAYOUTS}.")
    return listing


def _part_folders(folder: Path) -> Iterator[tuple[Part, list[Path], list[Path]]]:
    """The folders of photographs and of masks of each part that is there."""
    subfolders = sorted(path for path in folder.iterdir() if path.is_dir())
    for part in PARTS:
        photos = [path for path in subfolders if _isic_part(_ISIC_PHOTOS, path.name) == part]
        masks = [path for path in subfolders if _isic_part(_ISIC_MASKS, path.name) == part]
        if photos or masks:
            yield part, photos, masks
    if (folder / "images").is_dir():
        yield "train", [folder / "images"], [folder / "masks"]
    for part in PARTS:
        if (folder / part / "images").is_dir():
            yield part, [folder / part / "images"], [folder / part / "masks"]


def _isic_part(pattern: re.Pattern[str], name: str) -> Part | None:
    found = pattern.match(name)
    return _ISIC_PARTS[next(filter(None, found.groups())).lower()] if found else None


def _match(part: Part, photo_folders: list[Path], mask_folders: list[Path], listing: Listing) -> None:
    photos = {path.stem: path for path in _files(photo_folders, PHOTO_ENDINGS) if not path.stem.endswith("_superpixels")}
    masks = {_MASK_SUFFIX.sub("", path.stem): path for path in _files(mask_folders, MASK_ENDINGS)}
    listing.pairs.extend(Pair(id, photos[id], masks[id], part) for id in sorted(photos.keys() & masks.keys()))
    listing.without_mask.extend(photos[id] for id in sorted(photos.keys() - masks.keys()))
    listing.without_photo.extend(masks[id] for id in sorted(masks.keys() - photos.keys()))


def _files(folders: list[Path], endings: set[str]) -> Iterator[Path]:
    for folder in folders:
        if folder.is_dir():
            yield from sorted(path for path in folder.iterdir() if path.suffix.lower() in endings and not path.name.startswith("."))
