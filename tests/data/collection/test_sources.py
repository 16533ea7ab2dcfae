"""Datasets and folders of photographs that become collections."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg_core.data.collection.sources import add_dataset, add_files, photographs_in
from seg_core.data.collection.store import create_collection, open_collection
from seg_core.data.dataset import Dataset, open_dataset
from seg_core.data.truth import read_truth
from seg_core.errors import InputError
from tests.helpers import LAYOUTS, lesion, make_dataset


def truths(dataset: Dataset) -> dict[str, bytes]:
    return {pair.id: read_truth(pair).mask.tobytes() for pair in dataset.unique_pairs}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_dataset_of_any_layout_is_read_with_its_masks(tmp_path: Path, layout: str) -> None:
    data = open_dataset(make_dataset(tmp_path / "data", layout=layout, train=2, test=layout != "flat"))
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.*")}
    collection = create_collection("Clinic")
    added = add_dataset(collection, data, copy=True)
    assert added.ids == [pair.id for pair in data.unique_pairs]
    split = "A collection has no splits; photographs of the test split are among the others: 1."
    assert added.notes == ([] if layout == "flat" else [split])
    made = open_dataset(collection.source())
    assert truths(made) == truths(data)
    assert made.counts == {"train": len(data.pairs), "val": 0, "test": 0}
    assert {version.began_as for id in added.ids for version in collection.history(id)} == {"truth"}
    assert {file: file.stat().st_mtime_ns for file in before} == before
    again = add_dataset(collection, data, copy=False)
    assert (again.ids, again.notes[0]) == ([], f"Photographs that were there already: {len(data.pairs)}.")
    assert all(len(collection.history(id)) == 1 for id in added.ids)


def test_what_cannot_be_read_is_left_out_and_told(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", layout="flat", train=4)
    (data / "images" / "ISIC_0000000.jpg").write_bytes(b"no photograph")
    Image.new("L", (10, 90)).save(data / "masks" / "ISIC_0000001.png")
    (data / "masks" / "ISIC_0000002.png").unlink()
    collection = create_collection("Clinic")
    added = add_dataset(collection, open_dataset(data), copy=False)
    assert added.ids == ["ISIC_0000001", "ISIC_0000003", "ISIC_0000002"]
    broken, other_size = added.notes
    assert broken.startswith("Left out: ISIC_0000000.jpg is not an image")
    assert "ISIC_0000001.png differ in size" in other_size
    assert [item.id for item in collection.items() if item.mask] == ["ISIC_0000003"]
    assert all(item.photo.is_symlink() for item in collection.items())


def test_a_zip_archive_is_copied_even_where_links_are_wanted(tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", make_dataset(tmp_path / "data", train=2))
    collection = create_collection("Clinic")
    add_dataset(collection, open_dataset(archive), copy=False)
    shutil.rmtree(collection.folder.parent.parent / "cache")
    assert len(open_dataset(collection.source()).pairs) == 2
    assert not any(item.photo.is_symlink() for item in collection.items())


def test_annotations_are_drawn(tmp_path: Path) -> None:
    pixels, _ = lesion()
    (tmp_path / "coco" / "images").mkdir(parents=True)
    Image.fromarray(pixels).save(tmp_path / "coco" / "images" / "x.png")
    square = [10, 10, 30, 10, 30, 30, 10, 30]
    content = {
        "images": [{"id": 1, "file_name": "x.png", "width": 64, "height": 64}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [square]}],
        "categories": [{"id": 1, "name": "lesion"}],
    }
    (tmp_path / "coco" / "annotations.json").write_text(json.dumps(content))
    collection = create_collection("Clinic")
    assert add_dataset(collection, open_dataset(tmp_path / "coco"), copy=True).ids == ["x"]
    with Image.open(collection.version_mask("x", 1)) as stored:
        marked = np.asarray(stored) == 255
    assert marked[10:30, 10:30].all()
    assert marked.sum() == 400


def test_a_folder_of_photographs_begins_without_masks(tmp_path: Path) -> None:
    photos = make_dataset(tmp_path / "data", layout="flat", train=3) / "images"
    (photos / "notes.txt").write_text("x")
    collection = create_collection("Clinic")
    seen: list[tuple[int, int]] = []
    assert add_files(collection, photographs_in(photos), copy=False, on_progress=lambda *now: seen.append(now)).ids == [
        f"ISIC_000000{number}" for number in range(3)
    ]
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert all(item.mask is None and item.versions == 0 for item in open_collection("Clinic").items())
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="empty holds no photographs"):
        photographs_in(empty)
    with pytest.raises(InputError, match="There is no folder"):
        photographs_in(tmp_path / "nowhere")
