"""Which trials of a sweep are not worth going on with."""

from __future__ import annotations

from seg_core.sweeps.store import Curves
from seg_core.sweeps.studies import frozen, steps, study_of
from seg_core.sweeps.sweep import Sweep

STARTUP = 5
"""Trials that have to be complete before any is pruned."""
WARM_UP = 1 / 3
"""Share of the epochs that every trial may train: with one-cycle the first say little of the last."""


def to_prune(sweep: Sweep, curves: Curves) -> dict[int, str]:
    """Return the numbers of the trials to stop, and why: their best IoU so far is below the median of the complete ones there.

    By Optuna's MedianPruner. Trials with several folds are compared fold by fold, others epoch by epoch.
    """
    active = [trial for trial in sweep.trials if trial.state == "active" and not trial.pruned and steps(trial, curves)]
    if not active or len(sweep.ranked) < STARTUP:
        return {}
    from optuna.pruners import MedianPruner

    by_epoch = sweep.plan.folds == 1
    # Optuna looks at steps after the warm-up only.
    warm_up = round(sweep.config.epochs * WARM_UP) if by_epoch else 0
    pruner = MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=warm_up)
    study = study_of(sweep, curves, pruner=pruner)
    found = {}
    for trial in active:
        known = steps(trial, curves)
        if pruner.prune(study, frozen(sweep, trial, curves)):
            at = f"epoch {max(known)}" if by_epoch else f"{max(known)} of {sweep.plan.folds} folds"
            found[trial.number] = (
                f"Pruned: after {at} its best IoU, {max(known.values()):.4f}, is below the sweep's median there."
            )
    return found
