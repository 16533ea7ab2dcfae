"""The scores of a comparison: their titles, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass

from seg_core.metrics import MEANINGS


@dataclass(frozen=True)
class Column:
    """A column of the table of scores."""

    name: str
    title: str
    lower_is_better: bool = False
    percent: bool = False

    @property
    def sign(self) -> int:
        """1, or -1 where lower is better: a score times its sign is better the higher it is."""
        return -1 if self.lower_is_better else 1

    @property
    def higher(self) -> str:
        """What a better score is: ``higher``, or ``lower``."""
        return "lower" if self.lower_is_better else "higher"

    @property
    def meaning(self) -> str:
        """What the score means, in a sentence or two."""
        return MEANINGS[self.name]


IOU = Column("iou", "IoU")
COLUMNS = (
    IOU,
    Column("dice", "Dice"),
    Column("thresholded_iou", "Thresholded IoU"),
    Column("accuracy", "Accuracy"),
    Column("sensitivity", "Sensitivity"),
    Column("specificity", "Specificity"),
    Column("boundary_iou", "Boundary IoU"),
    Column("hausdorff_95", "HD95", lower_is_better=True, percent=True),
)
"""Scores, those of the challenge first; the last two are known at each model's threshold only."""
