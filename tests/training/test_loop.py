"""Training: the same every time, resumable to the bit, honest in what it reports, and never lost for a reason it does not say."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tensorboardX.proto.event_pb2 import Event as Logged

from seg_core import metrics
from seg_core.config import VARIANTS, Config, SplitSpec
from seg_core.data.cache.cached_pairs import CachedPairs
from seg_core.data.cache.storage import cache_pairs
from seg_core.data.dataset import Dataset, open_dataset
from seg_core.errors import InputError
from seg_core.network import build_model, count_parameters
from seg_core.prediction.checkpoint import load_checkpoint, load_model
from seg_core.prediction.checkpoint_file import read_header, read_metadata
from seg_core.training import loop, preparation
from seg_core.training.augmentation import plain
from seg_core.training.events import BatchDone, EpochDone, Event, Message, Preparing
from seg_core.training.history import EpochRecord, History
from seg_core.training.loop import TrainingFailed, TrainResult, schedule_factor, train
from seg_core.training.losses import LOSSES
from tests.helpers import make_dataset, tiny_config

pytestmark = pytest.mark.usefixtures("thin_decoder")

TRAIN, VAL = 6, 3  # in batches of four: two an epoch, the second one of two
METRIC_NAMES = {"loss", "accuracy", "iou", "dice", "report_iou", "report_dice"}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return open_dataset(make_dataset(tmp_path_factory.mktemp("data"), train=TRAIN, val=VAL, test=1))


class Log(list[Event]):
    """The events of a training, by kind."""

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self if isinstance(event, kind)]


def ask_to_stop(log: Log, epoch: int, batch: int) -> Callable[[], bool]:
    """Asks to stop once this batch is done."""
    return lambda: any((event.epoch, event.batch) == (epoch, batch) for event in log.of(BatchDone))


def run(
    config: Config, dataset: Dataset, folder: Path, stop_after: tuple[int, int] | None = None, **options: Any
) -> tuple[TrainResult, Log]:
    log = Log()
    should_stop = ask_to_stop(log, *stop_after) if stop_after else lambda: False
    return train(config, dataset, log.append, folder=folder, should_stop=should_stop, **options), log


class Trained(NamedTuple):
    """A training of two epochs that several tests look at, and none changes."""

    config: Config
    folder: Path
    result: TrainResult
    log: Log


@pytest.fixture(scope="module")
def trained(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    config, folder = tiny_config(epochs=2, threshold=0.4, seed=4, swa_fraction=0.5), tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESIONLAB_HOME", str(folder / "home"))
        return Trained(config, folder, *run(config, dataset, folder, name="a try"))


def weights(folder: Path, which: str = "last") -> dict[str, torch.Tensor]:
    return load_file(folder / f"{which}.safetensors")


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert [name for name, tensor in one.items() if not torch.equal(tensor, other[name])] == []


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
        "0 of 9 training photographs are decoded; the others follow when their batch first asks for them.",
        "0 of 3 validation photographs are decoded; the others follow when their batch first asks for them.",
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


@pytest.mark.parametrize(
    ("recipe", "variant", "averaged"),
    [
        ("best", "fine-tune", 0.75),
        ("best", "fine-tune", 0.25),
        ("best", "trainable-decoder", 0.75),
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


def test_resuming_on_other_data_is_refused(trained: Trained, tmp_path: Path) -> None:
    folder = shutil.copytree(trained.folder, tmp_path / "copy")
    other = open_dataset(make_dataset(tmp_path / "data", train=TRAIN, val=VAL + 1))
    with pytest.raises(InputError, match="data"):
        run(trained.config, other, folder, resume=True)


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


def test_a_stop_during_validation_is_heard_too(dataset: Dataset, tmp_path: Path) -> None:
    log = Log()
    asked: list[int] = []

    def stop_when_validating() -> bool:
        asked.append(len(log.of(BatchDone)))
        return asked.count(2) == 2  # the last batch was answered with no; this is the validation asking

    result = train(tiny_config(epochs=2), dataset, log.append, folder=tmp_path, should_stop=stop_when_validating)
    assert (result.status, result.epochs, log.of(EpochDone)) == ("stopped", 0, [])


def test_events_come_in_order_and_in_number(trained: Trained) -> None:
    _, _, result, log = trained
    kinds = [type(event).__name__ for event in log]
    assert kinds == ["Preparing"] * (TRAIN + VAL) + ["Message"] + ["BatchDone", "BatchDone", "EpochDone"] * 2
    prepared = [(event.done, event.total, event.what) for event in log.of(Preparing)]
    assert prepared == [(done, TRAIN, "training photographs") for done in range(1, TRAIN + 1)] + [
        (done, VAL, "validation photographs") for done in range(1, VAL + 1)
    ]
    batches = [(event.epoch, event.batch, event.batches) for event in log.of(BatchDone)]
    assert batches == [(1, 1, 2), (1, 2, 2), (2, 1, 2), (2, 2, 2)]
    assert all(math.isfinite(event.loss) and event.images_per_second > 0 for event in log.of(BatchDone))
    assert [event.epoch for event in log.of(EpochDone)] == [1, 2]
    for event in log.of(EpochDone):
        assert set(event.train) == set(event.val) == METRIC_NAMES
        assert all(0 <= value <= 1 for part in (event.train, event.val) for name, value in part.items() if name != "loss")
        assert event.seconds > 0
        assert event.images_per_second > TRAIN / event.seconds  # of training alone
    assert (result.status, result.epochs) == ("finished", 2)
    assert result.images_per_second == log.of(EpochDone)[-1].images_per_second
    (message,) = log.of(Message)
    millions = count_parameters(build_model(trained.config)) / 1e6
    assert message.text == (
        f"Model 2 · fine-tuned, {millions:.1f} million parameters, on 6 photographs, validated on 3, at 64 px, cpu in 32-true."
        " From epoch 2 on, the mean of the epochs' weights is validated and kept."
    )


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
    epochs = [seen[: TRAIN + VAL], seen[TRAIN + VAL :]]
    assert [sorted(epoch[:TRAIN]) for epoch in epochs] == [list(range(TRAIN))] * 2
    assert epochs[0][:TRAIN] != epochs[1][:TRAIN]
    assert [epoch[TRAIN:] for epoch in epochs] == [list(range(VAL))] * 2


def test_a_loss_of_an_epoch_is_the_mean_over_its_images(trained: Trained) -> None:
    first, second, *_ = (event.loss for event in trained.log.of(BatchDone))
    assert trained.log.of(EpochDone)[0].train["loss"] == pytest.approx((4 * first + 2 * second) / 6)


def test_samples_are_fixed_validation_photographs_with_their_truth(trained: Trained, dataset: Dataset) -> None:
    first, second = (event.samples for event in trained.log.of(EpochDone))
    val = cache_pairs(dataset.split(SplitSpec(0, 0.2)).val, 64)
    assert [sample.id for sample in first] == [sample.id for sample in second] == [pair.id for pair in val.pairs]
    for index, sample in enumerate(second):
        photo, truth = val[index]
        np.testing.assert_array_equal(sample.photo, photo)
        np.testing.assert_array_equal(sample.truth, truth == 255)
        assert (sample.photo.dtype, sample.truth.dtype, sample.probability.dtype) == (np.uint8, np.bool_, np.float32)
    predicted = load_checkpoint(trained.folder / "last.safetensors").engine(np.stack([sample.photo for sample in second]))
    np.testing.assert_allclose([sample.probability for sample in second], predicted, atol=1e-4)
    assert any(not np.array_equal(a.probability, b.probability) for a, b in zip(first, second, strict=True))


def test_of_many_validation_photographs_four_are_samples(tmp_path: Path) -> None:
    dataset = open_dataset(make_dataset(tmp_path / "data", train=2, val=9))
    _, log = run(tiny_config(epochs=1), dataset, tmp_path / "run")
    assert [sample.id[-1] for sample in log.of(EpochDone)[0].samples] == [
        "2",
        "5",
        "7",
        "0",
    ]  # the first, the last, and two between


def test_reported_metrics_are_those_of_the_saved_weights(trained: Trained, dataset: Dataset) -> None:
    config, folder, result, log = trained
    last = log.of(EpochDone)[-1]
    metadata = read_metadata(folder / "last.safetensors")
    assert metadata["metrics"] == {"train": last.train, "val": last.val}
    assert (metadata["epoch"], metadata["name"]) == (2, "a try")

    model = load_model(folder / "last.safetensors")
    pairs = cache_pairs(dataset.split(SplitSpec(0, 0.2)).val, 64)
    images, truths = plain(*(torch.from_numpy(pixels) for pixels in pairs.read(range(VAL))[:2]))
    with torch.no_grad():
        logits = model(images)
    measured = {name: getattr(metrics, name)(logits.sigmoid() >= 0.4, truths > 0.5) for name in METRIC_NAMES - {"loss"}}
    expected = {"loss": LOSSES[config.loss](logits, truths).item()} | {
        name: float(values.mean()) for name, values in measured.items()
    }
    assert last.val == pytest.approx(expected, abs=2e-3)  # a pixel or two on the threshold may fall to the other side
    assert last.val["loss"] == pytest.approx(expected["loss"], rel=1e-4)

    best = log.of(EpochDone)[result.best_epoch - 1]
    assert best.is_best
    assert result.val == best.val == read_metadata(folder / "best.safetensors")["metrics"]["val"]


def test_the_best_epoch_is_the_first_of_the_highest_validation_iou(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.2, 0.5, 0.5, 0.4])

    def validate(self: Any, model: Any, should_stop: Callable[[], bool]) -> tuple[dict[str, float], list[Any]]:
        return {"loss": 1.0, "iou": next(scores)}, []

    monkeypatch.setattr(loop._Training, "_validate", validate)
    result, log = run(tiny_config(epochs=4), dataset, tmp_path)
    assert [event.is_best for event in log.of(EpochDone)] == [True, True, False, False]
    assert (result.best_epoch, result.val["iou"], result.checkpoint) == (2, 0.5, tmp_path / "best.safetensors")
    assert read_metadata(tmp_path / "best.safetensors")["epoch"] == 2
    assert read_metadata(tmp_path / "last.safetensors")["epoch"] == 4


def test_the_history_finds_its_best_epoch() -> None:
    records = [EpochRecord({}, {"iou": iou}, 1.0) for iou in (0.1, 0.7, 0.7)]
    assert History().best_epoch == 0
    assert History().best_val == {}
    assert History(tuple(records)).best_epoch == 2
    assert History.of(json.loads(json.dumps(History(tuple(records)).to_json()))) == History(tuple(records))


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
    _, log = run(tiny_config(epochs=4, learning_rate=5e-3), dataset, tmp_path / "run")
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
        assert len(read_header(tmp_path / f"{which}.safetensors")["history"]) == 1
        assert all(torch.isfinite(tensor).all() for tensor in weights(tmp_path, which).values())


@pytest.mark.parametrize("device", ["cuda:99", "mps"])
def test_a_device_that_is_not_there_is_refused(
    device: str, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match=f"This machine has no device {device}; choose auto or cpu"):
        run(tiny_config(device=device), dataset, tmp_path)


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


def test_one_cycle_goes_up_over_three_tenths_and_down_to_almost_nothing() -> None:
    config = Config.of("best", epochs=10, swa_fraction=0)
    factors = [schedule_factor(config, step, 10) for step in range(100)]
    assert factors[0] == pytest.approx(1 / 25)
    assert max(factors) == pytest.approx(1, abs=2e-3)
    assert factors.index(max(factors)) == 30
    assert factors[-1] == pytest.approx(1e-4)
    assert all(a < b for a, b in pairwise(factors[:31]))
    assert all(a > b for a, b in pairwise(factors[30:]))
    # Half way up, a quarter and three quarters of the cosine: position 0.15 of 0.3, so (0.04 + 1) / 2.
    halfway = schedule_factor(Config.of("best", epochs=1), 15, 101)
    assert halfway == pytest.approx(0.52)


def test_where_epochs_are_averaged_the_cycle_ends_before_them_at_a_quarter_and_the_rate_stays_there() -> None:
    config = Config.of("best", epochs=10, swa_fraction=0.4)
    factors = [schedule_factor(config, step, 10) for step in range(100)]
    assert factors[0] == pytest.approx(1 / 25)
    assert factors.index(max(factors)) == 18  # three tenths of 60 steps
    assert all(a > b for a, b in pairwise(factors[18:60]))
    assert factors[59:] == [pytest.approx(1 / 4)] * 41


@pytest.mark.parametrize("averaged", [0, 0.5])
def test_a_continued_run_goes_through_another_cycle(averaged: float) -> None:
    config = Config.of("best", epochs=10, swa_fraction=averaged)
    whole = [schedule_factor(config, step, 5) for step in range(50)]
    continued = config.model_copy(update={"epochs": 14, "schedule_from": 10})
    short = Config.of("best", epochs=4, swa_fraction=averaged)
    assert [schedule_factor(continued, step, 5) for step in range(50, 70)] == [schedule_factor(short, s, 5) for s in range(20)]
    assert whole[-1] == pytest.approx(0.25 if averaged else 1e-4)


def test_the_reports_learning_rate_is_constant_and_a_single_step_is_no_error() -> None:
    assert {schedule_factor(Config.of("report"), step, 10) for step in range(250)} == {1.0}
    assert schedule_factor(Config.of("best", epochs=1), 0, 1) == pytest.approx(1 / 25)


@pytest.mark.parametrize(("variant", "shares"), [("fine-tune", [0.25, 1]), ("trainable-decoder", [1]), ("frozen-decoder", [1])])
def test_the_schedule_reaches_the_optimizer(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variant: str, shares: list[float]
) -> None:
    config = tiny_config(variant=variant, epochs=2, encoder_rate=0.25)
    used: list[list[float]] = []
    step = torch.optim.AdamW.step

    def spy(self: torch.optim.AdamW, *args: Any, **options: Any) -> Any:
        used.append([group["lr"] for group in self.param_groups])
        return step(self, *args, **options)

    monkeypatch.setattr(torch.optim.AdamW, "step", spy)
    run(config, dataset, tmp_path)
    rates = config.learning_rate * np.array([schedule_factor(config, number, 2) for number in range(4)])
    np.testing.assert_allclose(used, rates[:, None] * shares)  # encoder and decoder, or what learns alone


def logged(folder: Path) -> dict[str, dict[int, float]]:
    """The scalars of TensorBoard's event files, by name and step."""
    found: dict[str, dict[int, float]] = {}
    for file in sorted(folder.glob("events.out.tfevents.*")):
        content, place = file.read_bytes(), 0
        while place < len(content):  # each record: its length, a checksum of that, itself, a checksum of that
            length = int.from_bytes(content[place : place + 8], "little")
            event = Logged.FromString(content[place + 12 : place + 12 + length])
            place += length + 16
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found


def test_with_log_tensorboard_event_files_hold_the_metrics_of_every_epoch_of_a_resumed_training_too(
    dataset: Dataset, tmp_path: Path
) -> None:
    config = tiny_config(epochs=3, log="tensorboard")
    run(config, dataset, tmp_path, stop_after=(2, 1))
    _, log = run(config, dataset, tmp_path, resume=True)
    scalars = logged(tmp_path / "tensorboard")
    assert set(scalars) == {f"{name}/{part}" for name in METRIC_NAMES for part in ("train", "val")}
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
