"""Tiny trainings that the tests of this room run and compare."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file

from seg_core.config import Config
from seg_core.data.dataset import Dataset
from seg_core.training.events import BatchDone, Event
from seg_core.training.loop import TrainResult, train

TRAIN, VAL = 6, 3  # in batches of four: two an epoch, the second one of two
METRIC_NAMES = {"loss", "accuracy", "iou", "dice", "report_iou", "report_dice"}


class Log(list[Event]):
    """Events of a training, which `of` sorts by kind."""

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self if isinstance(event, kind)]


def ask_to_stop(log: Log, epoch: int, batch: int) -> Callable[[], bool]:
    """Return a ``should_stop`` that asks to stop once this batch is done."""
    return lambda: any((event.epoch, event.batch) == (epoch, batch) for event in log.of(BatchDone))


def run(
    config: Config, dataset: Dataset, folder: Path, stop_after: tuple[int, int] | None = None, **options: Any
) -> tuple[TrainResult, Log]:
    """Train, stopping after the given epoch and batch where there is one."""
    log = Log()
    should_stop = ask_to_stop(log, *stop_after) if stop_after else lambda: False
    return train(config, dataset, log.append, folder=folder, should_stop=should_stop, **options), log


@contextmanager
def home_in(folder: Path) -> Iterator[None]:
    """Keep the image cache in a folder, for fixtures that live longer than the home folder of a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESIONLAB_HOME", str(folder / "home"))
        yield


class Trained(NamedTuple):
    """A finished training: what it was given, and what it left."""

    config: Config
    folder: Path
    result: TrainResult
    log: Log


def weights(folder: Path, which: str = "last") -> dict[str, torch.Tensor]:
    """Read the tensors of a file that a training left."""
    return load_file(folder / f"{which}.safetensors")


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    """Assert that two files hold the same tensors to the bit."""
    assert one.keys() == other.keys()
    assert [name for name, tensor in one.items() if not torch.equal(tensor, other[name])] == []
