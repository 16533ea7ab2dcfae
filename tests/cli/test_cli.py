"""The command line: what scripts read from it, and how it refuses."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from seg_core.common.home import PROJECT
from seg_core.common.text import named
from seg_core.config import SET_BY_PROGRAM, Config, option_name
from seg_core.data.dataset import open_dataset
from seg_core.evaluation.evaluate import evaluate
from seg_core.network import build_model
from seg_core.prediction.checkpoint import Checkpoint, load_checkpoint
from seg_core.prediction.checkpoint_file import read_metadata, save_checkpoint
from seg_core.prediction.metadata import METADATA_KEY
from seg_core.prediction.tensor_file import read_header
from seg_core.runs.store import RunStore
from tests.archive_server import TRAINING_DATA, Server, answers, breaks_after
from tests.cli.lab import Done, Lab
from tests.helpers import make_dataset, metadata_of, read_mask, tiny_config, write_pair

pytestmark = pytest.mark.usefixtures("thin_network")

CONFIG = tiny_config(epochs=3)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "data", size=(90, 70), train=4, test=2)


@pytest.fixture
def checkpoint(data: Path, tmp_path: Path) -> Checkpoint:
    """As if it had been trained on ``data``."""
    return load_checkpoint(write_checkpoint(tmp_path / "model.safetensors", data))


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A dataset and a checkpoint that are there while everything else is wrong."""
    folder = tmp_path_factory.mktemp("places")
    data = make_dataset(folder / "data", train=2, test=1)
    return {"data": data, "model": write_checkpoint(folder / "model.safetensors", data)}


def write_checkpoint(path: Path, data: Path) -> Path:
    metadata = metadata_of(CONFIG)
    metadata["dataset"]["fingerprint"] = open_dataset(data).fingerprint
    save_checkpoint(path, build_model(CONFIG), metadata)
    return path


def in_a_new_process(*arguments: object, **environment: str) -> Done:
    command = [sys.executable, "-m", "seg_core", *map(str, arguments)]
    done = subprocess.run(command, cwd=PROJECT, env=os.environ | environment, capture_output=True, text=True, timeout=200)
    return Done(done.returncode, done.stdout, done.stderr)


def test_train_from_start_to_json(data: Path, lab: Lab) -> None:
    settings = "--recipe report --variant trainable-decoder --epochs 1 --image-size 64 --batch-size 4 --seed 3"
    settings += " --encoder-weights random --precision 32-true"
    done = in_a_new_process("train", "--data", data, *settings.split(), "--name", "first try", "--json")
    assert done.status == 0, done.err
    result = done.json
    assert set(result) == {"run_id", "status", "epochs", "best_epoch", "checkpoint", "val", "images_per_second"}
    assert set(result["val"]) == {"loss", "accuracy", "iou", "dice"}
    assert (result["run_id"], result["status"], result["epochs"], result["best_epoch"]) == (1, "finished", 1, 1)
    assert result["images_per_second"] > 0
    assert "Epoch 1 of 1" in done.err
    assert "Traceback" not in done.err
    assert "Warning" not in done.err

    metadata = json.loads(read_header(Path(result["checkpoint"])).metadata[METADATA_KEY])  # of a network of full size
    assert {name: metadata["metrics"]["val"][name] for name in result["val"]} == result["val"]
    assert (metadata["name"], metadata["config"]["seed"], metadata["config"]["recipe"]) == ("first try", 3, "report")

    (run,) = lab("runs", "list", "--json").json["runs"]
    assert (run["id"], run["name"], run["status"]) == (1, "first try", "finished")
    shown = lab("runs", "show", 1, "--json").json
    assert lab("runs", "show", "run 1", "--json").json == shown
    assert "g1 is a group, and this takes one run" in lab.refuses("runs", "show", "g1")
    assert shown["config"]["learning_rate"] == 1e-3
    assert any("Epoch 1 of 1" in line["text"] for line in shown["log"])
    assert "first try" in lab("runs", "list").out
    assert "is finished; only" in lab.refuses("runs", "resume", 1)
    assert "add --yes" in lab.refuses("runs", "delete", 1)
    assert lab("runs", "delete", 1, "--yes", "--json").json["run_id"] == 1
    assert lab("runs", "list", "--json").json == {"runs": []}
    assert not Path(result["checkpoint"]).exists()


