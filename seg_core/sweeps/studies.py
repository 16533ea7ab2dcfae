"""A sweep as a study of Optuna, made anew from its runs whenever Optuna is asked something: the run database alone is true.

Optuna is imported where it is used: it takes a fifth of a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seg_core.sweeps.space import Choices, Dimension
from seg_core.sweeps.store import Curves
from seg_core.sweeps.sweep import Sweep, Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial


def study_of(sweep: Sweep, curves: Curves, **options: Any) -> Study:
    """Return a study with all trials of a search; ``options`` as of `optuna.create_study`.

    Trials that failed, were stopped by hand or are deleted say nothing of their settings and are left out.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", **options)
    for trial in sweep.trials:
        if trial.state in ("active", "complete", "pruned"):
            study.add_trial(frozen(sweep, trial, curves))
    return study


def frozen(sweep: Sweep, trial: Trial, curves: Curves) -> FrozenTrial:
    """Return a trial as Optuna has it; one that is pruned has the value of its last step."""
    from optuna.trial import TrialState, create_trial

    state = {"active": TrialState.RUNNING, "complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED}[trial.state]
    return create_trial(
        state=state,
        value=trial.value,
        params=dict(trial.params),
        distributions=distributions(sweep),
        intermediate_values=steps(trial, curves),
    )


def steps(trial: Trial, curves: Curves) -> dict[int, float]:
    """Return what is known of a trial on the way: its IoU by epoch or, of several folds, the mean over the first 1, 2, …."""
    if trial.expected == 1:
        return dict(curves.get(trial.runs[0].id, {})) if trial.runs else {}
    return {count: float(np.mean(trial.values[:count])) for count in range(1, len(trial.values) + 1)}


def distributions(sweep: Sweep) -> dict[str, BaseDistribution]:
    """Return what a sweep tries, as Optuna has it."""
    return {dimension.name: _distribution(dimension) for dimension in sweep.space.dimensions}


def _distribution(dimension: Dimension) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(dimension, Choices):
        return CategoricalDistribution(dimension.values)
    if dimension.step is None:
        return FloatDistribution(dimension.low, dimension.high, log=dimension.log)
    return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log, step=dimension.step)
