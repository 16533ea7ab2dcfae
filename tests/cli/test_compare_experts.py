"""The commands on a dataset that several experts outlined."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from benchmarks.simulated_experts import write_experts
from seg_core.data.dataset import open_dataset
from seg_core.evaluation.experts import CEILING
from tests.cli.lab import Lab
from tests.helpers import make_dataset


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("experts")
    plain = open_dataset(make_dataset(folder / "plain", size=(64, 48), train=3, test=12))
    return write_experts(folder / "three", plain.pairs)


@pytest.fixture(scope="module")
def masks(data: Path) -> Path:
    """What a model predicted: what the rough expert marks, and what the tight one does."""
    for name, expert in {"rough": "expert3", "tight": "expert1"}.items():
        shutil.copytree(data / "test" / f"masks_{expert}", data.parent / name)
    return data.parent


def test_compare_says_how_models_agree_with_the_experts(data: Path, masks: Path, lab: Lab) -> None:
    done = lab("compare", masks / "rough", masks / "tight", "--data", data)
    assert "Masks of 3 experts: expert1, expert2, expert3; truth is what most of them mark." in done.err
    assert "rough agrees with the experts better than they agree with each other: IoU" in done.out
    table = done.out[done.out.index("IoU of models and experts beside each expert, with 95 % intervals:") :].splitlines()
    assert [line.split("  ")[1].strip() for line in table[2:]] == ["rough", "tight", "expert1", "expert2", "expert3", CEILING]
    assert table[1].split() == ["All", "experts", "expert1", "expert2", "expert3", "Truth", "Photographs"]


def test_every_form_has_the_experts(data: Path, masks: Path, lab: Lab) -> None:
    models = masks / "rough", masks / "tight"
    found = lab("compare", *models, "--data", data, "--json").json["experts"]
    assert found["names"] == ["expert1", "expert2", "expert3"]
    rough, tight, first, *_ = found["rows"]
    assert (rough["name"], rough["kind"], rough["finding"], rough["n"]) == ("rough", "model", "better", 12)
    assert rough["by_expert"]["expert3"]["mean"] == 1
    assert tight["by_expert"]["expert2"]["mean"] == pytest.approx(first["by_expert"]["expert2"]["mean"])
    assert found["among_each_other"]["mean"] == pytest.approx(
        sum(row["mean"]["mean"] for row in found["rows"] if row["kind"] == "expert") / 3
    )
    markdown = lab("compare", *models, "--data", data, "--markdown").out
    assert f"| {CEILING} | IoU | {found['among_each_other']['mean']:.4f} |" in markdown
    assert found["verdict"][0] in markdown
    assert CEILING in lab("compare", *models, "--data", data, "--latex").out
    of_dice = lab("compare", *models, "--data", data, "--metric", "dice", "--json").json["experts"]
    assert (of_dice["metric"], of_dice["among_each_other"]["mean"] > found["among_each_other"]["mean"]) == ("dice", True)
    one_way = lab("compare", *models, "--data", data, "--metric", "sensitivity", "--json")
    assert one_way.json["experts"]["metric"] == "iou"
    assert "Sensitivity depends on which of two masks is the truth; experts are compared in IoU." in " ".join(one_way.err.split())


def test_the_truth_is_chosen_by_source_or_option(data: Path, masks: Path, lab: Lab, lab_home: Path) -> None:
    models = masks / "rough", masks / "tight"
    of_majority, of_staple, of_one = (
        lab("compare", *models, "--data", data, *chosen, "--json").json
        for chosen in ([], ["--truth", "staple"], ["--truth", "expert3"])
    )
    means = [
        next(model["iou"]["mean"] for model in each["models"] if model["model"] == "rough")
        for each in (of_majority, of_staple, of_one)
    ]
    assert means[2] == 1
    assert max(means[:2]) < 1
    assert len(list(lab_home.glob("results/evaluate-*"))) == 6  # each truth has results of its own
    assert lab("compare", *models, "--data", f"{data}?truth=expert3", "--json").json["models"] == of_one["models"]
    assert of_one["experts"]["among_each_other"] == of_majority["experts"]["among_each_other"]  # whichever counts
    assert "no expert 'carl'" in lab.refuses("compare", *models, "--data", data, "--truth", "carl")


def test_folders_may_be_named_as_those_of_experts(data: Path, tmp_path: Path, lab: Lab) -> None:
    for expert, name in {"expert1": "anna", "expert3": "ben"}.items():
        shutil.copytree(data / "test" / f"masks_{expert}", tmp_path / "masks" / name)
    shutil.copytree(data / "test" / "images", tmp_path / "images")
    assert "--experts DIR" in lab("data", "check", tmp_path).out
    named = "--experts", "masks/anna", "--experts", "masks/ben"
    checked = lab("data", "check", tmp_path, *named)
    assert "Masks of 2 experts: anna, ben; truth is the middle between their outlines." in checked.out
    assert "two masks" not in checked.out
    scored = lab(
        "evaluate", tmp_path / "masks" / "anna", "--data", tmp_path, "--split", "all", *named, "--truth", "anna", "--json"
    )
    assert (scored.json["n"], scored.json["iou"]) == (12, 1)


def test_a_damaged_result_is_evaluated_again(data: Path, masks: Path, lab: Lab, lab_home: Path) -> None:
    models = masks / "rough", masks / "tight"
    before = lab("compare", *models, "--data", data, "--json").json
    listed = [*lab_home.glob("results/evaluate-*/experts.json"), *lab_home.glob("results/experts-*/experts.json")]
    assert len(listed) == 3
    for file in listed:
        file.write_text("{")
    assert lab("compare", *models, "--data", data, "--json").json == before