def test_data_that_cannot_be_trained_on_ends_with_2_and_names_the_file(data: Path, lab: Lab) -> None:
    (data / "train" / "images" / "ISIC_0000001.jpg").write_bytes(b"no photograph")
    done = lab("train", "--data", data, "--encoder-weights", "random", "--image-size", 64, "--precision", "32-true", "--json")
    assert done.status == 2
    assert done.json["status"] == "failed"
    assert done.json["checkpoint"] is None
    assert "ISIC_0000001.jpg is not an image" in done.err
    assert "Traceback" not in done.err


def test_evaluate_gives_the_agreed_numbers(checkpoint: Checkpoint, data: Path, lab: Lab) -> None:
    result = lab("evaluate", checkpoint.path, "--data", data, "--json").json
    assert set(result) == {"n", "accuracy", "iou", "dice", "sensitivity", "specificity", "thresholded_iou"}
    assert result == {"n": 2, **evaluate(checkpoint, open_dataset(data).test).means}
    split = open_dataset(data).split(CONFIG.split_spec)
    for name, pairs in (("train", split.train), ("val", split.val)):
        chosen = lab("evaluate", checkpoint.path, "--data", data, "--split", name, "--json")
        assert (chosen.json, chosen.err) == ({"n": len(pairs), **evaluate(checkpoint, pairs).means}, "")
    everything = lab("evaluate", checkpoint.path, "--data", data, "--split", "all", "--json")
    assert everything.json == {"n": len(open_dataset(data).pairs), **evaluate(checkpoint, open_dataset(data).pairs).means}
    assert "was trained on some of these photographs" in everything.err  # a checkpoint that does not name them
    text = lab("evaluate", checkpoint.path, "--data", data).out
    assert "on 2 photographs of data (test), at stored resolution" in text
    assert f"dice             {result['dice']:.4f}" in text


def test_evaluate_takes_a_folder_with_only_a_test_split(checkpoint: Checkpoint, tmp_path: Path, lab: Lab) -> None:
    data = make_dataset(tmp_path / "test only", layout="isic2016", test=2)
    assert lab("evaluate", checkpoint.path, "--data", data, "--json").json["n"] == 2
    assert "0 pairs to train" in lab.refuses("evaluate", checkpoint.path, "--data", data, "--split", "val")


def test_evaluate_warns_of_photographs_that_the_model_may_know(checkpoint: Checkpoint, tmp_path: Path, lab: Lab) -> None:
    other = make_dataset(tmp_path / "other", train=3)
    done = lab("evaluate", checkpoint.path, "--data", other, "--json")
    assert (done.status, done.json["n"]) == (0, 1)
    whole = lab("evaluate", checkpoint.path, "--data", other, "--split", "all", "--json")
    assert (whole.status, whole.json["n"], whole.err) == (0, 3, "")
    assert "trained on other data" in " ".join(done.err.split())


def test_evaluate_counts_photographs_in_which_nothing_is_marked_on_nothing(tmp_path: Path, lab: Lab) -> None:
    data = make_dataset(tmp_path / "data", train=3, test=2)
    masks = data / "test" / "masks"
    empty = min(masks.iterdir())
    with Image.open(empty) as picture:
        Image.new("L", picture.size).save(empty)
    done = lab("evaluate", shutil.copytree(masks, tmp_path / "theirs"), "--data", data, "--json")
    assert (done.json["n"], done.json["iou"], done.json["both_empty"]) == (2, 1, 1)
    assert "In 1 of the 2 photographs there is no lesion and none is marked: each counts as 1" in " ".join(done.err.split())


