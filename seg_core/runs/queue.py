"""The queue of runs: adding, ordering, stopping and resuming them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, func, insert, select, update

from seg_core.config import LONGEST_RUN, Config
from seg_core.data.groups import place_of
from seg_core.data.source import clean_source
from seg_core.errors import InputError
from seg_core.runs import rows
from seg_core.runs.annotations import clean_name, clean_notes, clean_tags
from seg_core.runs.claim_protocol import RUNNING, owned_by
from seg_core.runs.database import Database
from seg_core.runs.database_errors import DamagedRow
from seg_core.runs.processes import Owner
from seg_core.runs.rows import change, find, to_run
from seg_core.runs.run import RESUMABLE, Run
from seg_core.runs.stopping import stop_run
from seg_core.runs.tables import runs, settings
from seg_core.training.beginning import place_of_beginning
from seg_core.training.loggers.kinds import require_loggers

MOST_SLOTS = 8

Sources = str | Path | Sequence[str | Path]
"""``"sample"``, a dataset folder, or several."""


class RunQueue:
    """The queue as users control it, from pages and commands. `seg_core.runs.claims.RunClaims` works it off."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def queued(self) -> list[Run]:
        """Return the queued runs, the next one first."""
        with self._database.read() as connection:
            return rows.queued(connection)

    def running(self) -> list[Run]:
        """Return the runs that are running or stopping, in the order in which they were added."""
        with self._database.read() as connection:
            query = select(runs).where(runs.c.status.in_(RUNNING)).order_by(runs.c.id)
            return [to_run(row) for row in connection.execute(query)]

    def slots(self) -> int:
        """Return how many runs may train at a time."""
        with self._database.read() as connection:
            return rows.slots(connection)

    def set_slots(self, slots: int) -> None:
        """Set how many runs may train at a time; runs that train already go on.

        Raises:
            InputError: if it is not a number from 1 to 8.
        """
        if not 1 <= slots <= MOST_SLOTS:
            raise InputError(f"{slots} runs cannot train at a time; choose a number from 1 to {MOST_SLOTS}.")
        with self._database.change() as connection:
            known = connection.execute(update(settings).where(settings.c.name == "slots").values(value=slots)).rowcount
            if not known:
                connection.execute(insert(settings).values(name="slots", value=slots))

    def add(
        self,
        name: str,
        config: Config,
        sources: Sources,
        *,
        tags: Sequence[str] = (),
        foreground: bool = False,
        group: int | None = None,
    ) -> Run:
        """Queue a new run.

        Args:
            name: any text of up to 100 characters, or nothing.
            config: its settings.
            sources: its dataset, kept as absolute paths. Their content is not checked here.
            tags: words to find it by (see `clean_tags`).
            foreground: True if this process waits for its turn and works on it (`seg_core.runs.worker.work_here`).
            group: the number of the first run of the group it belongs to.

        Raises:
            InputError: if the name or a tag is too long, no source is given, the file with the groups is not there, the
                checkpoint to begin from cannot be used, or a logger's package is not installed.
        """
        with self._database.change() as connection:
            return add_run(connection, name, config, sources, tags, foreground, group)

    def add_group(
        self, name: str, configs: Sequence[Config], sources: Sources, *, tags: Sequence[str] = (), notes: str = ""
    ) -> list[Run]:
        """Queue new runs as one group: repeats of one training with other seeds or on other folds. Arguments as for `add`.

        ``notes`` are those of each run.

        Raises:
            InputError: as `add`; then none is queued.
        """
        added: list[Run] = []
        with self._database.change() as connection:
            for config in configs:
                group = added[0].id if added else None
                added.append(add_run(connection, name, config, sources, tags, group=group, notes=notes))
            return [find(connection, run.id) for run in added]

    def move(self, run_id: int, by: int) -> None:
        """Move a queued run back by ``by`` places, forward if negative, at most to the end of the queue.

        Raises:
            InputError: if it is not queued.
        """
        with self._database.change() as connection:
            order = _order(connection, run_id)
            _move(connection, order, run_id, order.index(run_id) + by)

    def move_to(self, run_id: int, position: int) -> None:
        """Move a queued run to a position, from 1, at most to the end of the queue.

        Raises:
            InputError: if it is not queued, or the position is less than 1.
        """
        if position < 1:
            raise InputError(f"The queue has no position {position}; the next run is at 1.")
        with self._database.change() as connection:
            _move(connection, _order(connection, run_id), run_id, position - 1)

    def stop(self, run_id: int, *, after_epoch: bool = False) -> Run:
        """Stop a queued run at once and a running one after its batch. Repeating it changes nothing.

        A run of another machine that has been silent for a minute is marked lost instead: nobody can tell whether it lives, and
        it would block the queue for ever.

        Args:
            run_id: the run.
            after_epoch: let a running one finish its current epoch first.

        Raises:
            InputError: if the run has ended.
        """
        with self._database.change() as connection:
            stop_run(connection, find(connection, run_id), after_epoch=after_epoch)
            return find(connection, run_id)

    def cancel_stop(self, run_id: int) -> Run:
        """Withdraw a request to stop after the epoch; nothing happens if there was none, or the run has ended meanwhile."""
        with self._database.change() as connection:
            find(connection, run_id)
            change(connection, run_id, runs.c.status == "running", stop_after_epoch=False)
            return find(connection, run_id)

    def resume(self, run_id: int, *, foreground: bool = False, devices: int | None = None) -> Run:
        """Queue a stopped, failed or lost run again, to go on after its last whole epoch.

        Args:
            run_id: the run.
            foreground: as for `add`.
            devices: how many processes train it from now on; by default as many as before.

        Raises:
            InputError: if it is in another state, or ``devices`` is out of bounds.
        """
        with self._database.change() as connection:
            run = find(connection, run_id)
            if not run.can_resume:
                raise InputError(f"Run {run_id} is {run.status}; only {_either(RESUMABLE)} runs can be resumed.")
            if devices is not None:
                checked = Config.of(devices=devices).devices
                change(connection, run_id, config=run.config.model_dump(mode="json") | {"devices": checked})
            _queue_again(connection, run, foreground)
            return find(connection, run_id)

    def extend(self, run_id: int, epochs: int, *, foreground: bool = False) -> Run:
        """Queue a finished run again for ``epochs`` more; its schedule starts again over these (`Config.schedule_from`).

        Raises:
            InputError: if it has not finished, or the epochs are none or too many.
        """
        with self._database.change() as connection:
            run = find(connection, run_id)
            if run.status != "finished":
                raise InputError(f"Run {run_id} is {run.status}; only finished runs can be continued for more epochs.")
            total = run.config.epochs + epochs
            if epochs < 1 or total > LONGEST_RUN:
                raise InputError(f"Run {run_id} cannot train {epochs} more epochs; give at least 1, and {LONGEST_RUN} in all.")
            before = run.config.model_dump(mode="json")
            config = before | {"epochs": total, "schedule_from": run.config.epochs}
            change(connection, run_id, config=config, config_before=before)
            _queue_again(connection, run, foreground)
            return find(connection, run_id)


