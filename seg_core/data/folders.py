"""Finding the photograph and mask pairs of a folder, in ISIC's layout or in the generic one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seg_core.common.home import expanded
from seg_core.common.text import legible
from seg_core.errors import InputError

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")
PHOTO_ENDINGS = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp"}
MASK_ENDINGS = {".png", ".bmp", ".tif", ".tiff", ".gif", ".jpg", ".jpeg"}
MASK_SUFFIXES = ("segmentation", "mask", "lesion")
"""What may stand at the end of a mask's name, after its photograph's and an underscore."""

# ISBI2016_ISIC_Part1_Training_Data, ISIC-2017_Test_v2_Part1_GroundTruth, ISIC2018_Task1-2_Training_Input and their like. The
# challenges' other parts and tasks, which may lie beside them, hold no outlines.
_ISIC = re.compile(
    r"(?:ISBI2016_ISIC_Part1|ISIC-2017|ISIC2018_Task1(?:-2)?)_(Training|Validation|Test)(?:_v\d)?(?:_Part1)?_(Data|Input|GroundTruth)",
    re.I,
)
_ISIC_SPLITS: dict[str, SplitName] = {"training": "train", "validation": "val", "test": "test"}
_MASK_SUFFIX = re.compile(f"_({'|'.join(MASK_SUFFIXES)})$", re.I)

LAYOUTS = (
    "ISIC's folders (…_Training_Data with …_Training_GroundTruth, likewise Test) "
    "or images/ and masks/ with the same file names, alone or below train/, val/ and test/"
)


@dataclass(frozen=True)
class Pair:
    """One photograph with its mask; ``id`` is its file's name, made legible, and ``part`` where the dataset's authors put it."""

    id: str
    image: Path
    mask: Path
    split: SplitName


@dataclass(frozen=True)
class Listing:
    """What a folder holds: the pairs, and the files that have no partner."""

    pairs: list[Pair]
    without_mask: list[Path]
    without_photo: list[Path]


def list_folder(folder: Path) -> Listing:
    """The pairs below ``folder``, by part and then by id, and the files without a partner.

    Raises:
        InputError: if the folder is missing or has none of the known layouts.
    """
    folder = expanded(folder)
    listing = Listing([], [], [])
    try:
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder}; check the path.")
        for part, photos, masks in _part_folders(folder):
            _match(part, photos, masks, listing)
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be read ({error.strerror}); check the path.") from None
    if not (listing.pairs or listing.without_mask or listing.without_photo):
        raise InputError(f"{folder} holds no photographs with masks; it needs {LAYOUTS}.")
    return listing


def list_images(folder: Path) -> list[Path]:
    """The images right in a folder, by name.

    Raises:
        InputError: if there is no such folder, or it cannot be read.
    """
    try:
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder}; check the path.")
        return list(_files([folder], PHOTO_ENDINGS | MASK_ENDINGS))
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be read ({error.strerror}); check the path.") from None


def _part_folders(folder: Path) -> Iterator[tuple[SplitName, list[Path], list[Path]]]:
    """The folders of photographs and of masks of each part that is there."""
    subfolders = sorted(path for path in folder.iterdir() if path.is_dir())
    named = [(found, path) for path in subfolders if (found := _ISIC.fullmatch(path.name))]
    for part in SPLITS:
        of_part = [(found[2].lower(), path) for found, path in named if _ISIC_SPLITS[found[1].lower()] == part]
        if of_part:
            masks = [path for kind, path in of_part if kind == "groundtruth"]
            yield part, [path for kind, path in of_part if kind != "groundtruth"], masks
    if (folder / "images").is_dir():
        yield "train", [folder / "images"], [folder / "masks"]
    for part in SPLITS:
        if (folder / part / "images").is_dir():
            yield part, [folder / part / "images"], [folder / part / "masks"]


def _match(split: SplitName, photo_folders: list[Path], mask_folders: list[Path], listing: Listing) -> None:
    photos = [path for path in _files(photo_folders, PHOTO_ENDINGS) if not path.stem.endswith("_superpixels")]
    photos.sort(key=lambda path: path.stem)
    stems = {path.stem for path in photos}
    masks: dict[str, list[Path]] = {}
    for path in _files(mask_folders, MASK_ENDINGS):
        id = path.stem if path.stem in stems else _MASK_SUFFIX.sub("", path.stem)
        masks.setdefault(id, []).append(path)
    # Two photographs or two masks of one id make two pairs, which `seg_core.data.check` names.
    listing.pairs.extend(Pair(legible(photo.stem), photo, mask, split) for photo in photos for mask in masks.get(photo.stem, []))
    listing.without_mask.extend(photo for photo in photos if photo.stem not in masks)
    listing.without_photo.extend(mask for id in sorted(masks.keys() - stems) for mask in masks[id])


def _files(folders: list[Path], endings: set[str]) -> Iterator[Path]:
    for folder in folders:
        if folder.is_dir():
            with os.scandir(folder) as entries:  # knows without asking for each file again what is a folder
                files = (entry for entry in entries if _ending(entry.name) in endings and not entry.name.startswith("."))
                names = sorted(entry.name for entry in files if entry.is_file())
            yield from (folder / name for name in names)


def _ending(name: str) -> str:
    """The last dot of a name and what follows it, in lower case."""
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - a Path for each of 200,000 names takes seconds


SAMPLE = "sample"


def clean_source(source: str | Path) -> str:
    """A dataset source as typed or pasted, without quotes, with ``~`` resolved, as an absolute path; ``sample`` stays.

    Raises:
        InputError: if it is empty or can be no path.
    """
    text = str(source).strip().strip("'\"").strip()
    if not text:
        raise InputError(f"The name of a data folder is empty; give a folder or {SAMPLE!r}.")
    if text == SAMPLE:
        return text
    try:
        return str(Path(text).expanduser().resolve())
    except (OSError, RuntimeError, ValueError) as error:  # no such user after ~, a loop of links, a character that no path has
        raise InputError(f"The data folder {text!r} cannot be found ({error}); check the path.") from None
