"""The photograph and mask pairs of a folder, in ISIC's layout or in the generic one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from seg_core.common.text import legible
from seg_core.data.image_file import MASK_ENDINGS, PHOTO_ENDINGS
from seg_core.data.masks.folder import MaskFolderRule
from seg_core.data.masks.rule import MaskRule
from seg_core.data.source import Source
from seg_core.errors import InputError

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")
MASK_SUFFIXES = ("segmentation", "mask", "lesion")
"""Optional end of a mask's name, after its photograph's name and an underscore."""

LAYOUTS = (
    "ISIC's folders (…_Training_Data with …_Training_GroundTruth, likewise Test) "
    "or images/ and masks/ with the same file names, alone or below train/, val/ and test/"
)

# ISBI2016_ISIC_Part1_Training_Data, ISIC-2017_Test_v2_Part1_GroundTruth, ISIC2018_Task1-2_Training_Input and the like. The
# challenges' other parts and tasks, which may lie beside them, hold no masks of lesions.
_ISIC = re.compile(
    r"(?:ISBI2016_ISIC_Part1|ISIC-2017|ISIC2018_Task1(?:-2)?)_(Training|Validation|Test)(?:_v\d)?(?:_Part1)?_(Data|Input|GroundTruth)",
    re.I,
)
_ISIC_SPLITS: dict[str, SplitName] = {"training": "train", "validation": "val", "test": "test"}
_MASK_SUFFIX = re.compile(f"_({'|'.join(MASK_SUFFIXES)})$", re.I)


@dataclass(frozen=True)
class Pair:
    """One photograph with its mask; ``id`` is the photograph's file name, made legible, ``split`` the dataset's own split.

    Several masks of one photograph are read as one by `seg_core.data.truth.read_truth`.
    """

    id: str
    image: Path
    mask: Path
    split: SplitName
    more_masks: tuple[Path, ...] = ()
    rule: MaskFolderRule | None = field(default=None, compare=False, repr=False)
    """How it and the masks beside it are read; None if it stands alone."""

    @property
    def masks(self) -> tuple[Path, ...]:
        """All its mask files."""
        return self.mask, *self.more_masks

    @property
    def lesion(self) -> str:
        """The number or colour that the user named as the lesion; empty if the masks say it themselves."""
        return (self.rule.lesion if self.rule else None) or ""

    def to_json(self) -> dict[str, Any]:
        """Return plain values, from which `from_json` makes it again. They hold the rule by which its masks are read."""
        rule = self.rule.rule.to_json() if self.rule else None
        more = [str(mask) for mask in self.more_masks]
        return {"id": self.id, "image": str(self.image), "mask": str(self.mask), "split": self.split, "more": more, "rule": rule}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Pair:
        """Make a pair from the values of `to_json`."""
        rule = MaskFolderRule.known(MaskRule.from_json(values["rule"])) if values["rule"] else None
        files = Path(values["image"]), Path(values["mask"]), values["split"], tuple(map(Path, values["more"]))
        return cls(values["id"], *files, rule)


@dataclass(frozen=True)
class Listing:
    """The contents of a folder: pairs, and files without a partner."""

    pairs: list[Pair]
    without_mask: list[Path]
    without_photo: list[Path]


def list_folder(source: Source | str | Path) -> Listing:
    """Return the pairs of a source, by split and then by id, and the files without a partner.

    Raises:
        InputError: if the folder is missing or has none of the known layouts.
    """
    source = source if isinstance(source, Source) else Source.parse(source)
    folder = Path(source.folder)
    listing = Listing([], [], [])
    try:
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder}; check the path.")
        if source.images or source.masks:
            photos, masks = ([folder / name for name in names or (kind,)] for kind, names in _named(source).items())
            _match("train", photos, masks, listing)
        else:
            for split, photos, masks in _split_folders(folder):
                _match(split, photos, masks, listing)
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be read ({error.strerror}); check the path.") from None
    if not (listing.pairs or listing.without_mask or listing.without_photo):
        raise InputError(f"{folder} holds no photographs with masks; it needs {LAYOUTS}.")
    return listing


def list_images(folder: Path) -> list[Path]:
    """Return the images directly in a folder, by name.

    Raises:
        InputError: if there is no such folder, or it cannot be read.
    """
    try:
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder}; check the path.")
        return list(_files([folder], PHOTO_ENDINGS | MASK_ENDINGS))
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be read ({error.strerror}); check the path.") from None


def _named(source: Source) -> dict[str, tuple[str, ...]]:
    return {"images": source.images, "masks": source.masks}


def _split_folders(folder: Path) -> Iterator[tuple[SplitName, list[Path], list[Path]]]:
    """Yield each split that is there, with its folders of photographs and of masks."""
    subfolders = sorted(path for path in folder.iterdir() if path.is_dir())
    named = [(found, path) for path in subfolders if (found := _ISIC.fullmatch(path.name))]
    for split in SPLITS:
        of_split = [(found[2].lower(), path) for found, path in named if _ISIC_SPLITS[found[1].lower()] == split]
        if of_split:
            masks = [path for kind, path in of_split if kind == "groundtruth"]
            yield split, [path for kind, path in of_split if kind != "groundtruth"], masks
    if (folder / "images").is_dir():
        yield "train", [folder / "images"], [folder / "masks"]
    for split in SPLITS:
        if (folder / split / "images").is_dir():
            yield split, [folder / split / "images"], [folder / split / "masks"]


def _match(split: SplitName, photo_folders: list[Path], mask_folders: list[Path], listing: Listing) -> None:
    photos = [path for path in _files(photo_folders, PHOTO_ENDINGS) if not path.stem.endswith("_superpixels")]
    photos.sort(key=lambda path: path.stem)
    stems = {path.stem for path in photos}
    masks: dict[str, list[Path]] = {}
    for path in _files(mask_folders, MASK_ENDINGS):
        id = path.stem if path.stem in stems else _MASK_SUFFIX.sub("", path.stem)
        masks.setdefault(id, []).append(path)
    # Two photographs or two masks of one id make two pairs, which `seg_core.data.check` reports.
    listing.pairs.extend(Pair(legible(photo.stem), photo, mask, split) for photo in photos for mask in masks.get(photo.stem, []))
    listing.without_mask.extend(photo for photo in photos if photo.stem not in masks)
    listing.without_photo.extend(mask for id in sorted(masks.keys() - stems) for mask in masks[id])


def _files(folders: list[Path], endings: set[str]) -> Iterator[Path]:
    for folder in folders:
        if folder.is_dir():
            with os.scandir(folder) as entries:  # tells files from folders without another call for each
                files = (entry for entry in entries if _ending(entry.name) in endings and not entry.name.startswith("."))
                names = sorted(entry.name for entry in files if entry.is_file())
            yield from (folder / name for name in names)


def _ending(name: str) -> str:
    """Return the last dot of a name and what follows it, in lower case."""
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - a Path for each of 200,000 names takes seconds
