"""Datasets in which several experts outlined each photograph: how they are found, and what is read as the truth."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg_core.config import SplitSpec
from seg_core.data.check import check_names, load_pair
from seg_core.data.dataset import open_dataset
from seg_core.data.experts import expert_in_name, expert_in_path, in_order
from seg_core.data.fingerprint import dataset_fingerprint, pair_facts
from seg_core.data.folders import Listing, Pair, list_folder
from seg_core.data.links import link_pairs
from seg_core.data.source import Source
from seg_core.data.truth import read_experts, read_truth
from seg_core.errors import InputError
from seg_core.jobs.requests import scan_request
from tests.data.test_layouts import found, plant

AB = ["images/{a,b}.jpg"]
BOTH = ["train a: expert1 a.png, expert2 a.png", "train b: expert1 b.png, expert2 b.png"]

LAYOUTS: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "folders side by side": ([*AB, "masks_expert1/{a,b}.png", "masks_expert2/{a,b}.png"], BOTH),
    "the expert first": ([*AB, "expert1_masks/{a,b}.png", "expert2_masks/{a,b}.png"], BOTH),
    "folders below masks": ([*AB, "masks/expert1/{a,b}.png", "masks/expert2/{a,b}.png"], BOTH),
    "folders beside images": ([*AB, "expert1/{a,b}.png", "expert2/{a,b}.png"], BOTH),
    "folders beside the photographs": (["{a,b}.jpg", "expert1/{a,b}.png", "expert2/{a,b}.png"], BOTH),
    "names below experts": (
        [*AB, "experts/anna/{a,b}.png", "experts/ben/{a,b}.png"],
        ["train a: anna a.png, ben a.png", "train b: anna b.png, ben b.png"],
    ),
    "names below annotators below masks": (
        [*AB, "masks/Annotators/2/{a,b}.png", "masks/Annotators/10/{a,b}.png"],
        ["train a: 2 a.png, 10 a.png", "train b: 2 b.png, 10 b.png"],
    ),
    "suffixes": (
        [*AB, "masks/a_{reader1,reader2}.png", "masks/b_{reader1,reader2}.png"],
        ["train a: reader1 a_reader1.png, reader2 a_reader2.png", "train b: reader1 b_reader1.png, reader2 b_reader2.png"],
    ),
    "letters and the word mask": (
        [*AB, "masks/a_mask_{rater-a,rater-b}.png", "masks/b_{rater-a,rater-b}_mask.png"],
        [
            "train a: rater-a a_mask_rater-a.png, rater-b a_mask_rater-b.png",
            "train b: rater-a b_rater-a_mask.png, rater-b b_rater-b_mask.png",
        ],
    ),
    "suffixes in one folder": (
        ["{a,b}.jpg", "a_{expertA,expertB}.png", "b_{expertA,expertB}.png"],
        ["train a: expertA a_expertA.png, expertB a_expertB.png", "train b: expertA b_expertA.png, expertB b_expertB.png"],
    ),
    "a folder per case": (
        ["c1/image.jpg", "c1/{observer1,observer2}.png", "c2/image.jpg", "c2/{observer1,observer2}.png"],
        [
            "train c1: observer1 observer1.png, observer2 observer2.png",
            "train c2: observer1 observer1.png, observer2 observer2.png",
        ],
    ),
    "folders and suffixes": (
        [*AB, "masks/grader1/{a,b}_grader1.png", "masks/grader2/{a,b}_grader2.png"],
        ["train a: grader1 a_grader1.png, grader2 a_grader2.png", "train b: grader1 b_grader1.png, grader2 b_grader2.png"],
    ),
    "words without a number": (
        [*AB, "masks_dermatologist/{a,b}.png", "masks_physician/{a,b}.png"],
        ["train a: dermatologist a.png, physician a.png", "train b: dermatologist b.png, physician b.png"],
    ),
    "splits": (
        ["train/images/a.jpg", "test/images/b.jpg", "train/masks_{expert1,expert2}/a.png", "test/masks_expert{1,2}/b.png"],
        ["train a: expert1 a.png, expert2 a.png", "test b: expert1 b.png, expert2 b.png"],
    ),
    "spelled in several ways": (
        ["train/images/a.jpg", "val/images/b.jpg", "train/masks/Expert {1,2}/a.png", "val/masks/expert_{1,2}/b.png"],
        ["train a: Expert 1 a.png, Expert 2 a.png", "val b: Expert 1 b.png, Expert 2 b.png"],
    ),
    "a rule for each": (
        [*AB, "masks/expert1/seg_{a,b}.png", "masks/expert2/{a,b}.jpg.png"],
        ["train a: expert1 seg_a.png, expert2 a.jpg.png", "train b: expert1 seg_b.png, expert2 b.jpg.png"],
    ),
    "several lesions of one expert": (
        [*AB, "masks/expert1/{a_1,a_2,b}.png", "masks/expert2/{a,b}.png"],
        ["train a: expert1 a_1.png+a_2.png, expert2 a.png", "train b: expert1 b.png, expert2 b.png"],
    ),
    "some outlined by one": (
        [*AB, "masks/doctor_anna/{a,b}.png", "masks/doctor_ben/b.png"],
        ["train a: doctor_anna a.png", "train b: doctor_anna b.png, doctor_ben b.png"],
    ),
}

UNCHANGED: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "several lesions": ([*AB, "masks/{a_1,a_2,b}.png"], ["train a a_1.png+a_2.png", "train b b.png"]),
    "one expert": ([*AB, "masks_expert1/{a,b}.png"], ["train a a.png", "train b b.png"]),
    "experts who shared the work": ([*AB, "masks/expert1/a.png", "masks/expert2/b.png"], ["train a a.png", "train b b.png"]),
    "patients by doctor": (
        ["doctor1/images/a.jpg", "doctor1/masks/a.png", "doctor2/images/a.jpg", "doctor2/masks/a.png"],
        ["train doctor1_a a.png", "train doctor2_a a.png"],
    ),
    "photographs by reader": (
        ["images/reader1/a.jpg", "images/reader2/a.jpg", "masks/reader1/a.png", "masks/reader2/a.png"],
        ["train reader1_a a.png", "train reader2_a a.png"],
    ),
    "names of photographs": (
        ["images/{reader_1,reader_2}.jpg", "masks/{reader_1,reader_2}_mask.png"],
        ["train reader_1 reader_1_mask.png", "train reader_2 reader_2_mask.png"],
    ),
}


def drawn(listing: Listing) -> list[str]:
    return [
        f"{pair.split} {pair.id}: "
        + ", ".join(f"{expert.name} {'+'.join(file.name for file in expert.files)}" for expert in pair.experts)
        for pair in listing.pairs
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_experts_are_told_by_words(layout: str, tmp_path: Path) -> None:
    files, expected = LAYOUTS[layout]
    listing = list_folder(plant(tmp_path / "data", files))
    assert drawn(listing) == list(expected)
    assert not [*listing.without_mask, *listing.without_photo]
    assert all(pair.truth == "majority" for pair in listing.pairs)
    assert [file for pair in listing.pairs for expert in pair.experts for file in expert.files] == [
        mask for pair in listing.pairs for mask in pair.masks
    ]


@pytest.mark.parametrize("layout", UNCHANGED)
def test_other_layouts_are_read_as_before(layout: str, tmp_path: Path) -> None:
    files, expected = UNCHANGED[layout]
    listing = list_folder(plant(tmp_path / "data", files))
    assert found(listing) == list(expected)
    assert not any(pair.experts or pair.truth for pair in listing.pairs)


def test_what_is_found_is_said(tmp_path: Path) -> None:
    three = plant(tmp_path / "data", ["images/{a,b,c}.jpg", "masks_expert1/{a,b}.png", "masks_expert2/{a,b}.png"])
    plant(three, ["masks_expert3/a.png", "masks/{b,c}.png"])
    listing = list_folder(three)
    assert listing.notes == [
        "Masks of 3 experts: expert1, expert2, expert3; truth is what most of them mark.",
        "Photographs that only some of the experts outlined, 1: b.",
        "Masks without an expert's name beside those of experts are not used: 1.",
    ]
    assert found(listing) == ["train a a.png+a.png+a.png", "train b b.png+b.png", "train c c.png"]
    two = plant(tmp_path / "two", [*AB, "masks_expert1/{a,b}.png", "masks_expert2/{a,b}.png"])
    assert list_folder(two).notes == ["Masks of 2 experts: expert1, expert2; truth is the middle between their outlines."]
    assert list_folder(f"{two}?truth=STAPLE").notes[0].endswith("truth is what STAPLE makes of them.")
    assert list_folder(f"{two}?truth=Expert 2").notes[0].endswith("truth is what expert2 marks.")


def test_a_person_names_the_experts(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", [*AB, "masks/{anna,ben}/a.png", "masks/{anna,ben}/b.png"])
    assert [problem.kind for problem in check_names(open_dataset(data))] == ["duplicate id", "duplicate id"]
    dataset = open_dataset(data, experts=["masks/anna", "masks/ben"])
    assert dataset.sources == (f"{data}?experts=masks/anna&experts=masks/ben",)
    assert dataset.experts == ["anna", "ben"]
    assert not check_names(dataset)
    again = open_dataset(dataset.sources)
    assert drawn(again.listings[0]) == ["train a: anna a.png, ben a.png", "train b: anna b.png, ben b.png"]
    assert again.fingerprint == dataset.fingerprint


def test_experts_of_folders_of_one_name_are_called_as_those_above(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", [*AB, "anna/seg/{a,b}.png", "ben/seg/{a,b}.png"])
    assert open_dataset(data, experts=["anna/seg", "ben/seg"]).experts == ["anna", "ben"]


def test_the_truth_may_be_one_experts(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", ["images/{a,b,c}.jpg", "masks_expert1/{a,b,c}.png", "masks_expert2/{a,b}.png"])
    listing = list_folder(f"{data}?truth=expert2")
    assert [(pair.id, pair.truth) for pair in listing.pairs] == [("a", "expert2"), ("b", "expert2")]
    assert not listing.without_mask
    assert "Photographs that expert2 did not outline are left out, 1: c." in listing.notes
    with pytest.raises(InputError, match=r"no expert 'Carl'; truth may be majority, staple or one of expert1, expert2"):
        list_folder(f"{data}?truth=Carl")
    plain = plant(tmp_path / "plain", [*AB, "masks/{a,b}.png"])
    with pytest.raises(InputError, match=r"no masks of several experts, so truth cannot be staple"):
        list_folder(f"{plain}?truth=staple")


def test_two_masks_of_one_expert_are_reported(tmp_path: Path) -> None:
    data = plant(tmp_path / "data", ["images/a.jpg", "masks_expert1/{a.png,a.bmp}", "masks_expert2/a.png"])
    (problem,) = check_names(open_dataset(data))
    assert problem.kind == "duplicate id"
    assert "a.jpg has two masks" in problem.message


def test_sources_say_experts_and_truth() -> None:
    source = Source.parse("/data/skin?experts=anna&experts=b%26n&truth=staple")
    assert (source.experts, source.truth) == (("anna", "b&n"), "staple")
    assert str(source) == "/data/skin?experts=anna&experts=b%26n&truth=staple"
    assert str(Source.parse("/data/skin?truth=majority")) == "/data/skin"
    assert str(source.with_choices(truth="majority")) == "/data/skin?experts=anna&experts=b%26n"
    assert str(source.with_choices(experts=[])) == "/data/skin?truth=staple"


def test_names_tell_experts() -> None:
    assert expert_in_path(("masks_expert1",)) == ("expert1", (0,))
    assert expert_in_path(("masks", "GraderB")) == ("GraderB", (1,))
    assert expert_in_path(("experts", "anna")) == ("anna", (0, 1))
    assert expert_in_path(("patient7", "masks")) == ("", ())
    assert expert_in_path(("spreader1",)) == ("", ())
    assert expert_in_name("x_reader_anna_mask") == ("reader_anna", "x_mask")
    assert expert_in_name("ISIC_0000001_expert12") == ("expert12", "ISIC_0000001")
    assert expert_in_name("x_expert_mask") == ("", "x_expert_mask")
    assert expert_in_name("doctors") == ("", "doctors")
    assert in_order(["expert10", "expert2", "Anna"]) == ["Anna", "expert2", "expert10"]


def mask(rows: Sequence[str]) -> np.ndarray:
    return np.array([[pixel == "#" for pixel in row] for row in rows])


def write_experts(folder: Path, photos: dict[str, dict[str, np.ndarray]], value: dict[str, int] | None = None) -> Path:
    """Photographs in black, and the masks of each expert; of one with a ``value`` that number is the lesion."""
    for id, masks in photos.items():
        (folder / "images").mkdir(parents=True, exist_ok=True)
        height, width = next(iter(masks.values())).shape
        Image.new("RGB", (width, height)).save(folder / "images" / f"{id}.png")
        for expert, each in masks.items():
            (folder / f"masks_{expert}").mkdir(parents=True, exist_ok=True)
            pixels = each.astype(np.uint8) * (value or {}).get(expert, 255)
            Image.fromarray(pixels).save(folder / f"masks_{expert}" / f"{id}.png")
    return folder


THREE = {
    "expert1": mask(["##..", "##..", "....", "...."]),
    "expert2": mask(["###.", "##..", "....", "...."]),
    "expert3": mask(["####", "....", "....", "...#"]),
}
MOST = ["###.", "##..", "....", "...."]


def test_the_truth_is_what_most_of_them_mark(tmp_path: Path) -> None:
    folder = write_experts(tmp_path, {"a": THREE}, {"expert2": 1, "expert3": 7})  # each has values of its own
    (pair,) = open_dataset(folder).pairs
    assert read_truth(pair).mask.tolist() == mask(MOST).tolist()
    assert load_pair(pair, 4).mask.tolist() == (mask(MOST) * 255).tolist()
    assert {name: truth.mask.tolist() for name, truth in read_experts(pair).items()} == {
        name: each.tolist() for name, each in THREE.items()
    }
    for expert, each in THREE.items():
        (alone,) = open_dataset(f"{folder}?truth={expert}").pairs
        assert read_truth(alone).mask.tolist() == each.tolist()
        by = pair.by([expert])
        assert by
        assert read_truth(by).mask.tolist() == each.tolist()
    assert pair.by(["nobody"]) is None


def test_pairs_of_experts_survive_json(tmp_path: Path) -> None:
    (pair,) = open_dataset(write_experts(tmp_path, {"a": THREE}, {"expert2": 1}), truth="staple").pairs
    again = Pair.from_json(json.loads(json.dumps(pair.to_json())))
    assert (again, again.experts, again.truth) == (pair, pair.experts, "staple")
    assert read_truth(again).mask.tolist() == read_truth(pair).mask.tolist()


def test_experts_masks_are_made_to_fit_each(tmp_path: Path) -> None:
    folder = write_experts(tmp_path, {"a": THREE})
    large = np.kron(THREE["expert1"], np.ones((2, 2), bool))
    Image.fromarray(large.astype(np.uint8) * 255).save(folder / "masks_expert1" / "a.png")
    (pair,) = open_dataset(folder).pairs
    truth = read_truth(pair)
    assert truth.mask.tolist() == mask(MOST).tolist()
    assert (truth.fitted, truth.stored_size) == ("scaled", (8, 8))
    Image.new("L", (3, 9)).save(folder / "masks_expert3" / "a.png")
    with pytest.raises(InputError, match=r"a\.png and a\.png differ in size \(4 × 4 and 3 × 9 pixels\)"):
        read_truth(open_dataset(folder).pairs[0])


def test_keys_tell_experts_and_truths_apart(tmp_path: Path) -> None:
    folder = write_experts(tmp_path, {"a": THREE, "b": THREE, "c": THREE})
    sources = [
        str(folder),
        f"{folder}?truth=staple",
        f"{folder}?truth=expert1",
        f"{folder}?experts=masks_expert1&experts=masks_expert2",
    ]
    datasets = [open_dataset(source) for source in sources]
    assert len({dataset.fingerprint for dataset in datasets}) == 4
    assert len({scan_request(dataset).key for dataset in datasets}) == 4
    assert len({dataset.pairs[0].mask_names for dataset in datasets}) == 4
    ids = [[pair.id for pair in dataset.split(SplitSpec(0, 0.4)).val] for dataset in datasets]
    assert ids[0] == ids[1] == ids[2] == ids[3]


def test_masks_that_change_hands_change_the_facts(tmp_path: Path) -> None:
    folder = write_experts(tmp_path, {"a": THREE})
    for expert in THREE:
        os.utime(folder / f"masks_{expert}" / "a.png", ns=(0, 10**18))
    before = pair_facts(open_dataset(folder).pairs)
    one, other, aside = folder / "masks_expert1", folder / "masks_expert3", folder / "aside"
    one.rename(aside), other.rename(one), aside.rename(other)
    pairs = open_dataset(folder).pairs
    after = pair_facts(pairs)
    assert before[0, :2].tolist() == after[0, :2].tolist()
    assert before[0, 2] != after[0, 2]
    assert dataset_fingerprint(pairs, before) != dataset_fingerprint(pairs, after)


def test_a_folder_of_links_holds_the_truth(tmp_path: Path) -> None:
    (pair,) = open_dataset(write_experts(tmp_path / "data", {"a": THREE})).pairs
    (linked,) = open_dataset(link_pairs(tmp_path / "links", {"train": [pair]})).pairs
    assert read_truth(linked).mask.tolist() == mask(MOST).tolist()


def test_masks_that_are_derived_from_those_of_experts_are_no_experts(tmp_path: Path) -> None:
    folder = write_experts(tmp_path, {"a": THREE})
    for name in ("majority", "STAPLE", *THREE):
        own = THREE.get(name, mask(["####", "####", "####", "####"]))
        (folder / "experts" / name).mkdir(parents=True)
        Image.fromarray(own.astype(np.uint8) * 255).save(folder / "experts" / name / "a.png")
        if name in THREE:
            shutil.rmtree(folder / f"masks_{name}")
    dataset = open_dataset(folder)
    assert dataset.experts == list(THREE)
    assert read_truth(dataset.pairs[0]).mask.tolist() == mask(MOST).tolist()
    assert any(note.startswith("Masks called majority, STAPLE are not used") for note in dataset.notes), dataset.notes
    (folder / "experts" / "expert2" / "a.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"^expert2: a\.png"):
        read_truth(open_dataset(folder).pairs[0])


def test_the_sample_has_no_experts() -> None:
    with pytest.raises(InputError, match="one mask of each photograph"):
        Source.parse("sample").with_choices(truth="staple")
