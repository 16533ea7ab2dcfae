"""Advice on runs that go badly, and none on those of the shipped recipes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

import psutil
import pytest

from seg_core.common.home import SHIPPED_CHECKPOINTS
from seg_core.config import Config
from seg_core.prediction.checkpoint_file import read_metadata
from seg_core.runs.advice import advise
from seg_core.runs.resources import Resources, Room, room_left
from seg_core.runs.run import MetricPoint, Run
from seg_core.runs.store import RunStore
from tests.runs.stores import CONFIG

Split = Literal["train", "val", "process"]
GOOD = [math.exp(-epoch / 6) for epoch in range(20)]
RISING_IOU = [0.8 - 0.4 * loss for loss in GOOD]


def points(**series: Sequence[float]) -> list[MetricPoint]:
    """Metrics of every epoch, by split and name: ``val_iou=[0.5, 0.6]``."""
    return [
        MetricPoint(0, epoch, cast(Split, name.split("_")[0]), name.split("_", 1)[1], value)
        for name, values in series.items()
        for epoch, value in enumerate(values, start=1)
    ]


@pytest.fixture
def run(store: RunStore) -> Run:
    return store.queue.add("", CONFIG, "sample")


def kinds(run: Run, room: Room | None = None, **series: Sequence[float]) -> list[str]:
    of_all = {"train_loss": GOOD, "val_loss": GOOD, "val_iou": RISING_IOU} | series
    return [advice.kind for advice in advise(run, points(**of_all), room)]


@pytest.mark.parametrize("file", sorted(SHIPPED_CHECKPOINTS.glob("*.safetensors")), ids=lambda file: file.stem)
def test_the_trainings_of_the_shipped_models_get_none_at_any_epoch(file: Path, store: RunStore) -> None:
    metadata: Any = read_metadata(file)
    history = metadata["history"]
    run = store.queue.add("", Config.model_validate(metadata["config"]), "sample")
    for epochs in range(len(history) + 1):
        series = {
            f"{split}_{name}": [epoch[split][name] for epoch in history[:epochs]]
            for split, name in (("train", "loss"), ("val", "loss"), ("val", "iou"))
        }
        assert advise(run, points(**series), Room(disk=10**10, memory=10**10)) == []
    assert len(history) >= 24


def test_what_goes_well_and_what_has_hardly_begun_gets_none(run: Run) -> None:
    assert kinds(run) == []
    assert kinds(run, train_loss=[1, 1, 1, 1], val_loss=[1, 1, 1, 1], val_iou=[0, 0, 0, 0]) == []
    assert advise(run, []) == []


def test_a_loss_that_does_not_fall_or_rises_again(run: Run) -> None:
    still = [0.7, 0.69, 0.7, 0.69, 0.7]
    assert kinds(run, train_loss=still, val_loss=still, val_iou=[0.3] * 5) == ["loss"]
    falls_and_rises = [1, 0.5, 0.4, 0.4, 0.4, 0.6, 0.9, 0.9]
    (advice,) = advise(run, points(train_loss=falls_and_rises, val_loss=falls_and_rises, val_iou=[0.5] * 8))
    assert advice.text.startswith("The training loss has risen since epoch 5;")  # the mean of epochs 3 to 5 is the lowest
    one_bad_epoch = [1, 0.5, 0.4, 0.4, 0.4, 2.0]
    assert kinds(run, train_loss=one_bad_epoch, val_loss=one_bad_epoch, val_iou=[0.5] * 6) == []


def test_overfitting_is_a_rise_of_the_validation_loss_that_costs_iou(run: Run) -> None:
    rises = [loss + 0.05 * max(0, epoch - 8) for epoch, loss in enumerate(GOOD)]
    falls = [iou - 0.01 * max(0, epoch - 8) for epoch, iou in enumerate(RISING_IOU)]
    (advice,) = advise(run, points(train_loss=GOOD, val_loss=rises, val_iou=falls))
    assert advice.kind == "overfitting"
    assert advice.text.startswith("Overfitting since epoch 11:")
    assert kinds(run, val_loss=rises) == []  # IoU still rises: the network is only more certain
    assert kinds(run, val_loss=rises, val_iou=falls, train_loss=[1.0, *[0.5] * 19]) == []  # nor does it learn any more


def test_masks_that_are_never_found_and_validation_on_few(run: Run, store: RunStore) -> None:
    assert kinds(run, val_iou=[0.01] * 20) == ["masks"]
    flat = [*RISING_IOU[:10], *[0.75, 0.76] * 5]
    assert kinds(run, val_iou=flat, process_iou_margin=[0.09] * 20) == ["validation"]
    assert kinds(run, val_iou=flat, process_iou_margin=[0.03] * 20) == []  # 60 photographs
    rises = [0.3 + 0.02 * epoch for epoch in range(20)]
    assert kinds(run, val_iou=rises, process_iou_margin=[0.09] * 20) == []
    last = store.queue.add("", CONFIG.model_copy(update={"keep": "last"}), "sample")
    assert kinds(last, val_iou=flat, process_iou_margin=[0.09] * 20) == []


def test_waiting_for_photographs_and_no_gradient(run: Run) -> None:
    assert kinds(run, process_data_wait=[0.9, 0.4, 0.5, 0.45]) == ["data"]
    assert kinds(run, process_data_wait=[0.9, 0.1, 0.1, 0.1]) == []  # the first epoch fills the cache
    assert kinds(run, process_gradient_norm=[0.0]) == ["gradient"]


def test_an_encoder_that_stays_random(store: RunStore) -> None:
    for settings, expected in (
        ({"variant": "trainable-decoder", "encoder_weights": "random"}, ["frozen"]),
        ({"variant": "trainable-decoder", "encoder_weights": "imagenet"}, []),
        ({"variant": "fine-tune", "encoder_weights": "random"}, []),
        ({"variant": "frozen-decoder", "encoder_weights": "imagenet"}, []),
    ):
        run = store.queue.add("", Config.of("report", **settings), "sample")
        assert kinds(run) == expected


def test_a_machine_that_is_nearly_full(run: Run) -> None:
    assert kinds(run, Room(disk=4 * 10**8, memory=10**8)) == ["disk", "memory"]
    assert "Only 0.4 GB are free" in advise(run, [], Room(disk=4 * 10**8, memory=10**10))[0].text


def test_what_is_left_and_used_is_what_the_system_says(tmp_path: Path) -> None:
    room = room_left(tmp_path)
    assert room.disk == pytest.approx(psutil.disk_usage(str(tmp_path)).free, rel=0.2)
    assert 0 < room.memory < psutil.virtual_memory().total
    resources = Resources()
    kept = b"x" * 200_000_000
    resources.look()
    del kept
    sum(range(3_000_000))
    values = resources.values()
    assert 0.5 < values["cores"] < 1.5 + (psutil.cpu_count() or 1)
    assert 0.2 < values["memory"] < 50
    assert resources.values()["memory"] < values["memory"] - 0.1  # measured anew
