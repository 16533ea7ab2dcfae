"""The command that compares models, and its exit status for checks."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.lab import Lab
from tests.helpers import make_dataset


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("compared") / "data", size=(40, 30), train=2, test=24)


@pytest.fixture(scope="module")
def masks(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three folders of masks: the truth, nearly the truth, and the truth moved far to one side."""
    folder = tmp_path_factory.mktemp("masks")
    for place, file in enumerate(sorted((data / "test" / "masks").glob("*.png"))):
        with Image.open(file) as opened:
            truth = np.asarray(opened.convert("L")) > 127
        near = truth.copy()
        near.flat[np.flatnonzero(truth)[: place % 2]] = False
        for name, mask in {"truth": truth, "near": near, "far": np.roll(truth, 6 + place % 3, axis=1)}.items():
            (folder / name).mkdir(exist_ok=True)
            Image.fromarray(mask).save(folder / name / f"{file.stem}.png")
    return folder


@pytest.mark.parametrize(
    ("models", "status", "said"),
    [
        pytest.param(["truth", "far"], 0, "truth is better than far: IoU higher by", id="better"),
        pytest.param(["near", "truth"], 0, "truth is better than near, though by less than 0.01", id="no worse by the margin"),
        pytest.param(["far", "truth"], 1, "truth is better than far", id="worse"),
        pytest.param(["near", "truth", "far"], 0, "truth is better than far", id="three"),
    ],
)
def test_the_exit_status_says_how_the_first_model_stands(
    models: list[str], status: int, said: str, data: Path, masks: Path, lab: Lab
) -> None:
    done = lab("compare", *(masks / name for name in models), "--data", data)
    assert done.status == status
    assert said in done.out
    assert "IoU on 24 photographs of data (test), with 95 % intervals" in done.out


def test_json_has_the_verdict_and_every_figure(data: Path, masks: Path, lab: Lab) -> None:
    done = lab(
        "compare", f"Ours={masks / 'far'}", masks / "truth", "--data", data, "--metric", "Dice", "--margin", 0.02, "--json"
    )
    found = done.json
    assert (done.status, found["first"], found["metric"], found["margin"]) == (1, "worse", "dice", 0.02)
    best, worst = found["models"]
    assert (best["model"], best["rank"], best["dice"]["mean"], worst["model"], worst["finding"]) == (
        "truth",
        1,
        1,
        "Ours",
        "worse",
    )
    (pair,) = found["pairs"]
    assert (pair["better"], pair["other"], pair["wins"], pair["n"]) == ("truth", "Ours", 24, 24)
    assert pair["difference"]["mean"] == pytest.approx(1 - worst["dice"]["mean"])


def test_what_is_open_exits_with_3_and_says_what_would_settle_it(data: Path, masks: Path, tmp_path: Path, lab: Lab) -> None:
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for place, file in enumerate(sorted((masks / "near").iterdir())):
        shutil.copy(masks / ("far" if place == 3 else "truth") / file.name, mixed)
    done = lab("compare", mixed, masks / "near", "--data", data)
    assert done.status == 3
    assert "not statistically significant" in done.out
    assert "Between near and mixed, " in done.out.splitlines()[0]
    assert "power" in done.out.splitlines()[0]


@pytest.mark.parametrize(("form", "begins"), [("--markdown", "| --- |"), ("--latex", "\\begin{tabular}")])
def test_tables_can_be_pasted(form: str, begins: str, data: Path, masks: Path, lab: Lab) -> None:
    done = lab("compare", masks / "truth", masks / "far", "--data", data, form)
    lines = done.out.splitlines()
    assert "truth is better than far" in lines[0]
    assert sum(line.startswith(begins) for line in lines) == 3  # scores, ranks, differences
    assert "Effect size" in done.out


def test_what_cannot_be_compared_is_one_sentence(data: Path, masks: Path, lab: Lab) -> None:
    truth = masks / "truth"
    assert "A single model cannot be compared" in lab.refuses("compare", truth, "--data", data)
    assert "Two models are called truth" in lab.refuses("compare", truth, truth, "--data", data)
    assert "There is no model 'nothing'" in lab.refuses("compare", truth, "nothing", "--data", data)
    assert "There is no run 7 that has a model" in lab.refuses("compare", truth, "7", "--data", data)
    assert "There is no metric 'speed'" in lab.refuses("compare", truth, masks / "far", "--data", data, "--metric", "speed")
    assert "The margin cannot be 0" in lab.refuses("compare", truth, masks / "far", "--data", data, "--margin", 0)
    assert "choose one of --json" in lab.refuses("compare", truth, masks / "far", "--data", data, "--json", "--latex")


