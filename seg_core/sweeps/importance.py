"""How much each setting of a sweep matters."""

from __future__ import annotations

from seg_core.sweeps.studies import study_of
from seg_core.sweeps.sweep import Sweep

LEAST_TRIALS = 10
"""Complete trials below which the importance of settings is mostly chance."""
TOP = 0.25
"""Share of the trials that count as good."""


def importances(sweep: Sweep) -> dict[str, float]:
    """Return the share of each setting in what separates the best quarter of the trials from all, the largest first.

    By PED-ANOVA (Watanabe et al., 2023), which needs nothing but the trials. Empty below `LEAST_TRIALS` complete trials, and
    where all score the same.
    """
    if len(sweep.ranked) < LEAST_TRIALS or len({trial.value for trial in sweep.ranked}) < 2:
        return {}
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    study = study_of(sweep, {})
    found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=TOP))
    return dict(sorted(found.items(), key=lambda each: -each[1]))
