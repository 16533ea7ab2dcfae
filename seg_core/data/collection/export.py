"""A collection in the layouts of other programs: its photographs with masks, without those that are excluded."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from seg_core.common.atomic_file import partial_suffix
from seg_core.common.home import expanded
from seg_core.data.collection.collection import Collection
from seg_core.data.collection.contents import IMAGES, MASKS, Item
from seg_core.data.collection.versions import read_saved_mask
from seg_core.data.image import read_image
from seg_core.data.image_file import open_image, orientation
from seg_core.data.tree import ending
from seg_core.errors import InputError

_ISIC = "ISBI2016_ISIC_Part1_Training_Data", "ISBI2016_ISIC_Part1_Training_GroundTruth"


def export_collection(
    collection: Collection, layout: str, target: str | Path, on_progress: Callable[[int, int], None] | None = None
) -> int:
    """Write a collection into a new folder, which appears whole or not at all; return the number of photographs.

    - ``isic``: the folders of ISIC 2016, masks called ``ID_Segmentation.png``;
    - ``images-masks``: ``images/`` and ``masks/``, masks called ``ID.png``;
    - ``coco``: ``images/`` and ``annotations.json`` with packed run lengths of the class ``lesion``;
    - ``nnunet``: ``imagesTr/ID_0000.png``, ``labelsTr/ID.png`` of 0 and 1, and ``dataset.json`` (nnU-Net 2).

    Photographs are copied as they are. One that its camera stored on its side is written upright as PNG, as all are for nnU-Net,
    so that the mask fits in programs that read no EXIF.

    Raises:
        InputError: if there is no such layout, the folder is not empty or cannot be written, no photograph has a mask, or one
            cannot be read.
    """
    if layout not in LAYOUTS:
        raise InputError(f"There is no layout {layout!r} to export; choose {', '.join(LAYOUTS)}.")
    items = [item for item in collection.items() if item.mask and item.excluded is None]
    if not items:
        raise InputError(f"No photograph of {collection.name} has a mask that is not excluded; there is nothing to export.")
    with _new_folder(expanded(target)) as folder:
        written = _WRITERS[layout](collection, items, folder)
        for done, _ in enumerate(written, start=1):
            if on_progress:
                on_progress(done, len(items))
    return len(items)


def _write_isic(collection: Collection, items: Sequence[Item], folder: Path) -> Iterator[None]:
    return _write_files(collection, items, folder / _ISIC[0], folder / _ISIC[1], "_Segmentation")


def _write_plain(collection: Collection, items: Sequence[Item], folder: Path) -> Iterator[None]:
    return _write_files(collection, items, folder / IMAGES, folder / MASKS, "")


def _write_files(collection: Collection, items: Sequence[Item], photos: Path, masks: Path, suffix: str) -> Iterator[None]:
    photos.mkdir()
    masks.mkdir()
    for item in items:
        _write_photo(collection, item, photos)
        shutil.copyfile(_mask_file(item), masks / f"{item.id}{suffix}.png")
        yield


def _write_coco(collection: Collection, items: Sequence[Item], folder: Path) -> Iterator[None]:
    (folder / IMAGES).mkdir()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, item in enumerate(items, start=1):
        mask = read_saved_mask(_mask_file(item))
        file = _write_photo(collection, item, folder / IMAGES)
        images.append({"id": number, "file_name": file.name, "width": mask.shape[1], "height": mask.shape[0]})
        if mask.any():  # an image without annotations has no lesion
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": 1, **_packed(mask)})
        yield
    categories = [{"id": 1, "name": "lesion", "supercategory": ""}]
    _write_json(folder / "annotations.json", {"images": images, "annotations": annotations, "categories": categories})


def _packed(mask: np.ndarray) -> dict[str, Any]:
    """Return a mask (H, W) bool as COCO has it. As no crowd: trainings leave crowds out."""
    packed = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    region = {"size": packed["size"], "counts": packed["counts"].decode()}
    return {"segmentation": region, "area": int(mask.sum()), "bbox": coco_mask.toBbox(packed).tolist(), "iscrowd": 0}


def _write_nnunet(collection: Collection, items: Sequence[Item], folder: Path) -> Iterator[None]:
    photos, labels = folder / "imagesTr", folder / "labelsTr"
    photos.mkdir()
    labels.mkdir()
    for item in items:
        photo = collection.photograph(item.id)
        read_image(photo, photo.name).save(photos / f"{item.id}_0000.png")
        Image.fromarray(read_saved_mask(_mask_file(item)).astype(np.uint8)).save(labels / f"{item.id}.png")
        yield
    facts = {
        "channel_names": {"0": "R", "1": "G", "2": "B"},
        "labels": {"background": 0, "lesion": 1},
        "numTraining": len(items),
        "file_ending": ".png",
    }
    _write_json(folder / "dataset.json", facts)


_WRITERS: dict[str, Callable[[Collection, Sequence[Item], Path], Iterator[None]]] = {
    "isic": _write_isic,
    "images-masks": _write_plain,
    "coco": _write_coco,
    "nnunet": _write_nnunet,
}
LAYOUTS = tuple(_WRITERS)


def _write_photo(collection: Collection, item: Item, folder: Path) -> Path:
    photo = collection.photograph(item.id)
    with open_image(photo, photo.name) as image:
        is_upright = orientation(image) == 1
    file = folder / f"{item.id}{ending(photo.name) if is_upright else '.png'}"
    if is_upright:
        shutil.copyfile(photo, file)
    else:
        read_image(photo, photo.name).save(file)
    return file


def _mask_file(item: Item) -> Path:
    if item.mask is None:  # a photograph without one is not exported
        raise ValueError(f"{item.id} has no mask")
    return item.mask


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """Yield a folder to write, which takes its place at the end; after an exception it is deleted."""
    try:
        if target.exists() and not (target.is_dir() and not any(target.iterdir())):
            raise InputError(f"{target} is there and is no empty folder; name a new one, so that nothing is overwritten.")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".", suffix=partial_suffix()) as made:
            folder = Path(made, "export")
            folder.mkdir()
            yield folder
            if target.is_dir():
                target.rmdir()
            folder.rename(target)
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error.strerror or error}); name another folder.") from None
