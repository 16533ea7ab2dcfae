"""The training loop: the same weights every time, and no training lost without a sentence that says why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboardX.proto.event_pb2 import Event as Logged

from seg_core.config import VARIANTS
from seg_core.data.cache.cached_pairs import CachedPairs
from seg_core.data.dataset import Dataset, open_dataset
from seg_core.errors import InputError
from seg_core.network import build_model
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.prediction.checkpoint_file import read_metadata, read_resume_metadata
from seg_core.training import loop, preparation
from seg_core.training.events import BatchDone, EpochDone, Message
from seg_core.training.loop import TrainingFailed, train
from seg_core.training.losses import LOSSES
from seg_core.training.validation import SAMPLES, Validation, validate
from tests.helpers import make_dataset, tiny_config
from tests.training.trainings import METRIC_NAMES, TRAIN, VAL, Log, Trained, assert_same, run, weights

pytestmark = pytest.mark.usefixtures("thin_network")


def test_two_trainings_of_one_seed_give_identical_weights(trained: Trained, dataset: Dataset, tmp_path: Path) -> None:
    torch.rand(17)  # what else drew random numbers in the process does not matter
    again, log = run(trained.config, dataset, tmp_path)
    for which in ("last", "best", "resume"):
        assert_same(weights(trained.folder, which), weights(tmp_path, which))
    assert again.val == trained.result.val
    assert [event.loss for event in log.of(BatchDone)] == [event.loss for event in trained.log.of(BatchDone)]


def test_another_seed_is_another_training(trained: Trained, dataset: Dataset, tmp_path: Path) -> None:
    _, log = run(trained.config.model_copy(update={"seed": 5}), dataset, tmp_path, stop_after=(1, 1))
    assert log.of(BatchDone)[0].loss != trained.log.of(BatchDone)[0].loss


@pytest.fixture
def flawed(tmp_path: Path) -> Dataset:
    """Of nine training photographs five cannot be read, of three to validate with one cannot, and one shows no lesion."""
    folder = make_dataset(tmp_path / "flawed", train=9, val=3)
    for number in (1, 3, 4, 5, 7, 10):
        (folder / ("train" if number < 9 else "val") / "images" / f"ISIC_{number:07d}.jpg").write_bytes(b"no photograph")
    Image.new("L", (64, 64)).save(folder / "val" / "masks" / "ISIC_0000011.png")
    return open_dataset(folder)


def test_when_photographs_are_found_unreadable_changes_nothing(
    flawed: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Batches of two: where both are bad, nothing is left of one.
    config = tiny_config(epochs=2, batch_size=2, skip_problems=True)
    known, known_log = run(config, flawed, tmp_path / "known")
    monkeypatch.setenv("LESIONLAB_HOME", str(tmp_path / "other"))
    monkeypatch.setattr(preparation, "WARM_UP_SECONDS", 0)
    late, late_log = run(config, flawed, tmp_path / "late")

    for which in ("last", "best", "resume"):
        assert_same(weights(tmp_path / "known", which), weights(tmp_path / "late", which))
    assert known.val == late.val
    losses = [[event.loss for event in log.of(BatchDone)] for log in (known_log, late_log)]
    assert losses[0] == losses[1]
    data = [read_metadata(tmp_path / name / "last.safetensors")["dataset"] for name in ("known", "late")]
    assert data[0] == data[1]
    assert (data[0]["train"], data[0]["val"]) == (4, 2)

    found = [{event.text for event in log.of(Message) if "ISIC_" in event.text} for log in (known_log, late_log)]
    assert found[0] == found[1]
    assert len(found[0]) == 7
    assert [event.text for event in late_log.of(Message)][:2] == [
        "0 of 9 training photographs are decoded; the others follow when a batch first needs them.",
        "0 of 3 validation photographs are decoded; the others follow when a batch first needs them.",
    ]
    kinds = [type(event).__name__ for event in late_log]
    assert kinds[:4] == ["Message"] * 3 + ["BatchDone"]
    first_epoch_done = kinds.index("EpochDone")
    assert kinds[:first_epoch_done].count("Message") == 3 + 7
    assert kinds[first_epoch_done:].count("Message") == 0


def test_a_photograph_found_unreadable_late_stops_a_training_that_does_not_skip_it(
    flawed: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparation, "WARM_UP_SECONDS", 0)
    with pytest.raises(InputError, match=r"cannot be trained on: ISIC_000000\d\.jpg is not an image .*--skip-problems"):
        run(tiny_config(), flawed, tmp_path / "run")


def test_without_a_cache_a_training_is_the_same(
    trained: Trained, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LESIONLAB_CACHE_GB", "0")
    _, log = run(trained.config, dataset, tmp_path)
    assert_same(weights(trained.folder), weights(tmp_path))
    assert log.of(Message)[0].text.startswith(
        "The photographs are decoded in every epoch, as they do not fit into the image cache"
    )


@pytest.mark.parametrize("stop_after", [(1, 2), (2, 1)])
def test_a_stop_takes_one_batch_and_keeps_the_last_weights(stop_after: tuple[int, int], dataset: Dataset, tmp_path: Path) -> None:
    result, log = run(tiny_config(epochs=3, swa_fraction=0), dataset, tmp_path, stop_after=stop_after)
    last = log.of(BatchDone)[-1]
    assert (last.epoch, last.batch) == stop_after
    assert (result.status, result.epochs) == ("stopped", stop_after[0] - 1)
    metadata = read_metadata(tmp_path / "last.safetensors")
    assert (metadata["epoch"], metadata["epoch_is_whole"], metadata["metrics"]) == (stop_after[0], False, {})
    assert load_checkpoint(tmp_path / "last.safetensors").predict(np.zeros((50, 40), np.uint8)).mask().shape == (50, 40)
    if stop_after[0] == 1:
        assert (result.best_epoch, result.val, result.checkpoint) == (0, {}, tmp_path / "last.safetensors")
    else:
        assert (result.best_epoch, result.checkpoint) == (1, tmp_path / "best.safetensors")


@pytest.mark.parametrize(("keep", "kept"), [("best", [1]), ("last", [1, 2, 3])])
def test_the_kept_epoch_is_the_best_or_the_last(
    keep: str, kept: list[int], dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter((0.9, 0.8, 0.7))

    def worse_and_worse(*given: Any) -> Validation:
        validation = validate(*given)
        return replace(validation, metrics=validation.metrics | {"iou": next(scores)})

    monkeypatch.setattr(loop, "validate", worse_and_worse)
    config = tiny_config(epochs=3, swa_fraction=0, keep=keep)
    _, log = run(config, dataset, tmp_path, stop_after=(3, 1))
    result, resumed = run(config, dataset, tmp_path, resume=True)
    assert [event.epoch for event in log.of(EpochDone) + resumed.of(EpochDone) if event.is_best] == kept
    assert result.best_epoch == kept[-1]
    assert read_metadata(result.checkpoint)["epoch"] == kept[-1]


def test_a_stop_during_validation_is_heard_too(dataset: Dataset, tmp_path: Path) -> None:
    log = Log()
    asked: list[int] = []

    def stop_when_validating() -> bool:
        asked.append(len(log.of(BatchDone)))
        return asked.count(2) == 2  # the last batch was answered with no; this is the validation asking

    result = train(tiny_config(epochs=2), dataset, log.append, folder=tmp_path, should_stop=stop_when_validating)
    assert (result.status, result.epochs, log.of(EpochDone)) == ("stopped", 0, [])


def test_every_epoch_sees_each_photograph_once_in_an_order_of_its_own(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    read = CachedPairs.read

    def spy(self: CachedPairs, indices: Sequence[int]) -> tuple[np.ndarray, np.ndarray, list[int]]:
        if len(indices) > 1 or len(self) == TRAIN:  # one by one samples are read
            seen.extend(indices)
        return read(self, indices)

    monkeypatch.setattr(CachedPairs, "read", spy)
    run(tiny_config(epochs=2, swa_fraction=0), dataset, tmp_path)
    of_epoch = TRAIN + VAL + min(SAMPLES, VAL)  # which are predicted last
    epochs = [seen[:of_epoch], seen[of_epoch:]]
    assert [sorted(epoch[:TRAIN]) for epoch in epochs] == [list(range(TRAIN))] * 2
    assert epochs[0][:TRAIN] != epochs[1][:TRAIN]
    assert [epoch[TRAIN:][:VAL] for epoch in epochs] == [list(range(VAL))] * 2
    assert [len(epoch) for epoch in epochs] == [of_epoch] * 2


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_training_leaves_what_its_variant_freezes_untouched(variant: str, dataset: Dataset, tmp_path: Path) -> None:
    config = tiny_config(variant=variant, epochs=1)
    initial = build_model(config).state_dict()
    run(config, dataset, tmp_path)
    changed = {name.split(".")[0] for name, tensor in weights(tmp_path).items() if not torch.equal(tensor, initial[name])}
    assert (
        changed == {"trainable-decoder": {"decoder"}, "fine-tune": {"encoder", "decoder"}, "frozen-decoder": {"encoder"}}[variant]
    )


def test_a_training_learns(tmp_path: Path) -> None:
    dataset = open_dataset(make_dataset(tmp_path / "data", train=16, val=2))
    _, log = run(tiny_config(epochs=4, learning_rate=1e-2, seed=2), dataset, tmp_path / "run")
    losses = [event.train["loss"] for event in log.of(EpochDone)]
    assert losses[-1] < 0.6 * losses[0]


def test_a_loss_that_is_no_number_fails_with_a_sentence(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def explode(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return logits.sum() * (float("nan") if len(calls) == 2 else 0)

    monkeypatch.setitem(LOSSES, "bce-lovasz", explode)
    with pytest.raises(TrainingFailed, match=r"The loss became nan in epoch 1, batch 2; start again with .* below 0\.002\.$"):
        run(tiny_config(), dataset, tmp_path)
    assert list(tmp_path.glob("*.safetensors")) == []


def test_weights_that_break_in_the_last_step_of_an_epoch_are_not_kept(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def explode(logits: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return logits.sum() * (float("inf") if len(calls) == 2 + 1 + 2 + 1 else 0)  # the validation of the second epoch

    monkeypatch.setitem(LOSSES, "bce-lovasz", explode)
    with pytest.raises(TrainingFailed, match="in the validation of epoch 2"):
        run(tiny_config(epochs=3), dataset, tmp_path)
    for which in ("last", "best", "resume"):
        read = read_resume_metadata if which == "resume" else read_metadata
        assert len(read(tmp_path / f"{which}.safetensors")["history"]) == 1
        assert all(torch.isfinite(tensor).all() for tensor in weights(tmp_path, which).values())


@pytest.mark.parametrize("device", ["cuda:99", "mps"])
def test_a_device_that_is_not_there_is_refused(
    device: str, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match=f"This machine has no device {device}; choose auto or cpu"):
        run(tiny_config(device=device), dataset, tmp_path)


def logged(folder: Path) -> dict[str, dict[int, float]]:
    """The scalars of TensorBoard's event files, by name and step."""
    found: dict[str, dict[int, float]] = {}
    for file in sorted(folder.glob("events.out.tfevents.*")):
        content, place = file.read_bytes(), 0
        while place < len(content):  # each record: its length, a checksum of that, itself, a checksum of that
            length = int.from_bytes(content[place : place + 8], "little")
            event = Logged.FromString(content[place + 12 : place + 12 + length])
            place += length + 16
            for value in (each for each in event.summary.value if each.WhichOneof("value") == "simple_value"):
                found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found


