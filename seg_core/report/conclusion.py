"""The conclusion of the HTML report: what the scores and the losses show, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from seg_core.evaluation.comparison import Row
from seg_core.report.run_facts import Epoch, RunFacts

FEWEST_EPOCHS = 5
"""With fewer epochs nothing is said of overfitting."""
NOTABLE = 0.1
"""Share of a loss from which a difference is mentioned."""


def conclusion(rows: Sequence[Row], verdict: Sequence[str], runs: Sequence[RunFacts], split: str) -> list[str]:
    """Return sentences on the best model against every other, on its scores, and on the best epoch of every run.

    Args:
        rows: scores of the compared models and groups.
        verdict: what their comparison found, in sentences.
        runs: facts about every run.
        split: the name of the split in words.
    """
    leader = max(rows, key=lambda row: row.scores["iou"].mean)
    return [*verdict, leader.answer(split), *map(_best_epoch, runs)]


def _best_epoch(run: RunFacts) -> str:
    fit = overfitting(run.epochs, run.best_epoch)
    kept = "the best" if run.config.keep == "best" else "kept"
    return f"{run.label}: epoch {run.best_epoch} of {len(run.epochs)} is {kept}{f'; {fit}' if fit else ''}."


def overfitting(epochs: Sequence[Epoch], best: int) -> str:
    """Return what the losses of a run say of overfitting; empty where there are too few epochs to tell.

    Args:
        epochs: metrics of every epoch.
        best: the number of the best epoch, from 1.
    """
    if len(epochs) < FEWEST_EPOCHS:
        return ""
    train, val = epochs[best - 1]["train"]["loss"], epochs[best - 1]["val"]["loss"]
    last = epochs[-1]["val"]["loss"]
    risen = last - min(epoch["val"]["loss"] for epoch in epochs)
    if risen > NOTABLE * last:
        return f"the validation loss rose by {risen:.3f} after its lowest value, a sign of overfitting"
    if val - train > NOTABLE * val:
        return f"the validation loss is {val - train:.3f} above the training loss, a sign of overfitting"
    if train - val > NOTABLE * val:
        above = f"the training loss is {train - val:.3f} above the validation loss"
        return f"{above}, because of augmentation: no sign of overfitting"
    return "training and validation loss are close: no sign of overfitting"
