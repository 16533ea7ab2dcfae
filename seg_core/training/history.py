"""What the whole epochs of a training measured, and which of them is the best."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

EPOCH_METRICS = {"loss": "Loss", "accuracy": "Accuracy", "iou": "IoU", "dice": "Dice"}
"""What the charts show of every epoch, with titles."""


@dataclass(frozen=True)
class EpochRecord:
    """What one whole epoch measured, at network resolution, and the seconds it took."""

    train: dict[str, float]
    val: dict[str, float]
    seconds: float


@dataclass(frozen=True)
class History:
    """The whole epochs of a training so far."""

    epochs: tuple[EpochRecord, ...] = ()

    @property
    def best_epoch(self) -> int:
        """The first epoch of the highest validation IoU, from 1; 0 before the first whole epoch."""
        scores = [epoch.val["iou"] for epoch in self.epochs]
        return scores.index(max(scores)) + 1 if scores else 0

    @property
    def best_val(self) -> dict[str, float]:
        """The validation metrics of the best epoch; empty before the first."""
        return self.epochs[self.best_epoch - 1].val if self.epochs else {}

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values for a file's metadata."""
        return [asdict(epoch) for epoch in self.epochs]

    @classmethod
    def of(cls, records: list[dict[str, Any]]) -> History:
        """Back from `to_json`."""
        return cls(tuple(EpochRecord(**record) for record in records))
