"""Resuming: the same to the bit as a training that was never stopped; files that do not fit are refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageOps
from safetensors.torch import load_file

from seg_core.data.dataset import Dataset, open_dataset
from seg_core.errors import InputError
from seg_core.network import build_model
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.prediction.checkpoint_file import read_metadata, read_resume_metadata
from seg_core.prediction.tensor_file import write_tensors
from seg_core.training.contents import DataChanged
from seg_core.training.events import BatchDone, EpochDone, Message
from tests.helpers import make_dataset, tiny_config
from tests.training.trainings import TRAIN, VAL, Trained, assert_same, home_in, run, weights

pytestmark = pytest.mark.usefixtures("thin_network")


@pytest.mark.parametrize(
    ("recipe", "variant", "averaged"),
    [
        ("best", "fine-tune", 0.75),
        pytest.param("best", "fine-tune", 0.25, marks=pytest.mark.slow),
        pytest.param("best", "trainable-decoder", 0.75, marks=pytest.mark.slow),
        ("report", "trainable-decoder", 0),
    ],
)
def test_stopped_in_the_third_epoch_and_resumed_is_the_same_to_the_bit(
    recipe: str, variant: str, averaged: float, dataset: Dataset, tmp_path: Path
) -> None:
    config = tiny_config(recipe, variant=variant, epochs=4, swa_fraction=averaged)
    whole, whole_log = run(config, dataset, tmp_path / "whole")
    stopped, stopped_log = run(config, dataset, tmp_path / "parts", stop_after=(3, 1))
    assert (stopped.status, stopped.epochs) == ("stopped", 2)
    resumed, resumed_log = run(config, dataset, tmp_path / "parts", resume=True)

    assert (whole.status, whole.epochs) == (resumed.status, resumed.epochs) == ("finished", 4)
    assert (whole.best_epoch, whole.val) == (resumed.best_epoch, resumed.val)
    assert [event.epoch for event in resumed_log.of(EpochDone)] == [3, 4]
    for which in ("last", "best", "resume"):
        assert_same(weights(tmp_path / "whole", which), weights(tmp_path / "parts", which))
    together = stopped_log.of(EpochDone) + resumed_log.of(EpochDone)
    assert [(event.train, event.val, event.is_best) for event in together] == [
        (event.train, event.val, event.is_best) for event in whole_log.of(EpochDone)
    ]
    histories = [read_metadata(tmp_path / name / "last.safetensors")["history"] for name in ("whole", "parts")]
    assert [epoch["val"] for epoch in histories[0]] == [epoch["val"] for epoch in histories[1]]


def test_resuming_where_nothing_was_saved_starts_at_the_first_epoch(dataset: Dataset, tmp_path: Path) -> None:
    config = tiny_config(epochs=1)
    run(config, dataset, tmp_path / "whole")
    run(config, dataset, tmp_path / "parts", stop_after=(1, 1))
    resumed, _ = run(config, dataset, tmp_path / "parts", resume=True)
    assert resumed.status == "finished"
    assert_same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_resuming_a_finished_training_changes_nothing(trained: Trained, dataset: Dataset, tmp_path: Path) -> None:
    folder = shutil.copytree(trained.folder, tmp_path / "copy")
    again, log = run(trained.config, dataset, folder, resume=True)
    assert (again.status, again.epochs, again.val) == ("finished", 2, trained.result.val)
    assert log.of(BatchDone) == []
    assert_same(weights(folder), weights(trained.folder))


@pytest.mark.parametrize("damage", ["cut", "other model", "other variant", "no tensors"])
def test_a_resume_file_that_does_not_fit_is_refused(damage: str, trained: Trained, dataset: Dataset, tmp_path: Path) -> None:
    file, config = tmp_path / "resume.safetensors", trained.config
    content = (trained.folder / file.name).read_bytes()
    file.write_bytes({"cut": content[:-1000], "no tensors": b"no tensors"}.get(damage, content))
    changes = {"other model": {"decoder": "plain"}, "other variant": {"variant": "frozen-decoder"}}.get(damage, {})
    with pytest.raises(InputError, match=r"resume\.safetensors is damaged, or belongs to another model or version") as refused:
        run(config.model_copy(update=changes), dataset, tmp_path, resume=True)
    assert "\n" not in str(refused.value)


@pytest.fixture(scope="module")
def three_epochs(thin_network: None, dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a training of three epochs, `whole`, and the same stopped in the third, `parts`. Tests change copies."""
    folder = tmp_path_factory.mktemp("three")
    with home_in(folder):
        run(tiny_config(epochs=3), dataset, folder / "whole")
        run(tiny_config(epochs=3), dataset, folder / "parts", stop_after=(3, 1))
    return folder