def test_calibrate_writes_a_model_with_the_threshold_that_fits(tmp_path: Path, lab: Lab) -> None:
    data, path = make_dataset(tmp_path / "clinic", train=12), tmp_path / "half.safetensors"
    model = build_model(CONFIG)
    head = model.get_submodule("decoder.head")
    assert isinstance(head, torch.nn.Conv2d)
    assert head.bias is not None
    with torch.no_grad():  # a probability of 0.5025 everywhere, so that from 0.51 on nothing is marked
        head.weight *= 1e-9
        head.bias.fill_(0.01)
    save_checkpoint(path, model, metadata_of(CONFIG, name="Half"))
    done = lab("calibrate", path, "--data", data, "--json")
    marked = [read_mask(pair.mask)[0].mean() for pair in open_dataset(data).pairs]
    gain = done.json.pop("gain")
    assert gain["mean"] == pytest.approx(np.mean(marked), abs=1e-6)
    assert 0 < gain["low"] < gain["mean"] < gain["high"]
    written = Path(done.json["checkpoint"])
    assert {name: done.json[name] for name in ("n", "before", "threshold", "better", "worse", "worth_it")} == {
        "n": 12,
        "before": 0.55,
        "threshold": 0.5,
        "better": 12,
        "worse": 0,
        "worth_it": True,
    }
    assert (load_checkpoint(written).label, load_checkpoint(written).threshold) == ("Half, calibrated on clinic", 0.5)
    known = lab("evaluate", written, "--data", data, "--split", "all", "--json")
    assert known.json["iou"] == pytest.approx(gain["mean"])
    assert "was calibrated on 12 of these 12 photographs" in " ".join(known.err.split())

    assert "There is a model 'Half, calibrated on clinic' already" in lab.refuses("calibrate", path, "--data", data)
    mine = tmp_path / "mine.safetensors"
    text = lab("calibrate", path, "--data", data, "--output", mine, "--name", "Mine").out
    assert "Half on 12 photographs of clinic (all): 0.55 → 0.50 gains 0." in text
    assert f"{mine} is written: Mine." in text
    again = lab("calibrate", mine, "--data", data, "--output", tmp_path / "no.safetensors", "--json").json
    assert (again["threshold"], again["checkpoint"], (tmp_path / "no.safetensors").exists()) == (0.5, None, False)


def test_evaluate_scores_masks_of_another_program(data: Path, tmp_path: Path, lab: Lab) -> None:
    first, second = open_dataset(data).test
    masks = tmp_path / "theirs"
    masks.mkdir()
    (masks / f"{first.id}_mask.png").write_bytes(first.mask.read_bytes())
    partly = lab("evaluate", masks, "--data", data, "--json")
    assert (partly.json["n"], partly.json["iou"], partly.json["dice"], partly.json["missing"]) == (1, 1, 1, [second.id])
    assert f"has no prediction for 1 of the 2 photographs ({second.id})" in " ".join(partly.err.split())
    (masks / f"{second.id}_mask.png").write_bytes(second.mask.read_bytes())
    assert "theirs on 2 photographs of data (test)" in lab("evaluate", masks, "--data", data).out
    assert "leave out --tta" in lab.refuses("evaluate", masks, "--data", data, "--tta")
    assert "hold 0 and 255, and no 2" in lab.refuses("evaluate", masks, "--data", data, "--predicted-lesion", 2)
    (masks / "else.png").write_bytes(second.mask.read_bytes())
    assert "belong to none of the photographs, 1, are left out: else.png" in " ".join(
        lab("evaluate", masks, "--data", data, "--json").err.split()
    )
    (tmp_path / "none").mkdir()
    assert "holds no mask of the 2 photographs" in lab.refuses("evaluate", tmp_path / "none", "--data", data)


def test_predict_writes_a_mask_of_the_photographs_size(checkpoint: Checkpoint, tmp_path: Path, lab: Lab) -> None:
    for name, size in (("a.jpg", (90, 70)), ("b.c.png", (50, 120))):
        write_pair(tmp_path / name, tmp_path / "unused" / f"{name}.png", size)
    done = lab("predict", checkpoint.path, tmp_path / "a.jpg", tmp_path / "b.c.png", "--output", tmp_path / "new" / "masks")
    assert done.status == 0
    assert sorted(file.name for file in (tmp_path / "new" / "masks").iterdir()) == ["a_mask.png", "b.c_mask.png"]
    for name, size in (("a", (90, 70)), ("b.c", (50, 120))):
        with Image.open(tmp_path / "new" / "masks" / f"{name}_mask.png") as mask:
            assert (mask.format, mask.mode, mask.size) == ("PNG", "L", size)
            assert set(np.unique(np.asarray(mask)).tolist()) <= {0, 255}
    expected = checkpoint.predict(tmp_path / "a.jpg")
    with Image.open(tmp_path / "new" / "masks" / "a_mask.png") as mask:
        np.testing.assert_array_equal(np.asarray(mask) == 255, expected.mask())
    assert re.search(rf"a_mask\.png +lesion area {expected.mask().mean():.1%}", done.out)


