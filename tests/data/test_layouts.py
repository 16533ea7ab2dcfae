"""Folders as people have them: which photographs and masks are found, of which split, and what the user is told."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest

from seg_core.data import tree
from seg_core.data.archive import unpacked
from seg_core.data.check import check_names
from seg_core.data.dataset import open_dataset
from seg_core.data.folders import Listing, list_folder
from seg_core.errors import InputError
from tests.helpers import SHARED_DATA, write_pair

CASES = SHARED_DATA.parent / "cases"


def plant(folder: Path, files: Sequence[str]) -> Path:
    """Make empty files; ``{a,b}`` in a name stands for several."""
    for name in files:
        before, _, rest = name.partition("{")
        choices, _, after = rest.partition("}")
        for choice in choices.split(","):
            file = folder / f"{before}{choice}{after}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    return folder


def found(listing: Listing) -> list[str]:
    """The pairs as ``split id mask``, the further masks of a photograph after a plus."""
    return [f"{pair.split} {pair.id} {'+'.join(mask.name for mask in pair.masks)}" for pair in listing.pairs]


TRAIN_AB = ["train a a.png", "train b b.png"]
BY_SPLIT = ["train a a.png", "val b b.png", "test c c.png"]

LAYOUTS = {
    "words in any case": (["Images/{a,b}.jpg", "MASKS/{a,b}.png"], TRAIN_AB),
    "other words": (["img_dir/{a,b}.jpg", "ann_dir/{a,b}.png"], TRAIN_AB),
    "two levels deeper": (["download/v2/Photos/{a,b}.jpg", "download/v2/Ground Truth/{a,b}.png"], TRAIN_AB),
    "kind, then split": (
        [
            "images/train/a.jpg",
            "images/val/b.jpg",
            "images/test/c.jpg",
            "labels/train/a.png",
            "labels/val/b.png",
            "labels/test/c.png",
        ],
        BY_SPLIT,
    ),
    "split, then kind": (
        [
            "Train/Image/a.jpg",
            "Train/Label/a.png",
            "validation/Image/b.jpg",
            "validation/Label/b.png",
            "TEST/img/c.jpg",
            "TEST/gt/c.png",
        ],
        BY_SPLIT,
    ),
    "in one word": (
        [
            "trainimages/a.jpg",
            "trainmasks/a.png",
            "ValidImages/b.jpg",
            "ValidMasks/b.png",
            "test_x/images/c.jpg",
            "test_y/masks/c.png",
        ],
        BY_SPLIT,
    ),
    "splits of photographs alone": (
        ["images/train/a.jpg", "images/val/b.jpg", "images/test/c.jpg", "masks/{a,b,c}.png"],
        BY_SPLIT,
    ),
    "splits of masks alone": (["images/{a,b,c}.jpg", "masks/train/a.png", "masks/val/b.png", "masks/test/c.png"], BY_SPLIT),
    "a folder per patient": (["images/p1/a.jpg", "images/p2/b.jpg", "masks/p1/a.png", "masks/p2/b.png"], TRAIN_AB),
    "patients with the same numbers": (
        ["images/p1/1.jpg", "images/p2/1.jpg", "masks/p1/1.png", "masks/p2/1.png"],
        ["train p1_1 1.png", "train p2_1 1.png"],
    ),
    "many folders, one of masks": (["benign/images/a.jpg", "malignant/images/b.jpg", "all masks/{a,b}.png"], TRAIN_AB),
    "masks below photographs": (["images/{a,b}.jpg", "images/masks/{a,b}.png"], TRAIN_AB),
    "photographs beside the folder of masks": (["{a,b}.jpg", "masks/{a,b}.png"], TRAIN_AB),
    "classes beside the folder of masks": (["nevus/a.jpg", "melanoma/b.jpg", "masks/{a,b}.png"], TRAIN_AB),
    "side by side": (["{a,b}.jpg", "{a,b}_segmentation.png"], ["train a a_segmentation.png", "train b b_segmentation.png"]),
    "side by side, by split": (
        ["train/a.jpg", "train/mask_a.png", "test/c.jpg", "test/c_mask.png"],
        ["train a mask_a.png", "test c c_mask.png"],
    ),
    "side by side, several": (
        ["benign/b (1).png", "benign/b (1)_mask.png", "benign/b (1)_mask_1.png"],
        ["train b (1) b (1)_mask.png+b (1)_mask_1.png"],
    ),
    "side by side, JPEG and PNG": (["{a,b}.jpg", "{a,b}.png"], TRAIN_AB),
    "a folder per case": (
        ["case1/image.jpg", "case1/mask.png", "case2/image.jpg", "case2/mask.png"],
        ["train case1 mask.png", "train case2 mask.png"],
    ),
    "a folder per case, with folders": (
        ["1/images/x.png", "1/masks/{y,z}.png", "2/images/u.png", "2/masks/v.png"],
        ["train u v.png", "train x y.png+z.png"],
    ),
    "PH2": (
        [
            "PH2Dataset/PH2 Dataset images/IMD002/IMD002_Dermoscopic_Image/IMD002.bmp",
            "PH2Dataset/PH2 Dataset images/IMD002/IMD002_lesion/IMD002_lesion.bmp",
            "PH2Dataset/PH2 Dataset images/IMD002/IMD002_roi/IMD002_R1_Label3.bmp",
            "PH2Dataset/PH2 Dataset images/IMD003/IMD003_Dermoscopic_Image/IMD003.bmp",
            "PH2Dataset/PH2 Dataset images/IMD003/IMD003_lesion/IMD003_lesion.bmp",
            "PH2Dataset/PH2_dataset.txt",
        ],
        ["train IMD002 IMD002_lesion.bmp", "train IMD003 IMD003_lesion.bmp"],
    ),
    "HAM10000": (
        [
            "HAM10000_images_part_1/ISIC_1.jpg",
            "HAM10000_images_part_2/ISIC_2.jpg",
            "HAM10000_segmentations_lesion_tschandl/ISIC_{1,2}_segmentation.png",
        ],
        ["train ISIC_1 ISIC_1_segmentation.png", "train ISIC_2 ISIC_2_segmentation.png"],
    ),
    "ISIC 2016 with its other parts": (
        [
            "ISBI2016_ISIC_Part1_Training_Data/ISIC_1.jpg",
            "ISBI2016_ISIC_Part1_Training_GroundTruth/ISIC_1_Segmentation.png",
            "ISBI2016_ISIC_Part3B_Training_Data/ISIC_1.jpg",
            "ISBI2016_ISIC_Part3B_Training_Data/ISIC_1_Segmentation.png",
            "ISBI2016_ISIC_Part2_Training_Data/ISIC_2.jpg",
        ],
        ["train ISIC_1 ISIC_1_Segmentation.png"],
    ),
    "ISIC 2016, Part 3B": (
        [
            "ISBI2016_ISIC_Part3B_Training_Data/ISIC_{1,2}.jpg",
            "ISBI2016_ISIC_Part3B_Training_Data/ISIC_{1,2}_Segmentation.png",
            "ISBI2016_ISIC_Part3B_Test_Data/ISIC_3.jpg",
            "ISBI2016_ISIC_Part3B_Test_Data/ISIC_3_Segmentation.png",
        ],
        ["train ISIC_1 ISIC_1_Segmentation.png", "train ISIC_2 ISIC_2_Segmentation.png", "test ISIC_3 ISIC_3_Segmentation.png"],
    ),
    "ISIC 2017, twice nested, with Part 2": (
        [
            "ISIC-2017_Training_Data/ISIC-2017_Training_Data/ISIC_1.jpg",
            "ISIC-2017_Training_Data/ISIC-2017_Training_Data/ISIC_1_superpixels.png",
            "ISIC-2017_Training_Part1_GroundTruth/ISIC-2017_Training_Part1_GroundTruth/ISIC_1_segmentation.png",
            "ISIC-2017_Training_Part2_GroundTruth/ISIC-2017_Training_Part2_GroundTruth/ISIC_1_features.json",
            "ISIC-2017_Test_v2_Data/ISIC-2017_Test_v2_Data/ISIC_2.jpg",
            "ISIC-2017_Test_v2_Part1_GroundTruth/ISIC-2017_Test_v2_Part1_GroundTruth/ISIC_2_segmentation.png",
        ],
        ["train ISIC_1 ISIC_1_segmentation.png", "test ISIC_2 ISIC_2_segmentation.png"],
    ),
    "ISIC 2018 with its other tasks": (
        [
            "ISIC2018_Task1-2_Training_Input/ISIC_1.jpg",
            "ISIC2018_Task1_Training_GroundTruth/ISIC_1_segmentation.png",
            "ISIC2018_Task2_Training_GroundTruth_v3/ISIC_1_attribute_streaks.png",
            "ISIC2018_Task3_Training_Input/ISIC_9.jpg",
        ],
        ["train ISIC_1 ISIC_1_segmentation.png"],
    ),
    "nnU-Net": (
        ["imagesTr/{a,b}_0000.png", "imagesTs/c_0000.png", "labelsTr/{a,b}.png", "labelsTs/c.png", "dataset.json"],
        ["train a_0000 a.png", "train b_0000 b.png", "test c_0000 c.png"],
    ),
    "mmsegmentation": (
        ["data/my/img_dir/train/a.jpg", "data/my/img_dir/val/b.jpg", "data/my/ann_dir/train/a.png", "data/my/ann_dir/val/b.png"],
        BY_SPLIT[:2],
    ),
    "Ultralytics with masks": (
        [
            "images/train/a.jpg",
            "images/val/b.jpg",
            "labels/train/a.txt",
            "labels/val/b.txt",
            "masks/train/a.png",
            "masks/val/b.png",
        ],
        BY_SPLIT[:2],
    ),
    "words in the names above all": (
        ["lesion segmentation/nevus/{a,b}.jpg", "lesion segmentation/nevus masks/{a,b}.png"],
        TRAIN_AB,
    ),
    "side by side, two words": (["{a,b}_orig.jpg", "{a,b}_mask.png"], ["train a_orig a_mask.png", "train b_orig b_mask.png"]),
    "predictions and overlays beside": (
        ["images/{a,b}.jpg", "masks/{a,b}.png", "predictions/{a,b}.png", "overlays/{a,b}.png", "masks/.DS_Store"],
        TRAIN_AB,
    ),
}


@pytest.mark.parametrize(("files", "pairs"), LAYOUTS.values(), ids=LAYOUTS)
def test_a_layout_is_understood(files: list[str], pairs: list[str], tmp_path: Path) -> None:
    listing = list_folder(plant(tmp_path, files))
    assert found(listing) == pairs
    assert (listing.without_mask, listing.without_photo, listing.untested) == ([], [], [])


def test_voc_lists_its_photographs_and_their_splits(tmp_path: Path) -> None:
    plant(
        tmp_path, ["JPEGImages/{a,b,c,d}.jpg", "SegmentationClass/{a,b}.png", "SegmentationObject/{a,b}.png", "Annotations/a.xml"]
    )
    lists = tmp_path / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    for name, ids in {"trainval": "a\nb\n", "train": "a\n", "val": "b\n"}.items():
        (lists / f"{name}.txt").write_text(ids)
    listing = list_folder(tmp_path)
    assert found(listing) == BY_SPLIT[:2]
    assert listing.notes == ["2 photographs that ImageSets does not list are left out."]
    assert listing.without_mask == []


CASE = "Matched by name: without regard to upper and lower case or the way accents are written."
A_NFD = unicodedata.normalize("NFD", "é")
JOINED = "Several masks of one photograph are joined, for 1: a."
NAMES = {
    "prefix": ("{a,b,c}.jpg", "mask_{a,b,c}.png", "mask_a mask_b mask_c", "Matched by name: masks without `mask_`."),
    "suffix": ("{a,b,c}.jpg", "{a,b,c}_seg.png", "a_seg b_seg c_seg", "Matched by name: masks without `_seg`."),
    "any suffix": ("{a,b,c}.jpg", "{a,b,c}-final.png", "a-final b-final c-final", "Matched by name: masks without `-final`."),
    "both": ("{a,b,c}.jpg", "gt-{a,b,c}.v2.png", "gt-a.v2 gt-b.v2 gt-c.v2", "Matched by name: masks without `gt-` and `.v2`."),
    "two endings": ("{a,b,c}.jpg", "{a,b,c}.jpg.png", "a.jpg b.jpg c.jpg", "Matched by name: masks without `.jpg`."),
    "two words": (
        "image_{01,02,11}.jpg",
        "label_{01,02,11}.png",
        "label_01 label_02 label_11",
        "Matched by name: masks without `label_` and photographs without `image_`.",
    ),
    "two letters": (
        "X{1,2,11}.png",
        "Y{1,2,11}.png",
        "Y1 Y11 Y2",
        "Matched by name: masks without `y` and photographs without `x`.",
    ),
    "nnU-Net": ("{a,b,c}_0000.png", "{a,b,c}.png", "a b c", "Matched by name: photographs without `_0000`."),
    "case": ("{A,B,c}.jpg", "{a,b,C}_Mask.png", "a_Mask b_Mask C_Mask", CASE),
    "accents": ("{b,é}.jpg", f"{{b,{A_NFD}}}.png", f"b {A_NFD}", CASE),
    "numbered": ("{a,b}.jpg", "{a_1,a_2,b_1}.png", "a_1+a_2 b_1", JOINED),
    "lettered": ("{a,b}.jpg", "{a,a_b,b}.png", "a+a_b b", JOINED),
    "numbered behind a suffix": ("{a,b}.jpg", "{a_mask,a_mask_1,a_mask2,b_mask}.png", "a_mask+a_mask2+a_mask_1 b_mask", JOINED),
    "one that is no mask of any": (
        "{a,b,c}.jpg",
        "{a_seg,b_seg,c_seg,x}.png",
        "a_seg b_seg c_seg",
        "Matched by name: masks without `_seg`.",
    ),
    "one pair": ("{a}.jpg", "{seg_a}.png", "seg_a", "Matched by name: masks without `seg_`."),
}


@pytest.mark.parametrize(("photos", "masks", "matched", "note"), NAMES.values(), ids=NAMES)
def test_masks_are_matched_by_one_rule_which_is_told(photos: str, masks: str, matched: str, note: str, tmp_path: Path) -> None:
    listing = list_folder(plant(tmp_path, [f"images/{photos}", f"masks/{masks}"]))
    assert ["+".join(mask.stem for mask in pair.masks) for pair in listing.pairs] == matched.split()
    assert listing.notes == [note]
    assert listing.without_mask == []


@pytest.mark.parametrize(
    ("photos", "masks"),
    [
        ("img_{000,001}.jpg", "task-{11,12}-annotation-4-by-1-tag-lesion-0.png"),  # Label Studio numbers its tasks
        ("{a,b,c}.jpg", "{x,y,z}.png"),
        ("{1,2,3,4}.jpg", "1{1,2,3,4}.png"),  # 11 is no mask of 1
        ("{a,b,c}.jpg", "{a_left,a_right,b_left,b_right,c_left,c_right}.png"),  # one of two, and nobody knows which
        ("{a}.jpg", "{a copy}.png"),  # one file is no rule
    ],
)
def test_names_that_do_not_tell_are_listed_and_never_guessed(photos: str, masks: str, tmp_path: Path) -> None:
    listing = list_folder(plant(tmp_path, [f"images/{photos}", f"masks/{masks}"]))
    assert listing.pairs == []
    assert {path.name for path in listing.without_mask} == {path.name for path in (tmp_path / "images").iterdir()}
    assert {path.name for path in listing.without_photo} == {path.name for path in (tmp_path / "masks").iterdir()}
    assert any("Label Studio names these masks" in note for note in listing.notes) == masks.startswith("task")


def test_what_is_not_understood_is_listed_with_a_way_out(tmp_path: Path) -> None:
    plant(tmp_path, ["first/{a,b}.jpg", "second/{a,b}.png", "notes/readme.txt"])
    with pytest.raises(InputError) as refused:
        open_dataset(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path} holds no photographs with masks in folders whose names tell which is which; "
        "it holds first/ (2 images), second/ (2 images): name the folders (--images DIR --masks DIR, or "
        "the fields of the page), or call them images/ and masks/."
    )
    assert found(open_dataset(tmp_path, images="first", masks="second").listings[0]) == TRAIN_AB
    assert found(open_dataset(f"{tmp_path}?images=first&masks=second/").listings[0]) == TRAIN_AB
    with pytest.raises(InputError, match=r"There is no folder third in .*first/ \(2 images\)"):
        open_dataset(tmp_path, images="first", masks="third")
    with pytest.raises(InputError, match=r"holds no masks there; it holds first/.* name their folder \(--masks\)"):
        open_dataset(tmp_path, images="first", masks="notes")


@pytest.mark.parametrize(
    ("files", "listed"),
    [
        (["a/b/{1,2}.dcm", "a/x.zip"], r"no images, but files of other kinds \(2 × \.dcm, 1 × \.zip\)"),
        ([f"case{number}/x/{{a,b}}.png" for number in range(8)], r"\./ \(16 images in 8 folders\)|case0/ .* and 2 more folders"),
        (["images/{a}.jpg"], r"images/ \(1 image\)"),
    ],
)
def test_the_list_of_what_is_there_stays_short(files: list[str], listed: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=listed):
        open_dataset(plant(tmp_path, files))


def test_named_folders_keep_their_splits_and_may_lie_in_each_other(tmp_path: Path) -> None:
    plant(tmp_path, ["first/train/a.jpg", "first/val/b.jpg", "first/drawn/train/a.png", "first/drawn/val/b.png", "third/c.png"])
    assert found(open_dataset(tmp_path, images="first", masks="first/drawn").listings[0]) == BY_SPLIT[:2]
    plant(tmp_path / "mixed", ["all/{a,b}.jpg", "all/{a,b}_mask.png"])
    mixed = open_dataset(tmp_path / "mixed", images="all", masks="all").listings[0]
    assert found(mixed) == ["train a a_mask.png", "train b b_mask.png"]
    with pytest.raises(InputError, match="holds no photographs with masks"):
        open_dataset(tmp_path, images="third", masks="third")


def test_pictures_that_are_not_read_are_counted(tmp_path: Path) -> None:
    plant(tmp_path, ["images/{a.jpg,b.dcm,c.gif,LICENSE.txt,a_superpixels.png}", "masks/{a.png,a.npy,b.npy}", "else/x.svg"])
    (note,) = list_folder(tmp_path).notes
    assert note.startswith("Files of other kinds are not read: 2 × .npy, 1 × .dcm, 1 × .gif. Save")


def test_several_datasets_are_read_as_one_only_where_no_photograph_repeats(tmp_path: Path) -> None:
    plant(tmp_path, ["nevus/images/{a,b}.jpg", "nevus/masks/{a,b}.png", "melanoma/images/{c,d}.jpg", "melanoma/masks/{c,d}.png"])
    listing = list_folder(tmp_path)
    assert [pair.id for pair in listing.pairs] == ["a", "b", "c", "d"]
    assert listing.notes == ["Folders that are read as one dataset: melanoma, nevus."]
    plant(tmp_path, ["small/images/{a,b}.jpg", "small/masks/{a,b}.png"])
    with pytest.raises(InputError, match=r"several datasets .* such as a in nevus/ and small/; name one of them"):
        list_folder(tmp_path)


def test_test_photographs_without_masks_are_one_warning(tmp_path: Path) -> None:
    plant(tmp_path, ["images/train/{a,b,c}.jpg", "images/test/{x,y}.jpg", "masks/train/{a,b}.png"])
    dataset = open_dataset(tmp_path)
    problems = check_names(dataset)
    assert [(problem.kind, problem.is_error) for problem in problems] == [("missing mask", True), ("test without masks", False)]
    assert problems[1].message == "2 photographs of the test split have no mask and are not scored: x.jpg, y.jpg."
    assert dataset.counts == {"train": 2, "val": 0, "test": 0}
    assert [file.name for file in dataset.unpaired_files] == ["c.jpg", "x.jpg", "y.jpg"]


def test_a_zip_archive_is_read_in_place(tmp_path: Path, lab_home: Path) -> None:
    archive = tmp_path / "my photos.ZIP"
    for number, id in enumerate("ab"):
        write_pair(tmp_path / "data" / "images" / f"{id}.jpg", tmp_path / "data" / "masks" / f"{id}.png", seed=number)
    files = sorted(path for path in (tmp_path / "data").rglob("*") if path.is_file())

    def pack(paths: Sequence[Path], extra: str = "__MACOSX/data/images/._a.jpg") -> None:
        with ZipFile(archive, "w") as opened:
            for path in paths:
                opened.write(path, path.relative_to(tmp_path))
            opened.writestr(extra, "no photograph")

    pack(files)
    dataset = open_dataset(archive)
    assert (dataset.name, dataset.sources) == ("my photos", (str(archive),))
    assert found(dataset.listings[0]) == TRAIN_AB
    assert dataset.fingerprint == open_dataset(tmp_path / "data").fingerprint
    assert all(pair.image.is_relative_to(lab_home) for pair in dataset.pairs)
    named = open_dataset(archive, images="data/images", masks="data/masks")
    assert named.pairs == dataset.pairs  # unpacked once
    assert open_dataset(named.sources).pairs == dataset.pairs

    pack([file for file in files if file.stem == "b"])
    assert found(open_dataset(archive).listings[0]) == TRAIN_AB[1:]
    assert not dataset.pairs[0].image.exists()  # what the earlier archive left is gone
    pack(files, "data/images/../../../evil.jpg")
    with pytest.raises(InputError, match=r"holds a path that leads out of its folder .*; unpack it yourself and name the folder"):
        open_dataset(archive)
    archive.write_bytes(b"no archive")
    with pytest.raises(InputError, match="is not a zip archive, or not a complete one"):
        unpacked(archive, [".png"])


def test_a_folder_of_too_many_folders_is_refused_before_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "MOST_FOLDERS", 3)
    with pytest.raises(InputError, match="holds more than 3 folders; name one nearer to the photographs"):
        open_dataset(plant(tmp_path, ["{1,2,3,4}/a.jpg"]))
    (tmp_path / "1" / "round").symlink_to(tmp_path, target_is_directory=True)
    monkeypatch.undo()
    with pytest.raises(InputError, match="holds no photographs with masks"):
        open_dataset(tmp_path)


SHARED = {
    "layout_capitals": (6, 0, 0),
    "layout_ham": (6, 0, 0),
    "layout_images_labels": (6, 0, 0),
    "layout_isic2018_kaggle_twice": (5, 0, 0),
    "layout_isic2018_test_without_truth": (5, 2, 0),
    "layout_kind_first": (5, 2, 0),
    "layout_one_photo_folder": (6, 0, 0),
    "layout_part3b": (6, 0, 0),
    "layout_ph2": (6, 0, 0),
    "layout_side_by_side": (6, 0, 0),
    "layout_train_Image_Label": (6, 0, 2),
    "layout_valid": (5, 2, 2),
    "layout_validation": (5, 2, 0),
    "layout_zip/data.zip": (6, 0, 0),
    "name_case": (6, 0, 0),
    "name_jpg_png": (6, 0, 0),
    "name_mask_prefix": (6, 0, 0),
    "name_nnunet": (6, 0, 0),
    "name_seg": (6, 0, 0),
    "several_masks": (6, 0, 0),
    "label_studio_brush": (0, 0, 0),
}


@pytest.mark.skipif(not CASES.is_dir(), reason="needs the shared cases")
@pytest.mark.parametrize(("case", "counts"), SHARED.items())
def test_a_case_from_practice_is_understood(case: str, counts: tuple[int, int, int]) -> None:
    assert tuple(open_dataset(CASES / case).counts.values()) == counts
