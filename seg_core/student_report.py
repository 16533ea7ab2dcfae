"""The figures of the student report that LesionLab reproduces, as it prints them."""

from __future__ import annotations

Figures = dict[str, float | None]

REPORT: dict[str, dict[str, dict[str, Figures]]] = {
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
"""By model, source and part: "text" is what it writes, "log" the last epoch that its log prints. IoU and Dice are column-wise."""

REPORT_METRICS = {
    "loss": "Loss",
    "accuracy": "Accuracy",
    "report_iou": "IoU, column-wise",
    "report_dice": "Dice, column-wise",
}
"""The names of its metrics, as `seg_core.training` reports them, with their titles."""
