"""Moving sweeps on. Any process may do it at any time: the app, a terminal that waits, and the worker of a run that ends."""

from __future__ import annotations

from typing import Any

from seg_core.errors import InputError
from seg_core.runs.dispatch import dispatch
from seg_core.runs.store import RunStore
from seg_core.sweeps.proof import proving_trials
from seg_core.sweeps.proposing import propose
from seg_core.sweeps.pruning import to_prune
from seg_core.sweeps.store import Curves, SweepStore
from seg_core.sweeps.sweep import Sweep


def step(store: SweepStore, sweep_id: int) -> bool:
    """Do the next thing that a sweep needs; return True if there was one.

    It prunes, queues one trial where a slot is free and the budget allows it, has the winner trained again when the search is
    over, and ends the sweep. Everything follows from its runs as they are now, so nothing is lost when a process dies.

    Raises:
        InputError: if there is no such sweep.
    """
    sweep = store.get(sweep_id)
    if sweep.ending:
        return False
    try:
        return _step(store, sweep)
    except InputError as error:  # a run that cannot be queued: a file that its settings name is gone
        return store.end(sweep_id, "failed", str(error))


def _step(store: SweepStore, sweep: Sweep) -> bool:
    active = [run for run in sweep.runs if run.is_active]
    if sweep.phase in ("proving", "finished"):
        return not active and store.end(sweep.id, "finished")
    curves = store.curves(sweep) if sweep.plan.prune else Curves()
    pruned = [store.prune(sweep, number, why) for number, why in to_prune(sweep, curves).items()] if sweep.plan.prune else []
    if any(pruned):
        return True
    if sweep.gives_up:
        return not active and store.end(sweep.id, "failed", sweep.gives_up)
    if len(active) >= store.slots():
        return False
    if sweep.has_budget and (params := propose(sweep, curves)) is not None:
        configs = sweep.config_of(params).repeated(folds=sweep.plan.folds)
        return store.add_trials(sweep, {"trial": (params, configs)})
    if active:
        return False
    if proving := proving_trials(sweep):
        return store.add_trials(sweep, proving)
    return store.end(sweep.id, "finished")


class Stepper:
    """Steps all sweeps of a store, and looks at one again only when its runs have changed: it is asked every second."""

    def __init__(self, store: SweepStore) -> None:
        self._store = store
        self._seen: dict[int, Any] = {}

    def __call__(self) -> bool:
        """Do all that can be done now; return True if that was anything."""
        did = False
        while states := {each: state for each, state in self._store.states().items() if self._seen.get(each) != state}:
            for sweep_id, state in states.items():
                if step(self._store, sweep_id):
                    did = True
                else:
                    self._seen[sweep_id] = state
        return did


def go_on(runs: RunStore) -> bool:
    """Step all sweeps of a home folder and start the workers of what they queue; return True if they did anything."""
    did = Stepper(SweepStore(runs.at))()
    if did:
        dispatch(runs)
    return did