def test_predict_takes_folders_of_photographs(checkpoint: Checkpoint, tmp_path: Path, lab: Lab) -> None:
    for name in ("photos/b.jpg", "photos/a.png", "c.jpg"):
        write_pair(tmp_path / name, tmp_path / "unused" / f"{Path(name).stem}.png")
    done = lab("predict", checkpoint.path, tmp_path / "photos", tmp_path / "c.jpg", "--output", tmp_path / "masks")
    assert done.status == 0
    assert re.findall(r"(\w+)_mask\.png +lesion", done.out) == ["a", "b", "c"]
    assert sorted(file.name for file in (tmp_path / "masks").iterdir()) == ["a_mask.png", "b_mask.png", "c_mask.png"]
    (tmp_path / "empty").mkdir()
    arguments = ("predict", checkpoint.path, tmp_path / "empty", "--output", tmp_path / "masks")
    assert f"There is no photograph in {tmp_path / 'empty'}" in lab.refuses(*arguments)


def test_predict_goes_on_after_a_broken_photograph_and_names_it(checkpoint: Checkpoint, tmp_path: Path, lab: Lab) -> None:
    write_pair(tmp_path / "good.jpg", tmp_path / "unused.png")
    (tmp_path / "bad.jpg").write_bytes(b"no photograph")
    done = lab("predict", checkpoint.path, tmp_path / "bad.jpg", tmp_path / "good.jpg", "--output", tmp_path / "masks")
    assert done.status == 2
    assert done.err.splitlines() == [
        "lesionlab: bad.jpg is not an image that can be read; use JPEG, PNG, TIFF, BMP, WebP or HEIC."
    ]
    assert [file.name for file in (tmp_path / "masks").iterdir()] == ["good_mask.png"]


def test_predict_refuses_two_masks_of_one_name_and_a_place_to_write_that_is_none(
    checkpoint: Checkpoint, tmp_path: Path, lab: Lab
) -> None:
    write_pair(tmp_path / "a.jpg", tmp_path / "b" / "a.png")
    arguments = ("predict", checkpoint.path, tmp_path / "a.jpg")
    assert "rename one" in lab.refuses(*arguments, tmp_path / "b" / "a.png", "--output", tmp_path / "masks")
    assert "choose another --output" in lab.refuses(*arguments, "--output", tmp_path / "a.jpg")
    (tmp_path / "masks" / "a_mask.png").mkdir(parents=True)
    assert "a_mask.png cannot be written" in lab.refuses(*arguments, "--output", tmp_path / "masks")


def test_data_check_lists_all_problems_at_once(tmp_path: Path, lab: Lab) -> None:
    data = make_dataset(tmp_path / "data", train=4, test=2)  # at 64 pixels, where each photograph's grain tells it apart
    assert lab("data", "check", data).status == 0
    assert lab("data", "check", data, "--json").json == {
        "name": "data",
        "fingerprint": open_dataset(data).fingerprint,
        "pairs": {"train": 4, "val": 0, "test": 2},
        "notes": [],
        "problems": [],
    }
    (data / "train" / "images" / "ISIC_0000001.jpg").write_bytes(b"no photograph")
    (data / "test" / "images" / "ISIC_0000005.jpg").write_bytes(b"no photograph")
    (data / "train" / "masks" / "ISIC_0000002.png").unlink()
    Image.new("L", (64, 64)).save(data / "train" / "masks" / "ISIC_0000003.png")
    done = lab("data", "check", data, "--json")
    assert done.status == 1
    found = {(Path(problem["file"]).name, problem["kind"], problem["error"]) for problem in done.json["problems"]}
    assert found == {
        ("ISIC_0000001.jpg", "unreadable", True),
        ("ISIC_0000005.jpg", "unreadable", True),
        ("ISIC_0000002.jpg", "missing mask", True),
        ("ISIC_0000003.png", "no lesion", False),
    }
    text = lab("data", "check", data)
    assert text.status == 1
    assert "4 problems" in text.out
    assert all(problem["message"] in text.out for problem in done.json["problems"])