@pytest.mark.parametrize("damage", ["flipped", "cut", "missing"])
def test_a_damaged_resume_file_costs_one_epoch(damage: str, dataset: Dataset, three_epochs: Path, tmp_path: Path) -> None:
    config, folder = tiny_config(epochs=3), shutil.copytree(three_epochs / "parts", tmp_path / "parts")
    file = folder / "resume.safetensors"
    content = file.read_bytes()
    file.write_bytes({"flipped": content[:-900] + bytes([content[-900] ^ 8]) + content[-899:]}.get(damage, content[:-900]))
    if damage == "missing":
        file.unlink()
    resumed, log = run(config, dataset, folder, resume=True)
    assert resumed.status == "finished"
    assert [event.epoch for event in log.of(EpochDone)] == [2, 3]
    said = "resume.safetensors was damaged or missing, so the run goes on after the epoch before, 1."
    assert said in [message.text for message in log.of(Message)]
    for which in ("last", "best", "resume"):
        assert_same(weights(three_epochs / "whole", which), weights(folder, which))


@pytest.mark.parametrize("damage", ["flipped", "cut", "missing"])
@pytest.mark.parametrize("which", ["last", "best"])
def test_a_damaged_checkpoint_is_written_again(
    which: str, damage: str, trained: Trained, dataset: Dataset, tmp_path: Path
) -> None:
    folder = shutil.copytree(trained.folder, tmp_path / "copy")
    file = folder / f"{which}.safetensors"
    content = file.read_bytes()
    file.write_bytes({"flipped": content[:-1] + bytes([content[-1] ^ 8])}.get(damage, content[:-900]))
    if damage == "missing":
        file.unlink()
    again, log = run(trained.config, dataset, folder, resume=True)
    assert (again.status, again.epochs, log.of(EpochDone)) == ("finished", 2, [])
    lost = which == "best" and trained.result.best_epoch != 2
    instead = f", since the best one, {trained.result.best_epoch}, is lost" if lost else ""
    said = f"{file.name} was damaged or missing; it now holds the model after epoch 2{instead}."
    assert said in [message.text for message in log.of(Message)]
    assert_same(weights(folder, which), weights(trained.folder, "last"))
    assert read_metadata(file)["epoch"] == 2


def test_the_best_model_that_is_lost_is_replaced_by_the_last_one(dataset: Dataset, tmp_path: Path) -> None:
    config = tiny_config(epochs=3, learning_rate=0.1, augmentation="standard")  # so high that its masks get worse
    before, _ = run(config, dataset, tmp_path)
    assert before.best_epoch < 3
    (tmp_path / "best.safetensors").unlink()
    _, log = run(config, dataset, tmp_path, resume=True)
    said = f"it now holds the model after epoch 3, since the best one, {before.best_epoch}, is lost."
    assert [message.text for message in log.of(Message) if said in message.text]


def invert(file: Path) -> None:
    with Image.open(file) as mask:
        ImageOps.invert(mask).save(file)


