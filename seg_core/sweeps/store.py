"""The sweeps of a home folder, in the run database. Their runs are runs like all others."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from seg_core.config import Config
from seg_core.data.source import clean_source
from seg_core.errors import InputError
from seg_core.runs import rows
from seg_core.runs.annotations import LONGEST_NAME, clean_name
from seg_core.runs.checked_values import RowCheck
from seg_core.runs.database import LARGEST_ID, Where, everyone_may, open_database
from seg_core.runs.queue import Sources, add_run
from seg_core.runs.run import Run
from seg_core.runs.stopping import stop_run
from seg_core.runs.tables import metrics, runs, sweep_runs, sweep_trials, sweeps
from seg_core.sweeps.space import Params
from seg_core.sweeps.sweep import Ending, Plan, Role, Sweep, Trial

Curves = dict[int, dict[int, float]]
"""Validation IoU by epoch, by the number of the run."""

_check_sweep, _check_trial = RowCheck(sweeps.c), RowCheck(sweep_trials.c)


class SweepStore:
    """All sweeps of one run database. Cheap to make, safe to share between threads, never shared by a fork.

    Every method that takes a sweep's number raises `InputError` when there is no such sweep.
    """

    def __init__(self, at: Where | None = None, may_change: Callable[[], None] = everyone_may) -> None:
        self._database = open_database(at, may_change)

    def close(self) -> None:
        """Close the connections. Optional: they close when the object is dropped."""
        self._database.close()

    def slots(self) -> int:
        """Return how many runs may train at a time."""
        with self._database.read() as connection:
            return rows.slots(connection)

    def add(self, name: str, config: Config, sources: Sources, plan: Plan) -> Sweep:
        """Keep a new sweep, whose first trial is queued by the next step.

        Raises:
            InputError: if the name is too long or no source is given.
        """
        listed = [clean_source(source) for source in ([sources] if isinstance(sources, str | Path) else sources)]
        if not listed:
            raise InputError("A sweep needs data to train on; give a folder, several, or 'sample'.")
        values = {
            "name": clean_name(name),
            "created": time.time(),
            "config": config.model_dump(mode="json"),
            "sources": listed,
            "plan": plan.model_dump(mode="json"),
        }
        with self._database.change() as connection:
            new = connection.execute(insert(sweeps).values(**values).returning(sweeps.c.id)).scalar_one()
            return _sweep(connection, new)

    def get(self, sweep_id: int) -> Sweep:
        """Return a sweep by its number."""
        with self._database.read() as connection:
            return _sweep(connection, sweep_id)

    def all(self) -> list[Sweep]:
        """Return all sweeps, the newest first."""
        with self._database.read() as connection:
            ids = connection.execute(select(sweeps.c.id).order_by(sweeps.c.id.desc())).scalars().all()
            return [_sweep(connection, sweep_id) for sweep_id in ids]

    def states(self) -> dict[int, tuple[Any, ...]]:
        """Return for each sweep that has not ended what its next step depends on: its runs, and the number of slots."""
        query = (
            select(sweep_trials.c.sweep_id, runs.c.id, runs.c.status, runs.c.epochs_done)
            .select_from(sweep_trials.join(sweep_runs).join(runs))
            .order_by(runs.c.id)
        )
        with self._database.read() as connection:
            found: dict[int, list[Any]] = {
                sweep_id: [] for sweep_id in connection.execute(select(sweeps.c.id).where(sweeps.c.ending == "")).scalars()
            }
            if not found:
                return {}
            for sweep_id, *state in connection.execute(query.where(sweep_trials.c.sweep_id.in_(found))):
                found[sweep_id].append(tuple(state))
            slots = rows.slots(connection)
        return {sweep_id: (slots, *each) for sweep_id, each in found.items()}

    def curves(self, sweep: Sweep) -> Curves:
        """Return the validation IoU of every epoch of the runs of a sweep."""
        query = (
            select(metrics.c.run_id, metrics.c.epoch, metrics.c.value)
            .where(metrics.c.run_id.in_([run.id for run in sweep.runs]), metrics.c.split == "val", metrics.c.name == "iou")
            .order_by(metrics.c.epoch)
        )
        found: Curves = defaultdict(dict)
        with self._database.read() as connection:
            for run_id, epoch, value in connection.execute(query):
                found[run_id][epoch] = value
        return found

    def add_trials(self, sweep: Sweep, trials: Mapping[Role, tuple[Params, Sequence[Config]]]) -> bool:
        """Note trials and queue their runs, all or nothing.

        Args:
            sweep: as it was when the trials were chosen.
            trials: settings, and the configs of their runs, by role.

        Returns:
            False, and nothing is queued, if the sweep has ended since, or another process has queued its next trial.

        Raises:
            InputError: if a run cannot be queued.
        """
        with self._database.write() as connection:
            now = _sweep(connection, sweep.id)
            if now.ending or len(now.every) != len(sweep.every):
                return False
            for number, (role, (params, configs)) in enumerate(trials.items(), start=len(now.every) + 1):
                values = {"sweep_id": sweep.id, "number": number, "role": role, "params": dict(params)}
                trial = connection.execute(insert(sweep_trials).values(**values).returning(sweep_trials.c.id)).scalar_one()
                for run in _queue(connection, now, number, role, configs):
                    connection.execute(insert(sweep_runs).values(run_id=run.id, trial_id=trial))
        return True

    def prune(self, sweep: Sweep, number: int, why: str) -> bool:
        """Stop the runs of a trial and note why; return False if they have ended meanwhile."""
        with self._database.write() as connection:
            trial = next(each for each in _sweep(connection, sweep.id).every if each.number == number)
            to_stop = [run for run in trial.runs if run.can_stop]
            if not to_stop or trial.pruned:
                return False
            for run in to_stop:
                stop_run(connection, run, after_epoch=False)
                rows.add_line(connection, run.id, "info", why)
            is_trial = (sweep_trials.c.sweep_id == sweep.id) & (sweep_trials.c.number == number)
            connection.execute(update(sweep_trials).where(is_trial).values(pruned=why))
        return True

    def end(self, sweep_id: int, ending: Ending, message: str = "") -> bool:
        """Note how a sweep ended; return False if it has ended before."""
        with self._database.write() as connection:
            return _end(connection, sweep_id, ending, message)

    def stop(self, sweep_id: int) -> Sweep:
        """Stop a sweep and those of its runs that train or wait.

        Raises:
            InputError: if it has ended.
        """
        with self._database.change() as connection:
            sweep = _sweep(connection, sweep_id)
            if not _end(connection, sweep_id, "stopped", ""):
                raise InputError(f"Sweep {sweep_id} is {sweep.ending}; only those that go on can be stopped.")
            for run in sweep.runs:
                if run.can_stop:
                    stop_run(connection, run, after_epoch=False)
            return _sweep(connection, sweep_id)

    def delete(self, sweep_id: int) -> None:
        """Forget a sweep; its runs stay. `seg_core.sweeps.deletion` deletes them too."""
        with self._database.change() as connection:
            _sweep(connection, sweep_id)
            connection.execute(delete(sweeps).where(sweeps.c.id == sweep_id))

    def note_look(self, sweep_id: int) -> None:
        """Count that someone looks at the scores on the test photographs; a viewer may, too."""
        with self._database.write() as connection:
            _sweep(connection, sweep_id)
            connection.execute(update(sweeps).where(sweeps.c.id == sweep_id).values(looks=sweeps.c.looks + 1))

    def of_runs(self, run_ids: Sequence[int]) -> list[int]:
        """Return the numbers of the sweeps that some runs belong to."""
        query = (
            select(sweep_trials.c.sweep_id)
            .join(sweep_runs, sweep_runs.c.trial_id == sweep_trials.c.id)
            .where(sweep_runs.c.run_id.in_(run_ids))
            .distinct()
            .order_by(sweep_trials.c.sweep_id)
        )
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())


def _queue(connection: Connection, sweep: Sweep, number: int, role: Role, configs: Sequence[Config]) -> list[Run]:
    ending = {"trial": f", trial {number}", "winner": ", winner", "baseline": ", starting settings"}[role]
    name = f"{(sweep.name or f'Sweep {sweep.id}')[: LONGEST_NAME - len(ending)]}{ending}"
    added: list[Run] = []
    for config in configs:
        group = added[0].id if added else None
        added.append(add_run(connection, name, config, sweep.sources, [f"sweep {sweep.id}"], group=group))
    return added


def _end(connection: Connection, sweep_id: int, ending: Ending, message: str) -> bool:
    goes_on = (sweeps.c.id == sweep_id) & (sweeps.c.ending == "")
    return connection.execute(update(sweeps).where(goes_on).values(ending=ending, message=message)).rowcount == 1


def _sweep(connection: Connection, sweep_id: int) -> Sweep:
    found = (
        connection.execute(select(sweeps).where(sweeps.c.id == sweep_id)).one_or_none() if 0 < sweep_id <= LARGEST_ID else None
    )
    if found is None:
        raise InputError(f"There is no sweep {sweep_id}; choose one from the list of sweeps.")
    _check_sweep(found)
    plan = Plan(**found.plan)
    members: dict[int, list[Run]] = defaultdict(list)
    query = (
        select(runs, sweep_runs.c.trial_id)
        .join(sweep_runs, sweep_runs.c.run_id == runs.c.id)
        .join(sweep_trials, sweep_trials.c.id == sweep_runs.c.trial_id)
        .where(sweep_trials.c.sweep_id == sweep_id)
        .order_by(runs.c.id)
    )
    for row in connection.execute(query):
        members[row.trial_id].append(rows.to_run(row))
    in_order = select(sweep_trials).where(sweep_trials.c.sweep_id == sweep_id).order_by(sweep_trials.c.number)
    trials = [_trial(row, plan, members[row.id]) for row in connection.execute(in_order)]
    return Sweep(
        id=found.id,
        name=found.name,
        created=found.created,
        config=Config.model_construct(**found.config),
        sources=tuple(found.sources),
        plan=plan,
        ending=found.ending,
        message=found.message,
        looks=found.looks,
        every=tuple(trials),
    )


def _trial(row: Row[Any], plan: Plan, members: list[Run]) -> Trial:
    _check_trial(row)
    expected = plan.folds if row.role == "trial" else plan.seeds
    return Trial(row.number, row.role, row.params, row.pruned, tuple(members), expected)