def test_data_check_warns_of_a_photograph_in_two_parts(tmp_path: Path, lab: Lab) -> None:
    data = make_dataset(tmp_path / "data", train=4, test=2)
    for kind, ending in (("images", "jpg"), ("masks", "png")):
        with Image.open(data / "train" / kind / f"ISIC_0000001.{ending}") as picture:
            picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(data / "test" / kind / f"ISIC_0000004.{ending}")
    done = lab("data", "check", data, "--json")
    assert done.status == 0  # it is trained on all the same
    (problem,) = done.json["problems"]
    assert (problem["kind"], problem["error"]) == ("leakage", False)
    assert problem["file"] == str(data / "test" / "images" / "ISIC_0000004.jpg")
    text = lab("data", "check", data)
    assert text.status == 0
    seen = "ISIC_0000004.jpg (test) looks like the same photograph as ISIC_0000001.jpg (train), mirrored or turned"
    assert f"  warning  {seen}; compare them, and remove one of the two.\n" in text.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("train --data {data} --variant everything", "Variant cannot be 'everything'"),
        ("train --data {data} --recipe fast", "There is no recipe 'fast'; choose one of best, report."),
        ("train --data {data} --decoder deeplab", "Decoder cannot be 'deeplab'"),
        ("train --data {data} --image-size 100", "Image size must be a multiple of 32: 96 or 128."),
        ("train --data {data} --lr 7", "Learning rate cannot be 7.0"),
        ("train --data {data} --folds 3 --epochs 1", "data has 2 pairs to train and 0 to validate with"),
        ("train --data {data} --fold 2", "There is no fold 2 of 1; choose one from 1 to 1."),
        ("train --data {data} --folds 2 --seeds 2", "A group has several seeds or several folds, not both; choose one."),
        ("train --data {data} --epochs many", "Invalid value for '--epochs'"),
        ("train --data {data} --data {data}", "is given twice; name each folder once."),
        ("train --data {data}/gone", "There is no folder {data}/gone; check the path."),
        ("train --data {data}/train/images", "{data}/train/images holds no photographs with masks"),
        ("train", "Missing option '--data'; see --help."),
        ("evaluate {data}/none.safetensors --data {data}", "The checkpoint {data}/none.safetensors cannot be read"),
        ("evaluate {data}/train/images/ISIC_0000000.jpg --data {data}", "ISIC_0000000.jpg is no checkpoint of LesionLab"),
        ("evaluate {model} --data {data} --split dev", "There is no split 'dev'; choose train, val, test or all."),
        ("evaluate ~nobody-of-this-name/x.safetensors --data {data}", "~nobody-of-this-name/x.safetensors cannot be read"),
        ("calibrate {model} --data {data}", "at least 10 photographs whose mask has a lesion, and there are 1; outline more."),
        ("calibrate {data} --data {data}", "The checkpoint {data} cannot be read"),
        ("export .", "The checkpoint . cannot be read"),
        ("predict {model} {data}/gone.jpg --output {data}/masks", "gone.jpg does not exist; check the path."),
        ("publish {model} --data {data} --output out --also A={data}/gone", "There is no folder {data}/gone; check the path."),
        ("publish {model} --data {data} --output out --also {data} --also data={data}", "Two further datasets are called data;"),
        ("data check {data}/gone", "There is no folder {data}/gone; check the path."),
        ("data check {data}a", "There is no folder {data}a; check the path. Did you mean {data}?"),
        ("runs show 7", "7"),
        ("runs show seven", "Invalid value for 'RUN_ID'"),
        ("frobnicate", "No such command 'frobnicate'; see --help."),
        ("train --frobnicate", "No such option: --frobnicate"),
    ],
)
def test_bad_input_is_one_line_on_stderr_and_status_2(arguments: str, message: str, places: dict[str, Path], lab: Lab) -> None:
    assert message.format(**places) in lab.refuses(*arguments.format(**places).split())
    assert RunStore().list_runs() == []  # what is refused leaves no run behind


