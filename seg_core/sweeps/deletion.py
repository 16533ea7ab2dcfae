"""Deleting sweeps, with their runs or without."""

from __future__ import annotations

from seg_core.errors import InputError
from seg_core.runs.retraining import delete_run
from seg_core.runs.store import RunStore
from seg_core.sweeps.store import SweepStore


def delete_sweep(store: SweepStore, runs: RunStore, sweep_id: int, *, keep_runs: bool = False) -> int:
    """Delete a sweep that has ended; its runs go first, so that after an interruption it is still there to be deleted.

    Args:
        store: the sweeps.
        runs: the runs of the same home folder.
        sweep_id: the sweep's number.
        keep_runs: leave its runs where they are, with their models.

    Returns:
        how many bytes the folders of its runs held.

    Raises:
        InputError: if there is no such sweep, it goes on, or one of its runs has not ended or cannot be deleted.
    """
    sweep = store.get(sweep_id)
    if not sweep.ending:
        raise InputError(f"Sweep {sweep_id} goes on; stop it first.")
    if active := [str(run.id) for run in sweep.runs if not run.can_delete and not keep_runs]:
        raise InputError(f"Runs of sweep {sweep_id} have not ended yet ({', '.join(active)}); wait for them, or stop them.")
    freed = 0 if keep_runs else sum(delete_run(runs, run.id) for run in sweep.runs)
    store.delete(sweep_id)
    return freed
