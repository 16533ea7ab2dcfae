"""What a comparison shows, in sentences: the same on the Compare page, in the HTML report and in the library."""

from __future__ import annotations

import numpy as np

from seg_core.evaluation.bootstrap import Interval
from seg_core.evaluation.columns import IOU, Column
from seg_core.evaluation.confidence import SIGNIFICANCE_LEVEL, Difference


def verdict(
    ours: str, theirs: str, difference: Difference, p: float, column: Column = IOU, as_good_within: float | None = None
) -> str:
    """Return which of two models is better in a score, and whether that is statistically significant, the better one first.

    Where nothing was shown, the sentence says between which bounds the difference may lie.

    Args:
        ours, theirs: the models' names.
        difference: by how much ``ours`` is better.
        p: corrected for the number of comparisons.
        column: the score.
        as_good_within: the margin within which the two were shown to be as good as each other; None where they were not.
    """
    mean, low, high = difference.interval
    if mean < 0:
        return verdict(theirs, ours, difference.reversed, p, column, as_good_within)
    if not difference.wins + difference.losses:
        return f"{ours} and {theirs} score the same on every photograph."
    better = f"{column.title} {column.higher} by {_size(mean)}"
    its = f"{ours} has {'an' if column.title.startswith(_AFTER_AN) else 'a'} {better}"
    if np.isnan(low):
        return f"A single photograph shows no difference between {ours} and {theirs}: there, {its}."
    counts = f"better on {difference.wins}, worse on {difference.losses}, equal on {difference.ties}"
    if difference.is_significant(p):
        though = "" if as_good_within is None else f", though by less than {as_good_within:g}"
        figures = f"{better} ({low:.3f} to {high:.3f}) on average; {counts}"
        return f"{ours} is better than {theirs}{though}: {figures}; statistically significant."
    bounds = f"it may lie between {signed(low)} and {signed(high)}"
    figures = f"{bounds}. {its} on average; {counts}"
    if as_good_within is not None:
        return f"{ours} and {theirs} are as good as each other within {as_good_within:g}: no difference shown, {figures}."
    why = _disagreement(difference, p)
    return f"No difference shown between {ours} and {theirs}; {figures}; not statistically significant{why}."


_AFTER_AN = ("A", "HD", "I", "N")
"""How titles of scores begin that are spoken with a vowel."""


def calibration_verdict(before: float, threshold: float, photographs: int, gain: Difference) -> str:
    """Return what a calibration found, and whether it is worth it.

    Args:
        before: the model's own threshold.
        threshold: the one that fits; the same where none gains anything.
        photographs: number of photographs that it was chosen on.
        gain: in IoU, on photographs that the threshold was not chosen on.
    """
    if threshold == before:
        return f"{before:.2f} fits: in cross-validation on {photographs:,} photographs, no other threshold gains IoU."
    mean, low, high = gain.interval
    change = f"{before:.2f} → {threshold:.2f}"
    counts = f"better on {gain.wins}, worse on {gain.losses}, equal on {gain.ties}"
    if gain.is_significant(gain.p):
        return f"{change} gains {_size(mean)} ({low:.3f} to {high:.3f}) IoU; worth it: {counts}; statistically significant."
    bounds = f"it may lie between {signed(low)} and {signed(high)}"
    why = _disagreement(gain, gain.p)
    return f"{change}: no gain shown; {bounds} IoU, {signed(mean)} on average; {counts}; not statistically significant{why}."


def improvement_verdict(outcome: str, before: float, after: float, difference: Difference, margin: float) -> str:
    """Return whether a model that was trained again is better, and how sure that is.

    Args:
        outcome: as `seg_core.evaluation.improvement.Outcome`.
        before: mean IoU before.
        after: mean IoU after.
        difference: of after from before, on photographs that were held out.
        margin: the loss in IoU that counts as none.
    """
    mean, low, high = difference.interval
    count = difference.wins + difference.ties + difference.losses
    photographs = f"{count:,} held-out photograph{'' if count == 1 else 's'}"
    means = f"mean IoU {before:.3f} before and {after:.3f} after on {photographs}"
    counts = f"better on {difference.wins}, worse on {difference.losses}, equal on {difference.ties}"
    change = signed(mean) if np.isnan(low) else f"{signed(mean)} ({signed(low)} to {signed(high)})"
    is_lower = mean < 0 and difference.is_significant(difference.p)
    found = {
        "better": "Better",
        "no worse": f"No worse within {margin:g}, {'though lower' if is_lower else 'and not shown to be better'}",
        "worse": "Worse",
        "not shown": f"Not shown to be better, nor to be no worse within {margin:g}",
    }[outcome]
    significant = "; statistically significant" if outcome in ("better", "worse") else ""
    return f"{found}: {means}, {change}; {counts}{significant}."


def _disagreement(difference: Difference, p: float) -> str:
    """Return why a difference that one of the two methods finds is not called significant; empty where neither finds one."""
    _, low, high = difference.interval
    excludes_zero, in_ranks = low * high > 0, p < SIGNIFICANCE_LEVEL
    if excludes_zero and in_ranks:
        return ": mean and ranks point in opposite directions"
    if excludes_zero:
        return f": the interval excludes 0, but the Wilcoxon test finds nothing (p = {p:.2f})"
    return ": the Wilcoxon test finds a difference in ranks, but the interval of the mean includes 0" if in_ranks else ""


def reaches(label: str, iou: Interval, dice: Interval, photographs: str) -> str:
    """Return the mean scores of one model in a sentence; ``photographs`` says on which: ``146 test photographs``."""
    interval = "" if np.isnan(iou.low) else f" (95 % interval {iou.low:.3f} to {iou.high:.3f})"
    return f"{label} reaches a mean IoU of {iou.mean:.3f}{interval} and a mean Dice of {dice.mean:.3f} on {photographs}."


def signed(value: float, digits: int = 3) -> str:
    """Return a difference with its sign, as ``+0.011`` or ``−0.004``."""
    return f"{value:+.{digits}f}".replace("-", "−")


def _size(value: float) -> str:
    return f"{value:.3f}" if value >= 0.0005 else "less than 0.001"
