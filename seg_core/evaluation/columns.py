"""The scores of a comparison: their titles, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seg_core.metrics import MEANINGS

MARGIN, LARGEST_MARGIN = 0.01, 0.2
"""Difference that counts as none, unless a person sets another one, and the largest that can be set; of scores up to 1."""
PIXELS_MARGIN, LARGEST_PIXELS_MARGIN = 1.0, 100.0
"""Likewise, of scores in pixels."""


@dataclass(frozen=True)
class Column:
    """A column of the table of scores."""

    name: str
    title: str
    lower_is_better: bool = False
    unit: Literal["", "%", "px"] = ""
    """``%`` of a share, ``px`` of what is in pixels of the photographs as they are stored."""
    may_be_undefined: bool = False
    """True if some photographs may have no such score: its mean leaves them out, and `Row.defined` says over how many it is."""

    @property
    def sign(self) -> int:
        """1, or -1 where lower is better: a score times its sign is better the higher it is."""
        return -1 if self.lower_is_better else 1

    @property
    def higher(self) -> str:
        """What a better score is: ``higher``, or ``lower``."""
        return "lower" if self.lower_is_better else "higher"

    @property
    def margin(self) -> float:
        """Difference that counts as none, unless a person sets another one."""
        return PIXELS_MARGIN if self.unit == "px" else MARGIN

    @property
    def largest_margin(self) -> float:
        """The largest difference that can be said to be none."""
        return LARGEST_PIXELS_MARGIN if self.unit == "px" else LARGEST_MARGIN

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
    Column("hausdorff_95", "HD95", lower_is_better=True, unit="%"),
)
"""Scores, those of the challenge first; the last two are known at each model's threshold only."""

MORE_COLUMNS = (
    Column("surface_dice", "NSD"),
    Column("hausdorff_px", "HD in pixels", lower_is_better=True, unit="px"),
    Column("hausdorff_95_px", "HD95 in pixels", lower_is_better=True, unit="px"),
    Column("area_similarity", "Area similarity"),
    Column("lesion_f1", "Lesion F1"),
    Column("auroc", "AUROC", may_be_undefined=True),
    Column("average_precision", "AUPRC", may_be_undefined=True),
)
"""Further scores, for questions of their own (docs/metrics.md): the CSV file has them, and a page may offer them.

Area similarity, AUROC and AUPRC are known at every threshold, the others at each model's only.
"""

ALL_COLUMNS = (*COLUMNS, *MORE_COLUMNS)
"""Every score that can decide a comparison."""