def add_run(
    connection: Connection,
    name: str,
    config: Config,
    sources: Sources,
    tags: Sequence[str] = (),
    foreground: bool = False,
    group: int | None = None,
    notes: str = "",
) -> Run:
    """Queue a new run, as `RunQueue.add`, in a transaction that the caller holds."""
    cleaned = [clean_source(source) for source in ([sources] if isinstance(sources, str | Path) else sources)]
    require_loggers(config.loggers)
    if not cleaned:
        raise InputError("A run needs data to train on; give a folder, several, or 'sample'.")
    now = time.time()
    values = {
        "name": clean_name(name),
        "status": "queued",
        "config": config.model_dump(mode="json") | _places(config, cleaned),
        "sources": cleaned,
        "created": now,
        "queued": now,
        "place": _last_place(connection),
        "foreground": foreground,
        "tags": clean_tags(tags),
        "notes": clean_notes(notes),
        "group": group,
    }
    if group is not None:
        change(connection, group, group=group)  # the first run of a group becomes a member with the second
    new = insert(runs).values(**values | owned_by(Owner.of() if foreground else None)).returning(runs.c.id)
    return find(connection, connection.execute(new).scalar_one())


def _order(connection: Connection, run_id: int) -> list[int]:
    """Return the numbers of the queued runs, of which ``run_id`` has to be one."""
    run = find(connection, run_id)
    if run.status != "queued":
        raise InputError(f"Run {run_id} is {run.status}; only queued runs can be moved.")
    order = [each.id for each in rows.queued(connection)]
    if run_id not in order:
        raise DamagedRow(f"run {run_id} is missing in the queue")
    return order


def _move(connection: Connection, order: list[int], run_id: int, place: int) -> None:
    """Move one of the queued runs to a place, from 0, or as near to it as there is one."""
    order.remove(run_id)
    order.insert(min(max(0, place), len(order)), run_id)
    for number, each in enumerate(order, start=1):
        change(connection, each, place=number)


def _places(config: Config, sources: Sequence[str]) -> dict[str, str]:
    """The settings that name files, as a run keeps them: it may begin in another folder than this one."""
    return {"groups": place_of(config.groups, sources), "begin_from": place_of_beginning(config)}


def _queue_again(connection: Connection, run: Run, foreground: bool) -> None:
    change(
        connection,
        run.id,
        **owned_by(Owner.of() if foreground else None),
        status="queued",
        queued=time.time(),
        place=_last_place(connection),
        foreground=foreground,
        resume=True,
        phase="waiting",
        started=None,
        finished=None,
        seconds_before=run.elapsed,
        eta_seconds=None,
        message="",
        stop_after_epoch=False,
    )


def _last_place(connection: Connection) -> int:
    """Return a place behind all queued runs."""
    last = connection.execute(select(func.max(runs.c.place)).where(runs.c.status == "queued")).scalar_one()
    return (last or 0) + 1


def _either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