def test_evaluations_are_kept_and_found_again(data: Path, masks: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    first = lab("compare", masks / "truth", masks / "far", "--data", data)
    monkeypatch.setattr("seg_core.jobs.evaluating.keep_evaluation", None)  # nothing is evaluated again
    assert lab("compare", masks / "truth", masks / "far", "--data", data) == first


def test_masks_of_several_classes_say_which_is_the_lesion(data: Path, masks: Path, tmp_path: Path, lab: Lab) -> None:
    folder = tmp_path / "classes"
    folder.mkdir()
    for file in (masks / "truth").iterdir():
        with Image.open(file) as opened:
            classes = np.where(np.asarray(opened.convert("L")) > 127, 2, 0).astype(np.uint8)
        classes[0] = 1  # another class
        Image.fromarray(classes).save(folder / file.name)
    found = lab("compare", f"{folder}?lesion=2", masks / "far", "--data", data, "--json").json
    assert [model["model"] for model in found["models"]] == ["classes", "far"]
    assert found["models"][0]["iou"]["mean"] > 0.95  # the other class takes a row of some lesions


def test_a_model_that_ships_goes_by_its_name(data: Path, masks: Path, lab: Lab) -> None:
    done = lab("compare", "fine-tune-report", masks / "truth", "--data", data)
    assert done.status == 1
    assert "truth is better than fine-tune-report" in done.out


def test_photographs_of_one_lesion_count_together(data: Path, masks: Path, tmp_path: Path, lab: Lab) -> None:
    copy = shutil.copytree(data, tmp_path / "copy")
    photos = sorted(path.stem for path in (copy / "test" / "images").iterdir())
    rows = [f"{name},{number // 2},{number // 8}" for number, name in enumerate(photos)]
    (copy / "lesions.csv").write_text("\n".join(["image,lesion_id,visit", *rows]))
    compared = ["compare", masks / "near", masks / "far", "--data", copy]
    done = lab(*compared, "--json")
    assert "The 24 photographs are of 12 lesions (lesion_id in lesions.csv)" in " ".join(done.err.split())
    assert done.json["together"] == "lesions.csv:lesion_id"
    alone = lab(*compared, "--groups", "photographs", "--json").json
    assert alone["together"] is None
    by_lesion, by_photo = (found["models"][1]["iou"] for found in (done.json, alone))
    assert by_lesion["mean"] == by_photo["mean"]
    assert by_lesion["low"] != by_photo["low"]  # other draws
    assert lab(*compared, "--groups", "lesions.csv:visit", "--json").json["together"] == "lesions.csv:visit"
    assert "has no column 'eye'" in lab.refuses(*compared, "--groups", "lesions.csv:eye")


def test_it_says_for_whom_the_models_fail(data: Path, masks: Path, tmp_path: Path, lab: Lab) -> None:
    copy = shutil.copytree(data, tmp_path / "copy")
    photos = sorted(path.stem for path in (copy / "test" / "images").iterdir())
    (copy / "more.csv").write_text("\n".join(["image,sex", *(f"{name},{'fm'[place % 2]}" for place, name in enumerate(photos))]))
    compared = ["compare", masks / "near", masks / "far", "--data", copy, "--subgroups"]
    found = lab(*compared, "--json").json
    of_sex = [group for group in found["subgroups"] if (group["Property"], group["Model"]) == ("Sex", "near")]
    assert [(group["Group"], group["Photographs"], group["Significant"]) for group in of_sex] == [
        ("f", 12, "not tested"),
        ("m", 12, "not tested"),
    ]
    assert found["served_worst"] == ["No group is shown to be served worse."]
    assert {"Lesion size", "Hair"} <= {group["Property"] for group in found["subgroups"]}
    assert "No group is shown to be served worse." in lab(*compared).out
    markdown = lab(*compared, "--markdown").out
    assert "No group is shown to be served worse." in markdown
    assert "| Sex | f | near | 12 |" in markdown
