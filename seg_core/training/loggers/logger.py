"""What a logger is told, and what it can do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

PROJECT = "LesionLab"
"""The project or experiment that trainings belong to, where the environment names none."""

Ending = Literal["finished", "stopped", "failed"]


@dataclass(frozen=True)
class LoggedTraining:
    """A training as it begins, or goes on."""

    name: str
    """Name of the run, or what is trained; never empty."""
    settings: Mapping[str, Any]
    """As `Config`, without folders of this machine."""
    dataset: Mapping[str, Any]
    """``dataset``, its name, ``dataset_fingerprint``, and the numbers of photographs that train and validate."""
    folder: Path
    """The run's folder."""
    done: int
    """Epochs that an earlier attempt completed."""

    @property
    def facts(self) -> dict[str, Any]:
        """Settings and dataset."""
        return {**self.settings, **self.dataset}


@dataclass(frozen=True)
class Begun:
    """A run of a logger."""

    id: str
    """By which the logger finds it again."""
    place: str
    """Where people find it, for the run's log; without passwords."""
    epoch: int | None = None
    """The last epoch that it holds; None if the logger cannot tell."""


class Logger(Protocol):
    """A place that trainings report to. All methods are called on one thread; an error ends the logging, not the training."""

    def begin(self, training: LoggedTraining, id: str | None) -> Begun:
        """Go on with the run of this id, or begin a new one where there is no id, or no such run any more."""

    def epoch(self, epoch: int, metrics: Mapping[str, Mapping[str, float]]) -> None:
        """Log the metrics of an epoch, by split: ``train``, ``val`` and ``process`` (see `EpochDone`)."""

    def masks(self, epoch: int, picture: np.ndarray) -> None:
        """Log a picture (H, W, 3) uint8 of some validation photographs, as `seg_core.training.loggers.pictures` draws it."""

    def end(self, status: Ending, epoch: int, checkpoint: Path | None) -> None:
        """Log how and after which epoch the training ended, and its best checkpoint, if any; wait until all is sent."""


def flat(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Name metrics as ``val/iou``."""
    return {f"{split}/{name}": value for split, values in metrics.items() for name, value in values.items()}


def changed(facts: Mapping[str, Any], known: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the facts that differ from known ones, as text."""
    before = dict(known)
    return {name: str(value) for name, value in facts.items() if before.get(name) != str(value)}
