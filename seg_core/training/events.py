"""Events that a training reports while it runs. Loads no torch, so that a process that only watches stays small."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Message:
    """A line for the log."""

    text: str
    level: Literal["info", "warning"] = "info"


class Stop(Exception):
    """Raised by a listener that ends the training between two batches or epochs; it can be resumed."""


@dataclass(frozen=True)
class Preparing:
    """Progress of decoding the data: ``done`` of ``total`` ``what`` (such as "training photographs")."""

    done: int
    total: int
    what: str


@dataclass(frozen=True)
class BatchDone:
    """End of a training step. Epochs and batches count from 1."""

    epoch: int
    batch: int
    batches: int
    loss: float
    images_per_second: float


@dataclass(frozen=True)
class Sample:
    """Validation photograph (S, S, 3) uint8 with its true mask (S, S) bool and the model's probabilities (S, S) float32."""

    id: str
    photo: np.ndarray = field(repr=False)
    truth: np.ndarray = field(repr=False)
    probability: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class EpochDone:
    """End of an epoch: trained, validated and saved.

    ``train`` and ``val`` hold loss, accuracy, iou, dice, report_iou and report_dice at network resolution. ``train`` is measured
    on augmented photographs while the weights change. ``samples`` are the same photographs in every epoch. ``process`` says how
    the epoch went: ``learning_rate`` of its last step (of the fastest part of the network), ``gradient_norm`` (L2 norm of all
    gradients, mean over steps), ``data_wait`` (share of the training time until batches were there, 0 to 1),
    ``images_per_second``, ``steps`` since the first epoch, ``time``, its end in seconds since 1970, how many ``seconds`` it took,
    ``iou_margin``, half the width of the 95 % interval of the mean validation IoU, and on a GPU ``gpu_memory``, the most in use
    so far in GB.
    """

    epoch: int
    train: dict[str, float]
    val: dict[str, float]
    seconds: float
    images_per_second: float
    is_best: bool
    samples: list[Sample]
    process: dict[str, float]


@dataclass(frozen=True)
class Restored:
    """A training goes on after an epoch that an earlier attempt completed, and perhaps did not live to report.

    ``samples`` predicts the samples of that epoch again, as `EpochDone` had them.
    """

    epoch: int
    samples: Callable[[], list[Sample]] = field(repr=False)


Event = Message | Preparing | BatchDone | EpochDone | Restored
OnEvent = Callable[[Event], None]
ShouldStop = Callable[[], bool]
