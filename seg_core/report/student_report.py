"""Figures of the student report that LesionLab reproduces, as printed there, and our shipped runs of its recipe."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from seg_core.common.home import SHIPPED_CHECKPOINTS
from seg_core.config import VARIANTS, Variant
from seg_core.errors import InputError
from seg_core.prediction.checkpoint_file import read_metadata

Figures = dict[str, float | None]
StudentReport = dict[str, dict[str, dict[str, Figures]]]
"""By model, source and split."""

STUDENT_REPORT: StudentReport = {
    "Model 1 · trainable decoder": {
        "text": {
            "train": {"loss": 0.2896, "accuracy": 0.8722, "report_iou": 0.6954, "report_dice": 0.7370},
            "val": {"loss": 0.2971, "accuracy": 0.8696, "report_iou": None, "report_dice": None},
        },
        "log": {
            "train": {"loss": 0.2896, "accuracy": 0.8722, "report_iou": 0.6954, "report_dice": 0.7372},
            "val": {"loss": 0.2971, "accuracy": 0.8696, "report_iou": 0.6934, "report_dice": 0.7370},
        },
    },
    "Model 2": {
        "text": {
            "train": {"loss": 0.3076, "accuracy": 0.8638, "report_iou": 0.6823, "report_dice": 0.7176},
            "val": {"loss": 0.3347, "accuracy": 0.8539, "report_iou": None, "report_dice": None},
        },
        "log": {
            "train": {"loss": 0.2860, "accuracy": 0.8731, "report_iou": 0.6997, "report_dice": 0.7407},
            "val": {"loss": 0.3101, "accuracy": 0.8649, "report_iou": 0.6891, "report_dice": 0.7335},
        },
    },
}
"""The source "text" is its prose, "log" the last epoch of its training log. IoU and Dice are column-wise."""

STUDENT_REPORT_METRICS = {
    "loss": "Loss",
    "accuracy": "Accuracy",
    "report_iou": "IoU, column-wise",
    "report_dice": "Dice, column-wise",
}
"""Titles of its metrics, by the names that `seg_core.training.loop` gives them."""

STUDENT_REPORT_TITLES = {**STUDENT_REPORT_METRICS, "iou": "IoU", "dice": "Dice"}
"""Columns of the table that compares our runs with it."""


def shipped_histories() -> dict[Variant, list[dict[str, Any]]]:
    """Return the epochs of our runs of the recipe `report`, from the shipped checkpoints; unreadable ones are left out."""
    histories = {}
    for variant in VARIANTS:
        with suppress(InputError):
            histories[variant] = [
                {**epoch} for epoch in read_metadata(SHIPPED_CHECKPOINTS / f"{variant}-report.safetensors")["history"]
            ]
    return histories
