"""Collections as other programs read them: exported, and read again with equal masks."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from seg_core.data.collection.collection import Collection
from seg_core.data.collection.export import LEFT_OUT, export_archive, export_collection
from seg_core.data.collection.export_layouts import LAYOUTS
from seg_core.data.collection.store import create_collection
from seg_core.data.dataset import open_dataset
from seg_core.data.image import read_image
from seg_core.data.truth import read_truth
from seg_core.errors import InputError
from tests.helpers import lesion

SIDEWAYS = "b"


@pytest.fixture
def clinic(tmp_path: Path) -> Collection:
    """a and c with lesions, b stored on its side, d with an empty mask, e excluded, f without a mask."""
    collection, exif = create_collection("Clinic"), Image.Exif()
    exif[0x0112] = 6
    for seed, id in enumerate("abcdef"):
        pixels, mask = lesion((40, 30), seed)
        file = tmp_path / f"{id}.{'png' if id == 'c' else 'jpg'}"
        Image.fromarray(pixels).save(file, exif=exif if id == SIDEWAYS else Image.Exif())
        mask = np.rot90(mask, -1) if id == SIDEWAYS else mask & (id != "d")
        collection.add_photographs([file], copy=True, masks={} if id == "f" else {file: mask})
    collection.exclude("e", "blurred", "Ada")
    return collection


def masks_of(collection: Collection) -> dict[str, Any]:
    return {id: np.asarray(Image.open(collection.version_mask(id, 1))) > 0 for id in "abcd"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_is_read_again_with_equal_masks(clinic: Collection, tmp_path: Path, layout: str) -> None:
    target = tmp_path / "to" / "exported"
    seen: list[tuple[int, int]] = []
    assert export_collection(clinic, layout, target, lambda *now: seen.append(now)) == 4
    assert seen[-1] == (4, 4)
    dataset = open_dataset(target)
    assert [pair.id.removesuffix("_0000") for pair in dataset.pairs] == ["a", "b", "c", "d"]
    for pair in dataset.pairs:
        id = pair.id.removesuffix("_0000")
        truth = read_truth(pair)
        assert truth.fitted == ""
        assert np.array_equal(truth.mask, masks_of(clinic)[id])
        assert np.array_equal(np.asarray(read_image(pair.image)), np.asarray(read_image(clinic.photograph(id))))
        with Image.open(pair.image) as stored:  # as a program that knows no EXIF reads it
            assert stored.size == truth.mask.shape[::-1]
    assert not [path for path in target.parent.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_archive_holds_what_the_folder_does(clinic: Collection, tmp_path: Path, layout: str) -> None:
    export_collection(clinic, layout, tmp_path / layout)
    (tmp_path / "a.zip").write_bytes(b"".join(export_archive(clinic, layout)))
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        packed = {name: archive.read(name) for name in archive.namelist()}
    files = [path for path in (tmp_path / layout).rglob("*") if path.is_file()]
    assert packed == {path.relative_to(tmp_path / layout).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_cannot_be_read_is_left_out_of_an_archive_and_named_there(clinic: Collection, tmp_path: Path, layout: str) -> None:
    masks, pieces = masks_of(clinic), export_archive(clinic, layout)
    first = next(pieces)
    clinic.photograph("b").write_bytes(b"")
    clinic.photograph("c").unlink()  # while it is downloaded
    (tmp_path / "out.zip").write_bytes(first + b"".join(pieces))
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.read(LEFT_OUT).decode().splitlines() == [
            "b.jpg is an empty file; save or upload it again.",
            "There is no photograph c in the collection Clinic.",
        ]
        archive.extractall(tmp_path / "out")
    dataset = open_dataset(tmp_path / "out")
    assert [pair.id.removesuffix("_0000") for pair in dataset.pairs] == ["a", "d"]
    for pair in dataset.pairs:
        assert np.array_equal(read_truth(pair).mask, masks[pair.id[0]])


def test_the_names_of_the_files_are_those_of_each_layout(clinic: Collection, tmp_path: Path) -> None:
    found = {}
    for layout in LAYOUTS:
        export_collection(clinic, layout, tmp_path / layout)
        found[layout] = sorted(str(path.relative_to(tmp_path / layout)) for path in (tmp_path / layout).rglob("*.*"))[:5]
    isic = "ISBI2016_ISIC_Part1_Training"
    photos = ["images/a.jpg", "images/b.png", "images/c.png", "images/d.jpg"]
    assert found == {
        "isic": [*(f"{isic}_Data/{name[7:]}" for name in photos), f"{isic}_GroundTruth/a_Segmentation.png"],
        "images-masks": [*photos, "masks/a.png"],
        "coco": ["annotations.json", *photos],
        "nnunet": ["dataset.json", *(f"imagesTr/{id}_0000.png" for id in "abcd")],
    }


def test_coco_is_read_by_its_own_library(clinic: Collection, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export_collection(clinic, "coco", tmp_path / "coco")
    coco = COCO(str(tmp_path / "coco" / "annotations.json"))
    capsys.readouterr()
    assert [image["file_name"] for image in coco.loadImgs(coco.getImgIds())] == ["a.jpg", "b.png", "c.png", "d.jpg"]
    masks = list(masks_of(clinic).values())
    for annotation in coco.loadAnns(coco.getAnnIds()):
        mask = masks[annotation["image_id"] - 1]
        rows, columns = np.nonzero(mask)
        assert np.array_equal(coco.annToMask(annotation) > 0, mask)
        assert annotation["area"] == mask.sum()
        assert annotation["bbox"] == [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
    assert coco.getAnnIds(imgIds=4) == []
    assert coco.loadCats(1)[0]["name"] == "lesion"


def test_nnunet_gets_labels_of_0_and_1_and_their_description(clinic: Collection, tmp_path: Path) -> None:
    export_collection(clinic, "nnunet", tmp_path / "nn")
    assert json.loads((tmp_path / "nn" / "dataset.json").read_text()) == {
        "channel_names": {"0": "R", "1": "G", "2": "B"},
        "labels": {"background": 0, "lesion": 1},
        "numTraining": 4,
        "file_ending": ".png",
    }
    values = {id: np.unique(np.asarray(Image.open(tmp_path / "nn" / "labelsTr" / f"{id}.png"))).tolist() for id in "abcd"}
    assert values == {"a": [0, 1], "b": [0, 1], "c": [0, 1], "d": [0]}


def test_nothing_is_written_over_and_nothing_is_left_of_a_failure(clinic: Collection, tmp_path: Path) -> None:
    target = tmp_path / "full"
    target.mkdir()
    (target / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="full is there and is no empty folder"):
        export_collection(clinic, "isic", target)
    (target / "mine.txt").unlink()
    clinic.photograph("d").write_bytes(b"")
    with pytest.raises(InputError, match=r"d\.jpg is an empty file"):
        export_collection(clinic, "isic", target)
    assert list(target.iterdir()) == []
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    clinic.exclude("d", "empty file", "Ada")
    assert export_collection(clinic, "isic", target) == 3
    with pytest.raises(InputError, match="No photograph of Empty has a mask"):
        export_collection(create_collection("Empty"), "coco", tmp_path / "none")
    with pytest.raises(InputError, match="There is no layout 'voc' to export"):
        export_archive(clinic, "voc")
