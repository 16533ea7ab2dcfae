"""Annotation files of other programs: each format's regions become the same masks, and what is unclear or damaged is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from seg_core.common.home import home
from seg_core.data.annotations.shapes import Annotated, Shape, draw, ellipse
from seg_core.data.check import check_names
from seg_core.data.dataset import Dataset, open_dataset
from seg_core.data.truth import read_truth
from seg_core.errors import InputError

WIDTH, HEIGHT = 20, 10
SQUARE = np.zeros((HEIGHT, WIDTH), dtype=bool)
SQUARE[2:8, 4:12] = True
CORNERS = [4, 2, 12, 2, 12, 8, 4, 8]
# By columns: 42 pixels outside, six in, then four out and six in for each further column, and the rest.
RUNS = [42, *[6, 4] * 7, 6, 82]
# What Label Studio's own encoder makes of SQUARE.
BRUSH = [0, 0, 3, 32, 57, 27, 254, 175, 0, 195, 255, 248, 188, 3, 15, 255, 226, 240, 12, 63, 255, 139, 192, 48, 255, 254, 47, 0]
BRUSH += [195, 255, 248, 188, 3, 15, 255, 235, 240, 0]


def coco(segmentation: Any, **changes: Any) -> dict[str, Any]:
    """COCO's JSON of a.jpg with a region, b.jpg without one."""
    images = [{"id": id, "file_name": name, "width": WIDTH, "height": HEIGHT} for id, name in ((1, "a.jpg"), (2, "b.jpg"))]
    annotations = [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": segmentation, "bbox": [4, 2, 8, 6]}]
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "nevus"}]} | changes


def task(name: str, *values: dict[str, Any], **task: Any) -> dict[str, Any]:
    """A task of Label Studio with one annotation."""
    results = [{"original_width": WIDTH, "original_height": HEIGHT, "type": "labels", "value": value} for value in values]
    return {"data": {"image": name}, "annotations": [{"result": results, "updated_at": "2026-01-02"}]} | task


PERCENT = {"points": [[20, 20], [60, 20], [60, 80], [20, 80]], "polygonlabels": ["Lesion"]}
BRUSHED = {"format": "rle", "rle": BRUSH, "brushlabels": ["Lesion"]}
EARLIER = {"result": [], "updated_at": "2026-01-01"}


def cvat(marks: str, name: str = "a.jpg") -> str:
    return (
        f'<annotations><version>1.1</version><image id="0" name="{name}" width="{WIDTH}" height="{HEIGHT}">{marks}</image>'
        f'<image id="1" name="b.jpg" width="{WIDTH}" height="{HEIGHT}"></image></annotations>'
    )


CVAT_ROWS = "8, 0, 0, 40"  # two runs of none: CVAT counts them too
CVAT_MASK = f'<mask label="nevus" left="4" top="1" width="8" height="6" rle="{CVAT_ROWS}"/>'
CVAT_POLYGON = '<polygon label="nevus" points="4.0,2.0;12.0,2.0;12.0,8.0;4.0,8.0"/>'