def test_bad_input_in_a_new_process_prints_no_traceback(data: Path) -> None:
    done = in_a_new_process("train", "--data", data, "--variant", "everything")
    assert (done.status, done.out) == (2, "")
    assert done.err.count("\n") == 1


def test_a_home_that_cannot_be_made_is_bad_input(tmp_path: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LESIONLAB_HOME", str(tmp_path / "file" / "home"))
    assert "set LESIONLAB_HOME to another one" in lab.refuses("runs", "list")


def test_without_arguments_the_commands_are_listed(lab: Lab) -> None:
    assert lab("--help").status == 0
    done = lab()
    assert done.status == 2
    for command in ("train", "evaluate", "predict", "runs", "data"):
        assert command in done.out + done.err
    assert "work" not in lab("--help").out.split()  # for the app alone


def test_every_setting_is_an_option_with_its_help_and_its_values(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    lines = [re.sub("[│ ]+", " ", line) for line in lab("train", "--help").out.splitlines()]
    for name in {*Config.model_fields} - SET_BY_PROGRAM:
        (line,) = [line for line in lines if line.startswith(f" {option_name(name)} <") or f" {option_name(name)} " in line[:20]]
        assert name in ("recipe", "folds") or str(Config.model_fields[name].description) in line
    assert any("[default: (0.002 by best, 0.001 by report)]" in line for line in lines)
    assert not any("schedule-from" in line for line in lines)


def test_training_begins_from_a_checkpoint_with_its_settings(lab: Lab, data: Path, checkpoint: Checkpoint) -> None:
    done = lab("train", "--data", data, "--begin-from", checkpoint.path, "--epochs", 1, "--device", "cpu")
    assert done.status == 0, done.err
    assert "It began from Model 2 · fine-tuned (best)" in done.err
    (run,) = RunStore().list_runs()
    own = {
        "epochs": 1,
        "keep": "last",
        "before_share": 0.5,
        "learning_rate": CONFIG.learning_rate / 10,
        "begin_from": str(checkpoint.path),
        "device": "cpu",
    }
    assert run.config.model_dump() == CONFIG.model_dump() | {"precision": "auto"} | own
    refused = lab.refuses("train", "--data", data, "--recipe", "report", "--begin-from", checkpoint.path)
    assert "with the decoder plain cannot begin from" in refused


def test_the_queue_is_steered_from_a_terminal(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seg_core.runs.dispatch.dispatch", lambda store: None)  # no worker comes in between
    store = RunStore()
    one, two = (store.queue.add("", CONFIG, "sample").id for _ in range(2))
    assert lab("runs", "slots").out == "1 run trains at a time.\n"
    assert lab("runs", "slots", 2, "--json").json == {"slots": 2}
    assert lab.refuses("runs", "slots", 9) == "9 runs cannot train at a time; choose a number from 1 to 8."
    assert lab("runs", "move", two, "--by", -1).out == f"The queue, the next run first: {two}, {one}.\n"
    assert store.claims.claim(two)
    assert lab("runs", "stop", two, "--after-epoch").out == f"Run {two} stops after the current epoch.\n"
    assert store.progress.should_stop_after_epoch(two)
    assert lab.refuses("runs", "move", two, "--by", 1) == f"Run {two} is running; only queued runs can be moved."
    assert lab.refuses("runs", "continue", one, "--epochs", 2).startswith(f"Run {one} is queued; only finished runs")


def test_a_run_is_named_and_tagged_from_a_terminal(lab: Lab) -> None:
    run = RunStore().queue.add("", CONFIG, "sample")
    assert lab("runs", "edit", run.id, "--name", "a [b]", "--tag", "x", "--tag", "y z").out == (
        f"Run {run.id} is called a [b], tagged x, y z.\n"
    )
    edited = lab("runs", "edit", run.id, "--notes", "Next: seed 3.", "--json").json
    assert (edited["name"], edited["notes"], edited["tags"]) == ("a [b]", "Next: seed 3.", ["x", "y z"])
    assert lab("runs", "edit", run.id, "--tag", "", "--json").json["tags"] == []


def test_a_finished_run_is_continued_from_a_terminal(data: Path, lab: Lab) -> None:
    lab("train", "--data", data, *QUICK)
    done = lab("runs", "continue", 1, "--epochs", 1, "--json").json
    assert (done["status"], done["epochs"]) == ("finished", 2)


QUICK = [
    *("--epochs", 1, "--image-size", 64, "--batch-size", 4),
    *("--encoder-weights", "random", "--device", "cpu", "--precision", "32-true"),
]


def test_a_cross_validation_is_a_group_of_runs(data: Path, lab: Lab) -> None:
    done = lab("train", "--data", data, *QUICK, "--folds", 2, "--name", "both folds", "--json").json
    assert [(run["run_id"], run["status"], run["epochs"]) for run in done["runs"]] == [(1, "finished", 1), (2, "finished", 1)]
    runs = [RunStore().get_run(number) for number in (1, 2)]
    assert [(run.group, run.config.folds, run.config.fold) for run in runs] == [(done["group"], 2, 1), (done["group"], 2, 2)]
    trained_on = [set(read_metadata(run["checkpoint"])["dataset"]["train_ids"] or []) for run in done["runs"]]
    assert trained_on[0].isdisjoint(trained_on[1])


def test_one_fold_alone_is_no_group(data: Path, lab: Lab) -> None:
    done = lab("train", "--data", data, *QUICK, "--folds", 2, "--fold", 2, "--json").json
    run = RunStore().get_run(done["run_id"])
    assert (run.group, run.config.folds, run.config.fold) == (None, 2, 2)


def test_where_a_run_of_a_group_fails_there_are_no_others(data: Path, lab: Lab) -> None:
    (data / "train" / "images" / "ISIC_0000001.jpg").write_bytes(b"no photograph")
    done = lab("train", "--data", data, *QUICK, "--seeds", 3, "--json")
    assert done.status == 2
    assert "ISIC_0000001.jpg" in done.err
    assert [run["status"] for run in done.json["runs"]] == ["failed"]
    assert [run.status for run in RunStore().list_runs()] == ["failed"]


def test_a_queued_run_can_be_stopped_and_deleted(lab: Lab) -> None:
    store = RunStore()
    run = store.queue.add("waits", CONFIG, "sample")
    assert lab("runs", "stop", run.id).out == f"Run {run.id} is stopped.\n"
    assert lab("runs", "show", run.id, "--json").json["status"] == "stopped"
    assert lab("runs", "delete", run.id, "--yes").status == 0
    assert lab("runs", "list").out.startswith("No runs yet")


def test_the_official_data_are_fetched(archives: Server, tmp_path: Path, lab: Lab) -> None:
    folder = tmp_path / "new" / "ISIC [2016]"
    archives.faults["GET", TRAINING_DATA] = [breaks_after(1000)]
    done = lab("data", "isic2016", "--output", folder, "--json")
    assert (done.status, done.err) == (0, "")
    assert done.json == {
        "folder": str(folder),
        "name": "ISIC [2016]",
        "fingerprint": open_dataset(folder).fingerprint,
        "pairs": {"train": 3, "val": 0, "test": 2},
    }
    asked = len(archives.seen)
    again = lab("data", "isic2016", "--output", folder)
    assert (again.status, again.out) == (0, f"{folder} holds 3 pairs to train and 2 to test.\n")
    assert len(archives.seen) == asked


def test_why_the_official_data_cannot_be_fetched_is_one_line(
    archives: Server, tmp_path: Path, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("data", "isic2016", "--output", tmp_path / "data", "--json")
    archives.faults["GET", TRAINING_DATA] = [breaks_after(1000), breaks_after(0), breaks_after(0)]
    assert "The connection to 127.0.0.1 broke off; check the network" in lab.refuses(*arguments)
    archives.faults["HEAD", TRAINING_DATA] = [answers(404)]
    assert f"127.0.0.1 answers 404 (Not Found) to the request for {TRAINING_DATA}" in lab.refuses(*arguments)
    assert "Missing option '--output'; see --help." in lab.refuses("data", "isic2016")
    assert "cannot be written (Not a directory)" in lab.refuses("data", "isic2016", "--output", Path(__file__) / "data")
    monkeypatch.setenv("LESIONLAB_ISIC_URL", "nowhere")
    assert "LESIONLAB_ISIC_URL is 'nowhere'" in lab.refuses(*arguments)


def test_without_a_network_the_official_data_are_refused_in_one_line(archives: Server, tmp_path: Path) -> None:
    archives.stop()
    done = in_a_new_process("data", "isic2016", "--output", tmp_path / "data", "--json")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("lesionlab: 127.0.0.1 cannot be reached (")
    assert done.err.count("\n") == 1


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as at a terminal; what a shell starts in the background ignores it, the tests too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


# Ctrl-C may come between the opening of a file and its with block; nothing closes it then but the end of the process.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_keeps_what_was_fetched(archives: Server, tmp_path: Path, lab: Lab) -> None:
    def interrupt(handler: Any) -> None:
        handler.serve(only=1000)
        os.kill(os.getpid(), signal.SIGINT)  # while it waits for the rest
        handler.rfile.read(1)  # until it hangs up

    archives.faults["GET", TRAINING_DATA] = [interrupt]
    done = lab("data", "isic2016", "--output", tmp_path / "data", "--json")
    assert (done.status, done.out) == (130, "")
    assert " ".join(done.err.split()) == "Stopped. The same command continues the download."
    assert lab("data", "isic2016", "--output", tmp_path / "data", "--json").json["pairs"]["train"] == 3


def test_export_writes_beside_the_checkpoint_or_where_it_is_told_and_says_what_was_checked(
    checkpoint: Checkpoint, lab: Lab, tmp_path: Path
) -> None:
    done = lab("export", checkpoint.path, "--json")
    assert done.json["file"] == str(checkpoint.path.with_suffix(".onnx"))
    assert done.json["checked"] == [[1, 64, 64], [3, 64, 96]]
    assert 0 <= done.json["largest_difference"] <= 1e-4
    other = tmp_path / "other" / "model.onnx"
    assert "it differs from torch by" in lab("export", checkpoint.path, "--format", "onnx", "--output", other).out
    assert other.read_bytes() == checkpoint.path.with_suffix(".onnx").read_bytes()


def test_export_refuses_what_it_cannot_do(places: dict[str, Path], lab: Lab) -> None:
    assert "tflite" in lab.refuses("export", places["model"], "--format", "tflite")
    assert "is no checkpoint of LesionLab" in lab.refuses("export", places["data"] / "train" / "images" / "ISIC_0000000.jpg")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Clinic 7=~/data/clinic", ("Clinic 7", "~/data/clinic")),
        ("skin=/data?images=photos&lesion=2", ("skin", "/data?images=photos&lesion=2")),
        ("/data/skin?images=photos", ("", "/data/skin?images=photos")),
        ("skin?images=photos", ("", "skin?images=photos")),
        ("CC BY 4.0", ("", "CC BY 4.0")),
    ],
)
def test_a_name_stands_before_a_folder_or_a_licence(text: str, parts: tuple[str, str]) -> None:
    assert named(text) == parts


def test_folders_of_photographs_and_masks_can_be_named(tmp_path: Path, lab: Lab) -> None:
    data = make_dataset(tmp_path / "data", layout="flat", train=4)
    (data / "images").rename(data / "first")
    (data / "masks").rename(data / "second")
    refused = lab.refuses("data", "check", data)
    assert "it holds first/ (4 images), second/ (4 images): name the folders (--images DIR --masks DIR" in refused
    for mask in (data / "second").iterdir():
        mask.rename(mask.with_name(f"{mask.stem}_seg.png"))
    done = lab("data", "check", data, "--images", "first", "--masks", data / "second", "--json")
    assert (done.status, done.json["pairs"]["train"]) == (0, 4)
    assert done.json["notes"] == ["Matched by name: masks without `_seg`."]
    assert "note     Matched by name" in lab("data", "check", f"{data}?images=first&masks=second").out
