"""The layouts of an export: which files each photograph gets, and which describe all of them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from seg_core.data.collection.contents import IMAGES, MASKS
from seg_core.data.collection.versions import read_saved_mask
from seg_core.data.image import read_image
from seg_core.data.image_file import open_image, orientation
from seg_core.data.tree import ending
from seg_core.errors import InputError

_ISIC = "ISBI2016_ISIC_Part1_Training_Data", "ISBI2016_ISIC_Part1_Training_GroundTruth"

Files = dict[str, bytes]
"""The content of files, by their paths in the export."""


class Layout(Protocol):
    """One export: the files of each photograph, one after the other, then those that describe all of them."""

    def files(self, id: str, photo: Path, mask: Path) -> Files:
        """Return the files of a photograph.

        Raises:
            InputError: if it or its mask cannot be read; it is then no part of the export.
        """

    def facts(self) -> Files:
        """Return the files that describe the photographs so far."""


class _Folders:
    """A folder of photographs and one of masks."""

    def __init__(self, photos: str, masks: str, suffix: str = "") -> None:
        self._photos, self._masks, self._suffix = photos, masks, suffix

    def files(self, id: str, photo: Path, mask: Path) -> Files:
        return _upright(f"{self._photos}/{id}", photo) | {f"{self._masks}/{id}{self._suffix}.png": _content(mask)}

    def facts(self) -> Files:
        return {}


class _Coco:
    def __init__(self) -> None:
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def files(self, id: str, photo: Path, mask: Path) -> Files:
        marked, files = read_saved_mask(mask), _upright(f"{IMAGES}/{id}", photo)
        number, (height, width) = len(self._images) + 1, marked.shape
        self._images.append({"id": number, "file_name": Path(next(iter(files))).name, "width": width, "height": height})
        if marked.any():  # an image without annotations has no lesion
            annotation = {"id": len(self._annotations) + 1, "image_id": number, "category_id": 1, **_packed(marked)}
            self._annotations.append(annotation)
        return files

    def facts(self) -> Files:
        categories = [{"id": 1, "name": "lesion", "supercategory": ""}]
        return _json("annotations.json", {"images": self._images, "annotations": self._annotations, "categories": categories})


def _packed(mask: np.ndarray) -> dict[str, Any]:
    """Return a mask (H, W) bool as COCO has it. As no crowd: trainings leave crowds out."""
    packed = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    region = {"size": packed["size"], "counts": packed["counts"].decode()}
    return {"segmentation": region, "area": int(mask.sum()), "bbox": coco_mask.toBbox(packed).tolist(), "iscrowd": 0}


class _NnUnet:
    def __init__(self) -> None:
        self._count = 0

    def files(self, id: str, photo: Path, mask: Path) -> Files:
        labels = Image.fromarray(read_saved_mask(mask).astype(np.uint8))
        files = {f"imagesTr/{id}_0000.png": _png(read_image(photo, photo.name)), f"labelsTr/{id}.png": _png(labels)}
        self._count += 1
        return files

    def facts(self) -> Files:
        facts = {
            "channel_names": {"0": "R", "1": "G", "2": "B"},
            "labels": {"background": 0, "lesion": 1},
            "numTraining": self._count,
            "file_ending": ".png",
        }
        return _json("dataset.json", facts)


LAYOUTS: dict[str, Callable[[], Layout]] = {
    "isic": lambda: _Folders(*_ISIC, "_Segmentation"),
    "images-masks": lambda: _Folders(IMAGES, MASKS),
    "coco": _Coco,
    "nnunet": _NnUnet,
}


def _upright(name: str, photo: Path) -> Files:
    """Return a photograph as it is or, if it is stored on its side, upright as PNG."""
    with open_image(photo, photo.name) as image:
        is_upright = orientation(image) == 1
    return (
        {f"{name}{ending(photo.name)}": _content(photo)} if is_upright else {f"{name}.png": _png(read_image(photo, photo.name))}
    )


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}); put it back from a backup.") from None


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _json(name: str, content: dict[str, Any]) -> Files:
    return {name: (json.dumps(content, indent=1) + "\n").encode()}