@pytest.fixture(scope="module")
def resumed(thin_network: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data` and a `run` on it of two epochs, each an attempt of its own. Tests change copies."""
    folder = tmp_path_factory.mktemp("resumed")
    data = make_dataset(folder / "data", train=TRAIN, val=VAL)
    with home_in(folder):
        run(tiny_config(epochs=1), open_dataset(data), folder / "run")
        for file in data.rglob("*.png"):
            file.touch()  # no change: the content is the same
        run(tiny_config(epochs=2, schedule_from=1), open_dataset(data), folder / "run", resume=True)
    return folder


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"masks": [2]}, "1 mask was edited (ISIC_0000002)"),
        ({"masks": [0, 1, 2, 3, 4, 7]}, "6 masks were edited (ISIC_0000000, ISIC_0000001, ISIC_0000002, ISIC_0000003, "),
        ({"masks": [1], "images": [6]}, "1 mask was edited (ISIC_0000001) and 1 photograph was edited (ISIC_0000006)"),
        ({"gone": [5]}, "1 pair is gone (ISIC_0000005)"),
        ({"new": [20, 21]}, "2 pairs are new (ISIC_0000020, ISIC_0000021)"),
    ],
)
def test_resuming_on_edited_data_is_refused_with_their_names(
    changed: dict[str, list[int]], said: str, resumed: Path, tmp_path: Path
) -> None:
    data, folder = (shutil.copytree(resumed / name, tmp_path / name) for name in ("data", "run"))

    def files(kind: str, numbers: list[int]) -> list[Path]:
        return [file for number in numbers for file in data.rglob(f"{kind}/ISIC_{number:07d}.*")]

    for file in files("masks", changed.get("masks", [])):
        invert(file)
    for file in files("images", changed.get("images", [])):
        file.write_bytes(file.read_bytes() + b"more")
    for file in files("*", changed.get("gone", [])):
        file.unlink()
    if new := changed.get("new"):
        make_dataset(data, train=len(new), first=new[0])
    with pytest.raises(DataChanged) as refused:
        run(tiny_config(epochs=3, schedule_from=2), open_dataset(data), folder, resume=True)
    assert str(refused.value).startswith(f"Since this run trained, {said}")
    assert str(refused.value).endswith("; put the files back as they were, or start a new run.")


def test_the_test_split_may_change_between_two_attempts(tmp_path: Path) -> None:
    data, config = make_dataset(tmp_path / "data", train=3, val=2, test=1), tiny_config(epochs=1)
    run(config, open_dataset(data), tmp_path / "run")
    for file in (data / "test" / "masks").iterdir():
        invert(file)
    more = config.model_copy(update={"epochs": 2, "schedule_from": 1})
    assert run(more, open_dataset(data), tmp_path / "run", resume=True)[0].epochs == 2


def test_a_resume_file_of_an_older_version_tells_changed_data_by_their_sizes(trained: Trained, tmp_path: Path) -> None:
    file = shutil.copytree(trained.folder, tmp_path / "copy") / "resume.safetensors"
    header = {name: value for name, value in read_resume_metadata(file).items() if name != "contents"}
    write_tensors(file, load_file(file), header)
    other = open_dataset(make_dataset(tmp_path / "data", train=TRAIN, val=VAL + 1))
    with pytest.raises(DataChanged, match="The data has changed since this run trained"):
        run(trained.config, other, file.parent, resume=True)


def test_a_finished_training_goes_on_for_more_epochs(dataset: Dataset, tmp_path: Path) -> None:
    config = tiny_config(epochs=2)
    run(config, dataset, tmp_path)
    before = read_metadata(tmp_path / "last.safetensors")["history"]
    more, log = run(config.model_copy(update={"epochs": 3, "schedule_from": 2}), dataset, tmp_path, resume=True)
    assert (more.epochs, more.status, [event.epoch for event in log.of(EpochDone)]) == (3, "finished", [3])
    assert read_metadata(tmp_path / "last.safetensors")["history"][:2] == before


def test_resuming_keeps_the_optimizers_moments_of_what_trains(dataset: Dataset, tmp_path: Path) -> None:
    run(tiny_config(epochs=1, variant="trainable-decoder", decoder="plain"), dataset, tmp_path)
    saved = {name: tensor for name, tensor in weights(tmp_path, "resume").items() if name.startswith("optimizer/")}
    trained = len(list(build_model(tiny_config(decoder="plain")).decoder.parameters()))
    assert len(saved) == 3 * trained  # step, exp_avg and exp_avg_sq; of the frozen encoder nothing
    assert {tensor.item() for name, tensor in saved.items() if name.endswith("/step")} == {2.0}


def test_no_pickle_is_read_or_written(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("pickle")

    for name in ("load", "save"):
        monkeypatch.setattr(torch, name, refuse)
    folder, config = tmp_path / "run", tiny_config(epochs=2)
    run(config, dataset, folder, stop_after=(2, 1))
    run(config, dataset, folder, resume=True)
    load_checkpoint(folder / "best.safetensors")
    assert {file.name for file in folder.iterdir()} == {"best.safetensors", "last.safetensors", "resume.safetensors"}
