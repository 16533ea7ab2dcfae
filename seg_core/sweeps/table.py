"""The table of a sweep's best trials, and other figures of it in words: the same on pages and at terminals."""

from __future__ import annotations

from typing import Any

from seg_core.config import Config, setting_title
from seg_core.evaluation.bootstrap import Interval
from seg_core.sweeps.space import EXAMPLE, Params
from seg_core.sweeps.sweep import BY_TITLES, Sweep, Trial

MOST_ROWS = 10
SET_HELP = (
    f"A setting with a list or a range, such as {EXAMPLE}; once for each setting. `in 5` makes a list of 5 values of a range."
)


def in_words(value: Any) -> str:
    """Return the value of a setting, as tables have it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def params_in_words(params: Params) -> str:
    """Return the settings of a trial, such as ``learning rate 0.002, loss bce``."""
    return ", ".join(f"{setting_title(name).lower()} {in_words(value)}" for name, value in params.items())


def score(trial: Trial) -> str:
    """Return the validation IoU of a trial; of one that is not complete the best so far, in brackets."""
    if trial.value is not None:
        return f"{trial.value:.4f}"
    return "–" if trial.best_so_far is None else f"({trial.best_so_far:.4f})"


def interval_in_words(interval: Interval | None) -> str:
    """Return a 95 % interval; nothing where it is not known."""
    return "" if interval is None else f"{interval.low:.4f} to {interval.high:.4f}"


def best_rows(sweep: Sweep) -> list[Trial]:
    """Return the trials that the table shows: the best ten that are complete or, while none is, those that go on."""
    return sweep.ranked[:MOST_ROWS] or [trial for trial in sweep.trials if trial.state == "active"][:MOST_ROWS]


def budget(sweep: Sweep) -> str:
    """Return what of the budget is used, such as ``12 of 20 runs, 1.4 of 8 hours``."""
    used = f"{sweep.hours_used:.1f}"
    hours = f"{used} of {sweep.plan.hours:g} hours" if sweep.plan.hours else f"{used} hours of training"
    return f"{sweep.runs_used} of {sweep.plan.runs} runs, {hours}"


def method(sweep: Sweep) -> str:
    """Return how a sweep searches, such as ``TPE with a pruner, 3 folds a trial``."""
    size = sweep.space.size
    parts = [f"{BY_TITLES[sweep.plan.by]}{' with a pruner' * sweep.plan.prune}"]
    parts += [f"{size:,} combinations"] if size is not None else []
    parts += [f"{sweep.plan.folds} folds a trial"] if sweep.plan.folds > 1 else []
    return ", ".join(parts)


def to_json(sweep: Sweep) -> dict[str, Any]:
    """Return a sweep as plain values."""
    best = sweep.best
    return {
        "id": sweep.id,
        "name": sweep.name,
        "phase": sweep.phase,
        "message": sweep.message,
        "plan": sweep.plan.model_dump(mode="json"),
        "config": Config.model_dump(sweep.config, mode="json"),
        "sources": list(sweep.sources),
        "runs_used": sweep.runs_used,
        "hours_used": sweep.hours_used,
        "looks": sweep.looks,
        "best": best.number if best else None,
        "trials": [_trial_json(trial) for trial in sweep.every],
    }


def _trial_json(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "role": trial.role,
        "params": dict(trial.params),
        "state": trial.state,
        "value": trial.value,
        "values": trial.values,
        "pruned": trial.pruned,
        "runs": [run.id for run in trial.runs],
    }
