"""What a sweep tries next."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice, product
from typing import Any

import numpy as np

from seg_core.sweeps.space import Range
from seg_core.sweeps.store import Curves
from seg_core.sweeps.studies import distributions, study_of
from seg_core.sweeps.sweep import Sweep

ATTEMPTS = 100
"""Draws until another combination than those that were tried is looked for in order."""
MOST_LISTED = 100_000
"""Combinations that are looked through for one that was not tried."""


def propose(sweep: Sweep, curves: Curves) -> dict[str, Any] | None:
    """Return the settings of the next trial, none of which is tried twice; None if all were tried.

    What is drawn follows from the sweep's seed and the number of the trial, so a step that is repeated gives the same. Where the
    settings of the recipe are among those to try, they are tried first: a search has to beat them.

    Args:
        sweep: the sweep.
        curves: validation IoU by epoch of its runs, which says how far pruned trials came.
    """
    tried = {_key(trial.params) for trial in sweep.trials}
    if sweep.plan.by == "grid":
        return next((params for params in sweep.space.grid() if _key(params) not in tried), None)
    if sweep.space.size is not None and len(tried) >= sweep.space.size:
        return None
    if not tried and sweep.space.contains(sweep.baseline):
        return sweep.baseline
    number = len(sweep.trials)
    random = np.random.default_rng([sweep.config.seed, number])
    if sweep.plan.by == "tpe" and _key(found := _by_tpe(sweep, curves, int(random.integers(2**31)))) not in tried:
        return found
    for _ in range(ATTEMPTS):
        if _key(drawn := sweep.space.draw(random)) not in tried:
            return drawn
    return _first_untried(sweep, tried)


def _by_tpe(sweep: Sweep, curves: Curves, seed: int) -> dict[str, Any]:
    from optuna.samplers import TPESampler

    # A study that is made anew draws anew: with one seed for all, the trials at the start, which are drawn by chance, were one.
    study = study_of(sweep, curves, sampler=TPESampler(seed=seed))
    asked = study.ask(distributions(sweep)).params
    ranges = {each.name: each for each in sweep.space.dimensions if isinstance(each, Range)}
    return {name: ranges[name].rounded(asked[name]) if name in ranges else asked[name] for name in sweep.space.names}


def _first_untried(sweep: Sweep, tried: set[tuple[Any, ...]]) -> dict[str, Any] | None:
    """Return a combination that is not tried yet, where chance has found none: only few are left."""
    lists: list[list[Any]] = []
    for dimension in sweep.space.dimensions:
        if isinstance(dimension, Range):
            if dimension.step is None:
                return None
            lists.append(list(range(int(dimension.low), int(dimension.high) + 1, dimension.step)))
        else:
            lists.append(list(dimension.values))
    for values in islice(product(*lists), MOST_LISTED):
        params = dict(zip(sweep.space.names, values, strict=True))
        if _key(params) not in tried:
            return params
    return None


def _key(params: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(sorted(params.items()))
