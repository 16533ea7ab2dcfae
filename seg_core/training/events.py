"""What a training reports while it runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Message:
    """A line for the log."""

    text: str


@dataclass(frozen=True)
class Preparing:
    """Data is being made ready: ``done`` of ``total`` of ``what``."""

    done: int
    total: int
    what: str


@dataclass(frozen=True)
class BatchDone:
    """One training step of an epoch is done; epochs and batches count from 1."""

    epoch: int
    batch: int
    batches: int
    loss: float
    images_per_second: float


@dataclass(frozen=True)
class Sample:
    """One fixed validation photograph: (S, S, 3) uint8, its truth (S, S) bool, and the model's probability (S, S) float32."""

    id: str
    photo: np.ndarray
    truth: np.ndarray
    probability: np.ndarray


@dataclass(frozen=True)
class EpochDone:
    """One epoch is trained and validated, at network resolution.

    ``train`` and ``val`` hold loss, accuracy, iou, dice, report_iou and report_dice; those of ``train`` are gathered while the
    weights change, on augmented photographs.
    """

    epoch: int
    train: dict[str, float]
    val: dict[str, float]
    seconds: float
    images_per_second: float
    is_best: bool
    samples: list[Sample]


Event = Message | Preparing | BatchDone | EpochDone
