"""The live view of a sweep: parallel coordinates of its trials, and a table of the best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pages.live.components import component
from seg_core.config import setting_title
from seg_core.runs.run import Run
from seg_core.sweeps.space import Choices, Dimension, Range
from seg_core.sweeps.sweep import Sweep, Trial
from seg_core.sweeps.table import best_rows, in_words, interval_in_words

_view = component("elements", "live", "parallel_plot", "sweep_view")

MOST_TICKS = 8
"""Values of a list that its axis names."""


def sweep_view(sweep: Sweep, runs: Sequence[Run]) -> str | None:
    """Show the trials of a sweep; return the key of the run or group of one that is clicked.

    The page is redrawn when a run of the sweep ends, and when a new run begins.

    Args:
        sweep: the sweep.
        runs: all runs of the store.
    """
    data = {
        "axes": [{"title": setting_title(each.name), "ticks": _ticks(each)} for each in sweep.space.dimensions],
        "titles": [setting_title(name) for name in sweep.space.names],
        "trials": [_trial(sweep, trial) for trial in sweep.trials],
        "rows": [trial.number for trial in best_rows(sweep)],
        "best": sweep.best.number if sweep.best else None,
        "seen": {
            "runs": [[run.id, run.is_active] for run in sweep.runs],
            "newest": max((run.id for run in runs), default=0),
            "sweep": sweep.id,
        },
    }
    opened: str | None = _view(
        data=data, default={"seen": ""}, on_seen_change=lambda: None, on_open_change=lambda: None, key=f"sweep-view-{sweep.id}"
    ).open
    return opened


def _trial(sweep: Sweep, trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "places": [dimension.place(trial.params[dimension.name]) for dimension in sweep.space.dimensions],
        "values": [in_words(trial.params[name]) for name in sweep.space.names],
        "score": trial.value if trial.value is not None else trial.best_so_far,
        "interval": interval_in_words(trial.interval),
        "state": trial.state,
        "runs": [run.id for run in trial.runs],
        "key": trial.key,
    }


def _ticks(dimension: Dimension) -> list[dict[str, Any]]:
    """Return the values that an axis names: those of a list, or the ends and the middle of a range."""
    if isinstance(dimension, Range):
        middle = (dimension.low * dimension.high) ** 0.5 if dimension.log else (dimension.low + dimension.high) / 2
        values = dict.fromkeys((dimension.low, dimension.rounded(middle), dimension.high))
    else:
        values = dict.fromkeys(_some(dimension))
    return [{"at": dimension.place(value), "text": in_words(value)} for value in values]


def _some(dimension: Choices) -> Sequence[Any]:
    values = dimension.values
    return values if len(values) <= MOST_TICKS else [values[0], values[len(values) // 2], values[-1]]