def test_with_log_tensorboard_event_files_hold_the_metrics_of_every_epoch_of_a_resumed_training_too(
    dataset: Dataset, tmp_path: Path
) -> None:
    config = tiny_config(epochs=3, log="tensorboard")
    run(config, dataset, tmp_path, stop_after=(2, 1))
    _, log = run(config, dataset, tmp_path, resume=True)
    scalars = logged(tmp_path / "tensorboard")
    steps = ("learning_rate", "gradient_norm", "data_wait", "images_per_second", "iou_margin")
    of_process = {f"{name}/process" for name in steps}
    assert set(scalars) == {f"{name}/{split}" for name in METRIC_NAMES for split in ("train", "val")} | of_process
    assert {tuple(sorted(steps)) for steps in scalars.values()} == {(1, 2, 3)}
    for event in log.of(EpochDone):
        assert scalars["iou/val"][event.epoch] == pytest.approx(event.val["iou"])
        assert scalars["loss/train"][event.epoch] == pytest.approx(event.train["loss"])


def test_without_it_there_are_none(trained: Trained) -> None:
    assert not (trained.folder / "tensorboard").exists()


def test_bf16_trains_too(dataset: Dataset, tmp_path: Path) -> None:
    result, log = run(tiny_config(epochs=1, precision="bf16-mixed"), dataset, tmp_path)
    assert result.status == "finished"
    assert math.isfinite(log.of(EpochDone)[0].val["loss"])
    assert {tensor.dtype for tensor in weights(tmp_path).values()} == {torch.float32, torch.int64}
