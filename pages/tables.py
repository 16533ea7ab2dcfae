"""Tables in HTML: figures aligned, the best in bold, and wide ones scrolled by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

# The challenge's own first; on a narrow screen the others are scrolled to.
COLUMNS = ("iou", "dice", "thresholded_iou", "accuracy", "sensitivity", "specificity")
TITLES = {"iou": "IoU", "dice": "Dice", "thresholded_iou": "Thresholded IoU"}


def score_table(rows: Sequence[tuple[str, int, dict[str, float]]]) -> str:
    """Mean scores by model: label, number of photographs, metrics.

    The best of each metric is bold where several models have scores of the same photographs.
    """
    alike = len(rows) > 1 and len({count for _, count, _ in rows}) == 1
    best = {metric: max((f"{means[metric]:.4f}" for _, _, means in rows), default="") for metric in COLUMNS}
    head = "".join(f"<th scope='col'>{title}</th>" for title in ("", *map(metric_title, COLUMNS), "Photographs"))
    body = "".join(
        f"<tr><th scope='row'>{escape(label)}</th>"
        + "".join(_cell(f"{means[metric]:.4f}", alike and f"{means[metric]:.4f}" == best[metric]) for metric in COLUMNS)
        + f"<td>{count:,}</td></tr>"
        for label, count, means in rows
    )
    return wide_table(f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>", "Mean scores of each model")


def metric_title(metric: str) -> str:
    """A metric's name as a heading."""
    return TITLES.get(metric, metric.replace("_", " ").capitalize())


def wide_table(rows: str, label: str) -> str:
    """A table around its rows; on a narrow screen it scrolls by itself, with the keyboard too."""
    return (
        f"<div class='wide-table' tabindex='0' role='region' aria-label='{escape(label)}'>"
        f"<table class='figures-table'>{rows}</table></div>"
    )


def _cell(text: str, is_best: bool) -> str:
    return f"<td><b>{text}</b></td>" if is_best else f"<td>{text}</td>"
