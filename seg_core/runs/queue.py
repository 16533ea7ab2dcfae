"""The queue: which run trains next, and every change of a run's status but those that its worker makes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects.sqlite import insert as upsert

from seg_core.common.text import legible
from seg_core.config import LONGEST_RUN, Config
from seg_core.data.folders import clean_source
from seg_core.errors import InputError
from seg_core.runs.annotations import clean_name, clean_tags
from seg_core.runs.database import runs, settings
from seg_core.runs.processes import Owner
from seg_core.runs.reading import Reader
from seg_core.runs.rows import (
    add_line,
    change,
    find,
    free_slots,
    is_abandoned,
    is_silent_elsewhere,
    last_place,
    line,
    lose,
    owned_by,
    to_run,
)
from seg_core.runs.run import RESUMABLE, RUNNING, Run

LOST = "Its process ended without a word: it was killed, or the machine ran out of memory or restarted. It can be resumed."
MOST_SLOTS = 8


class Queue(Reader):
    """The waiting half of `RunStore`: as many runs train at a time as there are slots, the others stand in line."""

    def set_slots(self, slots: int) -> None:
        """Set how many runs may train at a time; runs that train already are left alone.

        Raises:
            InputError: if it is not a number from 1 to 8.
        """
        if not 1 <= slots <= MOST_SLOTS:
            raise InputError(f"{slots} runs cannot train at a time; choose a number from 1 to {MOST_SLOTS}.")
        with self._writer.begin() as connection:
            new = upsert(settings).values(name="slots", value=slots)
            connection.execute(new.on_conflict_do_update(index_elements=["name"], set_={"value": slots}))

    def add_run(
        self,
        name: str,
        config: Config,
        sources: str | Path | Sequence[str | Path],
        *,
        tags: Sequence[str] = (),
        foreground: bool = False,
        joins: int | None = None,
    ) -> Run:
        """Queue a new run.

        Args:
            name: any text of up to 100 characters, or nothing.
            config: its settings.
            sources: ``"sample"``, a dataset folder, or several, kept as absolute paths. They are not looked into here.
            tags: words to find it by (see `clean_tags`).
            foreground: whether this process waits for its turn and works on it (`seg_core.runs.worker.work_here`).
            joins: the number of the first run of the group that it is one of.

        Raises:
            InputError: if the name or a tag is too long or no source is given.
        """
        with self._writer.begin() as connection:
            return self._add(connection, name, config, sources, tags, foreground, joins)

    def add_group(
        self, name: str, configs: Sequence[Config], sources: str | Path | Sequence[str | Path], *, tags: Sequence[str] = ()
    ) -> list[Run]:
        """Queue new runs as one group: repeats of one training, by other seeds or on other folds. Arguments as of `add_run`.

        Raises:
            InputError: as `add_run`.
        """
        added: list[Run] = []
        with self._writer.begin() as connection:  # all of them or none
            for config in configs:
                added.append(self._add(connection, name, config, sources, tags, False, added[0].id if added else None))
            return [find(connection, run.id) for run in added]

    def _add(
        self,
        connection: Connection,
        name: str,
        config: Config,
        sources: str | Path | Sequence[str | Path],
        tags: Sequence[str],
        foreground: bool,
        joins: int | None,
    ) -> Run:
        cleaned = [clean_source(source) for source in ([sources] if isinstance(sources, str | Path) else sources)]
        if not cleaned:
            raise InputError("A run needs data to train on; give a folder, several, or 'sample'.")
        now = time.time()
        values = {
            "name": clean_name(name),
            "status": "queued",
            "config": config.model_dump(mode="json"),
            "sources": cleaned,
            "created": now,
            "queued": now,
            "place": last_place(connection),
            "foreground": foreground,
            "tags": clean_tags(tags),
            "group": joins,
        }
        if joins is not None:
            change(connection, joins, group=joins)
        new = insert(runs).values(**values | owned_by(Owner.of() if foreground else None)).returning(runs.c.id)
        return find(connection, connection.execute(new).scalar_one())

    def next_in_line(self) -> Run | None:
        """The queued run for which a worker is to be started now; None when there is none or all slots are taken.

        A queued run that a living process has in hand takes a slot already: one in the foreground, or one whose worker starts.
        """
        with self._reader.begin() as connection:
            return next((run for run in line(connection)[: free_slots(connection)] if _needs_worker(run)), None)

    def reserve(self, run_id: int) -> bool:
        """Note that this process is about to start a worker for a queued run, so that no other process starts one too.

        Returns:
            False if it is not its turn any more, or a living process has it in hand.
        """
        with self._writer.begin() as connection:
            turn = {run.id: run for run in line(connection)[: free_slots(connection)]}
            if run_id not in turn or not _needs_worker(turn[run_id]):
                return False
            return change(connection, run_id, **owned_by(Owner.of()))

    def hand_over(self, run_id: int, owner: Owner | None) -> None:
        """Note the worker that was started for a queued run, or with None that there is none; nothing if it is queued no more."""
        with self._writer.begin() as connection:
            change(connection, run_id, runs.c.status == "queued", **owned_by(owner))

    def claim(self, run_id: int) -> bool:
        """Make this process the one that works on a queued run, if it is its turn. Of several processes only one succeeds.

        It is its turn when fewer runs stand before it in line than there are free slots. Runs whose process is gone are marked
        lost first.
        """
        self.mark_lost()
        with self._writer.begin() as connection:
            run = find(connection, run_id)
            if run.status != "queued" or run_id not in [first.id for first in line(connection)[: free_slots(connection)]]:
                return False
            now = time.time()
            change(
                connection,
                run_id,
                **owned_by(Owner.of()),
                status="running",
                phase="preparing",
                started=now,
                heartbeat=now,
                config_before=None,
                epoch=run.epochs_done,
                batch=0,
                batches=0,
            )
            return True

    def move(self, run_id: int, by: int) -> None:
        """Move a queued run ``by`` places back in line, forward if negative; beyond an end it goes to that end.

        Raises:
            InputError: if it is not queued.
        """
        with self._writer.begin() as connection:
            run = find(connection, run_id)
            if run.status != "queued":
                raise InputError(f"Run {run_id} is {run.status}; only queued runs can be moved.")
            waiting = [each.id for each in line(connection)]
            place = waiting.index(run_id)
            waiting.insert(min(max(0, place + by), len(waiting) - 1), waiting.pop(place))
            for number, each in enumerate(waiting, start=1):
                change(connection, each, place=number)

    def request_stop(self, run_id: int, *, after_epoch: bool = False) -> Run:
        """Ask a run to stop: a queued one is stopped at once, a running one after its batch. Asking twice changes nothing.

        A run of another machine that has not been heard of for a minute is marked lost instead, since nobody can tell
        whether it lives and it would hold up the queue for ever.

        Args:
            run_id: the run.
            after_epoch: let a running one finish the epoch at work first.

        Raises:
            InputError: if the run has ended.
        """
        with self._writer.begin() as connection:
            run = find(connection, run_id)
            if run.status == "queued" and run.config_before:  # none of the epochs that it was to train more has begun
                config = run.config_before.model_dump(mode="json")
                again = {"status": "finished", "config": config, "config_before": None, "finished": time.time()}
                change(connection, run_id, **again | owned_by(None))
            elif run.status == "queued":
                message = "Stopped before it started." if run.epochs_done == 0 else "Stopped before it went on."
                change(connection, run_id, status="stopped", finished=time.time() if run.started else None, message=message)
            elif run.is_running and is_silent_elsewhere(run):
                lose(connection, run, _silent(run))
            elif run.status == "running":
                change(connection, run_id, **({"stop_after_epoch": True} if after_epoch else {"status": "stopping"}))
            elif run.status != "stopping":
                raise InputError(f"Run {run_id} is {run.status}; only queued or running runs can be stopped.")
            return find(connection, run_id)

    def keep_going(self, run_id: int) -> Run:
        """Take back that a run is to stop after its epoch; nothing if it was not to, or has ended meanwhile."""
        with self._writer.begin() as connection:
            find(connection, run_id)
            change(connection, run_id, runs.c.status == "running", stop_after_epoch=False)
            return find(connection, run_id)

    def requeue(self, run_id: int, *, foreground: bool = False) -> Run:
        """Queue a stopped, failed or lost run again, to go on after its last whole epoch.

        Raises:
            InputError: if it is in another state.
        """
        with self._writer.begin() as connection:
            run = find(connection, run_id)
            if not run.can_resume:
                raise InputError(f"Run {run_id} is {run.status}; only {_either(RESUMABLE)} runs can be resumed.")
            _queue_again(connection, run, foreground)
            return find(connection, run_id)

    def extend(self, run_id: int, epochs: int, *, foreground: bool = False) -> Run:
        """Queue a finished run again, to train ``epochs`` more; its schedule starts anew over these (`Config.schedule_from`).

        Raises:
            InputError: if it has not finished, or the epochs are none or too many.
        """
        with self._writer.begin() as connection:
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

    def mark_lost(self) -> list[Run]:
        """Mark as lost the runs of this machine whose process is gone, and return them; a silent heartbeat alone loses no run.

        A queued run in the foreground whose process is gone is lost too: nobody would ever start it. So is one that was to stop
        on another machine and is silent.
        """
        held = runs.c.status.in_(RUNNING) | ((runs.c.status == "queued") & runs.c.foreground)
        with self._reader.begin() as connection:
            suspects = [run for run in map(to_run, connection.execute(select(runs).where(held))) if _why_lost(run)]
        if not suspects:
            return []
        lost = []
        with self._writer.begin() as connection:
            for suspect in suspects:
                row = connection.execute(select(runs).where(runs.c.id == suspect.id, held)).one_or_none()
                if row is not None and (why := _why_lost(run := to_run(row))):  # meanwhile it may have ended, and even run anew
                    lose(connection, run, why)
                    lost.append(find(connection, run.id))
        return lost

    def fail_to_start(self, run_id: int, pid: int, message: str) -> None:
        """Mark a queued run as failed because its worker, process ``pid``, ended without beginning; else nothing happens."""
        with self._writer.begin() as connection:
            untouched = (runs.c.status == "queued") & (runs.c.pid == pid)
            if change(connection, run_id, untouched, status="failed", message=legible(message)):
                add_line(connection, run_id, "error", message)


def _why_lost(run: Run) -> str:
    """What to say of a run that is lost; empty of one that is not."""
    if is_abandoned(run):
        return LOST
    return _silent(run) if run.status == "stopping" and is_silent_elsewhere(run) else ""


def _silent(run: Run) -> str:
    return f"Nothing was heard from the machine {run.host} any more when it was to stop."


def _needs_worker(run: Run) -> bool:
    """Whether a queued run is to be worked on by a process that does not exist yet."""
    return not run.foreground and (run.owner is None or is_abandoned(run))


def _queue_again(connection: Connection, run: Run, foreground: bool) -> None:
    change(
        connection,
        run.id,
        **owned_by(Owner.of() if foreground else None),
        status="queued",
        queued=time.time(),
        place=last_place(connection),
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


def _either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
