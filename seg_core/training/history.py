"""Metrics of the completed epochs of a training, and the best epoch among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from seg_core.config import Keep
from seg_core.prediction.metadata import EpochValues

EPOCH_METRICS = {"loss": "Loss", "accuracy": "Accuracy", "iou": "IoU", "dice": "Dice"}
"""Metrics that the charts show for every epoch, with their titles."""


@dataclass(frozen=True)
class EpochRecord:
    """Metrics of a completed epoch at network resolution, its duration in seconds, and how it went (`EpochDone.process`)."""

    train: dict[str, float]
    val: dict[str, float]
    seconds: float
    process: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class History:
    """Completed epochs of a training so far."""

    epochs: tuple[EpochRecord, ...] = ()
    keep: Keep = "best"
    """As `seg_core.config.Config.keep`."""

    @property
    def best_epoch(self) -> int:
        """The epoch whose model is the run's, from 1: the first with the highest validation IoU, or the last one.

        It is 0 before the first completed epoch.
        """
        if self.keep == "last":
            return len(self.epochs)
        scores = [epoch.val["iou"] for epoch in self.epochs]
        return scores.index(max(scores)) + 1 if scores else 0

    @property
    def best_val(self) -> dict[str, float]:
        """Validation metrics of the best epoch; empty before the first completed epoch."""
        return self.epochs[self.best_epoch - 1].val if self.epochs else {}

    def to_json(self) -> list[EpochValues]:
        """Return plain values for a file's metadata."""
        return [
            {"train": epoch.train, "val": epoch.val, "seconds": epoch.seconds, "process": epoch.process} for epoch in self.epochs
        ]

    @classmethod
    def of(cls, records: Sequence[EpochValues], keep: Keep = "best") -> History:
        """Rebuild a history from the values of `to_json`."""
        return cls(tuple(EpochRecord(**record) for record in records), keep)