FORMATS: dict[str, dict[str, Any]] = {
    "COCO, polygon": {"annotations.json": coco([CORNERS])},
    "COCO, two polygons": {"labels/x.json": coco([[4, 2, 8, 2, 8, 8, 4, 8], [8, 2, 12, 2, 12, 8, 8, 8]])},
    "COCO, run lengths": {"result.json": coco({"size": [HEIGHT, WIDTH], "counts": RUNS})},
    "COCO, packed run lengths": {"result.json": coco({"size": [HEIGHT, WIDTH], "counts": "Z1640000000000000^2"})},
    "COCO, paths of another machine": {
        "result.json": coco([CORNERS], images=[{"id": 1, "file_name": "C:\\test\\a.jpg", "width": WIDTH, "height": HEIGHT}])
    },
    "Label Studio, polygon": {"project.json": [task("/data/upload/1/0a1b2c3d-a.jpg", PERCENT)]},
    "Label Studio, brush": {"project.json": [task("/data/local-files/?d=photos/a.jpg", BRUSHED)]},
    "Label Studio, the newest annotation": {
        "project.json": [task("a.jpg", PERCENT, annotations=[*task("a.jpg", PERCENT)["annotations"], EARLIER])]
    },
    "Label Studio, JSON-MIN": {
        "min.json": [{"image": "s3://x/a.jpg?t=1", "tag": [PERCENT | {"original_width": WIDTH, "original_height": HEIGHT}]}]
    },
    "CVAT, polygon": {"annotations.xml": cvat(CVAT_POLYGON)},
    "CVAT, mask": {"annotations.xml": cvat(CVAT_MASK.replace(CVAT_ROWS, "0, 48").replace('top="1"', 'top="2"'))},
    "YOLO": {"labels/a.txt": "0 0.2 0.2 0.6 0.2 0.6 0.8 0.2 0.8\n", "labels/notes.txt": "no photograph is called so"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The dataset's folder, apart from LESIONLAB_HOME."""
    return tmp_path / "data"


def dataset(folder: Path, files: dict[str, Any], names: tuple[str, ...] = ("a", "b"), **choices: Any) -> Dataset:
    """Write photographs and annotation files, and open the folder."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (WIDTH, HEIGHT), "tan").save(folder / f"images/{name}.jpg")
    write(folder, files)
    return open_dataset(folder, **choices)


def write(folder: Path, files: dict[str, Any]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.mark.parametrize("files", FORMATS.values(), ids=FORMATS)
def test_each_format_gives_the_mask(folder: Path, files: dict[str, Any]) -> None:
    first, *others = dataset(folder, files).pairs
    assert (first.id, first.split) == ("a", "train")
    np.testing.assert_array_equal(read_truth(first).mask, SQUARE)
    assert not any(read_truth(other).mask.any() for other in others)


def test_an_image_without_annotations_has_no_lesion_and_one_without_an_entry_no_mask(folder: Path) -> None:
    opened = dataset(folder, {"annotations.json": coco([CORNERS])}, names=("a", "b", "c"))
    assert [pair.id for pair in opened.pairs] == ["a", "b"]
    assert [file.name for file in opened.unpaired_files] == ["c.jpg"]
    assert opened.notes == ["The masks are drawn from annotations.json (COCO)."]


def test_a_file_that_only_lists_photographs_is_not_named_as_annotations(folder: Path) -> None:
    opened = dataset(folder, {"metadata.json": [{"image": "a.jpg", "diagnosis": "nevus"}], "annotations.json": coco([CORNERS])})
    assert opened.notes == ["The masks are drawn from annotations.json (COCO)."]


def test_boxes_are_left_out_and_counted(folder: Path) -> None:
    opened = dataset(folder, {"x.xml": cvat('<box label="nevus" xtl="1" ytl="1" xbr="5" ybr="5"/>')})
    assert [pair.id for pair in opened.pairs] == ["b"]
    assert opened.notes[1:] == ["Boxes are no outlines of lesions: 1 are left out."]


SEVERAL = coco(
    [CORNERS],
    categories=[{"id": 1, "name": "nevus"}, {"id": 2, "name": "melanoma"}, {"id": 3, "name": "ruler"}],
    annotations=[
        {"image_id": 1, "category_id": 1, "segmentation": [[4, 2, 8, 2, 8, 8, 4, 8]]},
        {"image_id": 1, "category_id": 2, "segmentation": [[8, 2, 12, 2, 12, 8, 8, 8]]},
        {"image_id": 1, "category_id": 3, "segmentation": [[0, 0, 20, 0, 20, 2, 0, 2]]},
    ],
)


def test_the_user_names_the_classes_that_are_lesion(folder: Path) -> None:
    with pytest.raises(InputError, match=r"a\.json has the classes melanoma, nevus, ruler; name those that are lesion"):
        dataset(folder, {"a.json": SEVERAL})
    opened = open_dataset(folder, lesion="Nevus, melanoma")
    np.testing.assert_array_equal(read_truth(opened.pairs[0]).mask, SQUARE)
    assert opened.notes[1] == "Of the classes melanoma, nevus, ruler, melanoma, nevus is read as lesion."
    assert check_names(opened) == []
    with pytest.raises(InputError, match="and no wart; name some of these"):
        open_dataset(folder, lesion="wart")


def test_a_class_called_lesion_is_the_lesion(folder: Path) -> None:
    both = '<polygon label="hair" points="0,0;20,0;20,2"/>' + CVAT_POLYGON.replace("nevus", "Skin lesion")
    np.testing.assert_array_equal(read_truth(dataset(folder, {"x.xml": cvat(both)}).pairs[0]).mask, SQUARE)


def test_splits_are_read_from_the_names_of_the_files(folder: Path) -> None:
    files = {"annotations/instances_train2017.json": coco([CORNERS]), "annotations/instances_val2017.json": coco([CORNERS])}
    for name, photo in zip(files, ("a.jpg", "b.jpg"), strict=True):
        files[name]["images"] = [{"id": 1, "file_name": photo, "width": WIDTH, "height": HEIGHT}]
    assert [(pair.id, pair.split) for pair in dataset(folder, files).pairs] == [("a", "train"), ("b", "val")]


def test_annotations_beside_the_photographs_of_each_split(folder: Path) -> None:
    for split, photo in (("train", "a"), ("valid", "b")):
        (folder / split).mkdir(parents=True)
        Image.new("RGB", (WIDTH, HEIGHT)).save(folder / split / f"{photo}.jpg")
        content = coco([CORNERS], images=[{"id": 1, "file_name": f"{photo}.jpg", "width": WIDTH, "height": HEIGHT}])
        write(folder, {f"{split}/_annotations.coco.json": content})
    opened = open_dataset(folder)
    assert [(pair.id, pair.split) for pair in opened.pairs] == [("a", "train"), ("b", "val")]


def test_a_file_or_folder_that_the_user_names_is_read(folder: Path) -> None:
    both = {"first.json": coco([CORNERS]), "second.json": coco([CORNERS]), "outlines/a.txt": FORMATS["YOLO"]["labels/a.txt"]}
    (folder / "masks").mkdir(parents=True)
    Image.new("L", (WIDTH, HEIGHT)).save(folder / "masks/a.png")
    for masks, form in (("second.json", "COCO"), ("outlines", "YOLO")):
        opened = dataset(folder, both, images="images", masks=masks)
        assert opened.notes == [f"The masks are drawn from {masks} ({form})."]
        np.testing.assert_array_equal(read_truth(opened.pairs[0]).mask, SQUARE)
    assert not read_truth(open_dataset(folder).pairs[0]).mask.any()  # masks as images come first
    with pytest.raises(InputError, match=r"a\.jpg is no folder of masks and no file of annotations"):
        open_dataset(folder, images="images", masks="images/a.jpg")


def test_masks_are_drawn_again_when_the_file_changes_and_only_then(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mask = dataset(folder, {"a.json": coco([CORNERS])}).pairs[0].mask
    monkeypatch.setattr("seg_core.data.annotations.drawn._read", None)
    assert open_dataset(folder).pairs[0].mask == mask
    monkeypatch.undo()
    write(folder, {"a.json": coco([[0, 0, 20, 0, 20, 10, 0, 10]])})
    assert read_truth(open_dataset(folder).pairs[0]).mask.all()


def test_archives_are_read_in_place_also_several_in_a_folder(folder: Path) -> None:
    dataset(folder / "files", FORMATS["COCO, polygon"])
    archives = folder / "archives"
    archives.mkdir()
    with ZipFile(archives / "train_images.zip", "w") as photos, ZipFile(archives / "coco.zip", "w") as annotations:
        for file in (folder / "files/images").iterdir():
            photos.write(file, file.name)
        annotations.write(folder / "files/annotations.json", "annotations.json")
    np.testing.assert_array_equal(read_truth(open_dataset(archives).pairs[0]).mask, SQUARE)


DAMAGED: dict[str, tuple[dict[str, Any], str]] = {
    "cut off": ({"a.json": '{"images": ['}, r"a\.json holds annotations that cannot be read \(Expecting value"),
    "no XML": ({"a.xml": "<annotations>"}, r"a\.xml holds annotations that cannot be read \(no element found"),
    "without a size": ({"a.json": coco([CORNERS], images=[{"id": 1, "file_name": "a.jpg"}])}, r"\(without 'width'\)"),
    "an unknown image": ({"a.json": coco([CORNERS], images=[])}, r"\(without 1\)"),
    "a huge image": (
        {"a.json": coco([CORNERS], images=[{"id": 1, "file_name": "a.jpg", "width": 10**6, "height": 10**6}])},
        r"\(a photograph of 1000000 × 1000000 pixels\)",
    ),
    "a polygon of two corners": ({"a.json": coco([[1, 2, 3, 4]])}, r"holds outlines of a\.jpg .*a polygon without three corners"),
    "no numbers": ({"a.json": coco([["x", "y", 1, 2, 3, 4]])}, "could not convert string to float"),
    "too few runs": ({"a.json": coco({"size": [HEIGHT, WIDTH], "counts": [3, 4]})}, "do not fill the photograph"),
    "runs of another size": ({"a.json": coco({"size": [2, 2], "counts": [2, 2]})}, "a region of 2 × 2 pixels in a photograph"),
    "brush strokes cut off": ({"a.json": [task("a.jpg", BRUSHED | {"rle": BRUSH[:20]})]}, "end too early"),
    "a video": ({"a.xml": '<annotations><track id="0" label="x"></track></annotations>'}, "annotations of a video"),
    "a mask outside": ({"a.xml": cvat(CVAT_MASK.replace('left="4"', 'left="14"'))}, "a mask outside of its photograph"),
    "words in YOLO": ({"labels/a.txt": "0 1 2 3 4 5 x"}, r"a\.txt holds outlines that cannot be read"),
    "no annotations": ({"a.json": {"metadata": 1}, "b.xml": "<x/>"}, "holds no photographs with masks"),
}


@pytest.mark.parametrize(("files", "message"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_named(folder: Path, files: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        dataset(folder, files)


def test_names_lead_nowhere_else(folder: Path) -> None:
    image = {"id": 1, "file_name": "../../../../x/a.jpg", "width": WIDTH, "height": HEIGHT}
    opened = dataset(folder, {"a.json": coco([CORNERS], images=[image])})
    assert opened.pairs[0].mask.resolve().is_relative_to(home() / "cache" / "annotations")


def test_an_ellipse_is_turned_as_one_sees_it() -> None:
    def drawn(degrees: float) -> np.ndarray:
        return draw(Annotated("", (100, 80), [Shape("", ellipse(50, 40, 20, 10, degrees))]), {""})

    rows, columns = (np.flatnonzero(drawn(0).any(axis)) for axis in (1, 0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (30, 49, 30, 69)
    assert drawn(0).sum() == pytest.approx(np.pi * 20 * 10, rel=0.01)
    assert np.flatnonzero(drawn(90).any(0))[[0, -1]].tolist() == [40, 59]
    assert not drawn(45)[30, 60]
    assert drawn(45)[50, 60]  # clockwise: to the lower right
