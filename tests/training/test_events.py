"""Events: in order, with the metrics and samples of the weights that are saved."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seg_core import metrics
from seg_core.config import SplitSpec
from seg_core.data.cache.storage import cache_pairs
from seg_core.data.dataset import Dataset, open_dataset
from seg_core.data.image import read_scaled
from seg_core.network import build_model, count_parameters
from seg_core.prediction.checkpoint import load_checkpoint, load_model
from seg_core.prediction.checkpoint_file import read_metadata
from seg_core.prediction.expected_iou import fit, soft_iou
from seg_core.training import loop
from seg_core.training.augmentation import plain
from seg_core.training.events import BatchDone, EpochDone, Message, Preparing
from seg_core.training.losses import LOSSES
from seg_core.training.optimizer import schedule_factor
from seg_core.training.validation import Validation
from tests.helpers import make_dataset, tiny_config
from tests.training.trainings import METRIC_NAMES, TRAIN, VAL, Trained, run

pytestmark = pytest.mark.usefixtures("thin_network")


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
        assert all(0 <= value <= 1 for scores in (event.train, event.val) for name, value in scores.items() if name != "loss")
        assert event.seconds > 0
        assert event.images_per_second > TRAIN / event.seconds  # of training alone
        process = event.process
        assert process["steps"] == 2 * event.epoch
        assert process["images_per_second"] == event.images_per_second
        assert 0 < process["data_wait"] < 1
        assert process["seconds"] == event.seconds
        assert abs(process["time"] - time.time()) < 3600
    rates = [event.process["learning_rate"] for event in log.of(EpochDone)]
    assert rates == [
        pytest.approx(trained.config.learning_rate * schedule_factor(trained.config, 2 * epoch - 1, 2)) for epoch in (1, 2)
    ]
    assert (result.status, result.epochs) == ("finished", 2)
    assert result.images_per_second == log.of(EpochDone)[-1].images_per_second
    (message,) = log.of(Message)
    millions = count_parameters(build_model(trained.config)) / 1e6
    assert message.text == (
        f"Model 2 · fine-tuned, {millions:.1f} million parameters, on 6 photographs, validated on 3, at 64 px, cpu in 32-true."
        " From epoch 2 on, the mean of the epochs' weights is validated and kept."
    )


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
    photos, masks, _ = pairs.read(range(VAL))
    images, truths = plain(torch.from_numpy(photos), torch.from_numpy(masks))
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

    def validate(self: Any, model: Any, should_stop: Callable[[], bool]) -> Validation:
        return Validation({"loss": 1.0, "iou": next(scores)}, np.array([]), np.array([]))

    monkeypatch.setattr(loop._Training, "_validate", validate)
    result, log = run(tiny_config(epochs=4), dataset, tmp_path)
    assert [event.is_best for event in log.of(EpochDone)] == [True, True, False, False]
    assert (result.best_epoch, result.val["iou"], result.checkpoint) == (2, 0.5, tmp_path / "best.safetensors")
    assert read_metadata(tmp_path / "best.safetensors")["epoch"] == 2
    assert read_metadata(tmp_path / "last.safetensors")["epoch"] == 4


def test_a_checkpoint_has_learnt_which_iou_to_expect(tmp_path: Path) -> None:
    data, config = open_dataset(make_dataset(tmp_path / "data", train=4, val=24)), tiny_config(epochs=1, batch_size=8)
    run(config, data, tmp_path)
    pairs = data.pairs_of("val", SplitSpec())
    cached = cache_pairs(pairs, config.image_size)
    photos, masks, _ = cached.read(range(24))
    images, truths = plain(torch.from_numpy(photos), torch.from_numpy(masks))
    with torch.no_grad():
        probabilities = load_model(tmp_path / "best.safetensors")(images).sigmoid()
    soft = np.array([soft_iou(each[0].numpy(), config.threshold) for each in probabilities])
    iou = metrics.iou(probabilities >= config.threshold, truths > 0.5)[:, 0].numpy()
    should_be = fit(soft, iou, "data")
    for which in ("best", "last"):
        model = load_checkpoint(tmp_path / f"{which}.safetensors")
        learnt = model.metadata["expected_iou"]
        assert (learnt["dataset"], learnt["photographs"]) == ("data", 24)
        assert should_be is not None
        assert learnt["mean"] == pytest.approx(should_be["mean"], abs=0.01)
        assert learnt["low"] == pytest.approx(should_be["low"], abs=0.03)
        expected = model.predict_pair(pairs[0]).expected_iou
        assert expected is not None
        assert 0 <= expected.low <= expected.mean <= 1
        assert replace(model, tta=True).predict_pair(pairs[0]).expected_iou is None


def test_a_checkpoint_knows_photographs_like_those_that_trained_it(tmp_path: Path) -> None:
    data, config = open_dataset(make_dataset(tmp_path / "data", train=110, val=24)), tiny_config(epochs=1, batch_size=32)
    run(config, data, tmp_path)
    model = load_checkpoint(tmp_path / "best.safetensors")
    assert model.metadata["familiarity"]["photographs"] == 110
    assert model.familiarity is not None
    photo, _ = read_scaled(data.unique_pairs[0].image, (64, 64))
    pixels = np.array(photo)[None]
    with torch.no_grad():
        maps = load_model(model.path).encoder(plain(torch.from_numpy(pixels), torch.zeros(1, 64, 64, dtype=torch.uint8))[0])
    seen = model.engine.see(pixels)[1]
    assert seen == pytest.approx(torch.cat([each.mean((2, 3)) for each in maps[:-1]], dim=1).numpy(), abs=1e-3)
    like, unlike = model.predict_pair(data.unique_pairs[0]), model.predict(np.random.default_rng(0).random((64, 64, 3)))
    assert [each.expected_iou and each.expected_iou.unlike for each in (like, unlike)] == [False, True]
