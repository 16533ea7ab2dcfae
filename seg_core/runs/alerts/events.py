"""Recording what happens to runs, within the transaction in which it happens: each event once, whichever process notices it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, delete, func, insert, select, update

from seg_core.common.text import without_folders
from seg_core.runs.alerts.addresses import has_addresses
from seg_core.runs.run import Run
from seg_core.runs.tables import alerts, settings

Event = Literal["finished", "failed", "lost", "target", "test"]
TargetMetric = Literal["iou", "dice"]
TARGET_METRICS: tuple[TargetMetric, ...] = ("iou", "dice")
STEPS = 10_000
"""Targets are kept in these parts of 1."""
WANTED_AFTER = "alerts_after"
"""Setting: the newest event that there was when the first address was set; it and those before it are never sent."""


def record(connection: Connection, event: Event, run: Run | None, *, reason: str = "", **more: Any) -> None:
    """Record an event.

    Args:
        connection: a transaction that writes, in which the event happens.
        event: its kind.
        run: as it is after the event; None for a test.
        reason: why it failed or was lost.
        more: ``metric``, ``target`` (in steps) and ``value`` of a target that it passed, and the ``epoch``.
    """
    home: Path = connection.get_execution_options()["home"]
    if has_addresses(home):
        want_from_now_on(connection)
    columns = {name: more.pop(name) for name in ("metric", "target") if name in more}
    if columns:
        more |= {"metric": columns["metric"], "target": columns["target"] / STEPS}
    known = [] if run is None else [str(home), *run.sources]
    facts = ({} if run is None else _facts(run)) | {"reason": without_folders(reason, known)} | more
    run_id = None if run is None else run.id
    connection.execute(insert(alerts).values(event=event, run_id=run_id, time=time.time(), facts=facts, **columns))


def record_passed_targets(connection: Connection, run: Run, epoch: int, val: Mapping[str, float]) -> None:
    """Record that a run has passed a target, if this epoch is the first of the run to do so.

    Args:
        connection: a transaction that writes.
        run: as it is after the epoch.
        epoch: its number, from 1.
        val: the validation metrics of the epoch.
    """
    wanted = targets(connection)
    for metric in TARGET_METRICS:
        target, value = wanted[metric], val.get(metric)
        if not target or value is None or not value >= target / STEPS:
            continue
        known = select(alerts.c.id).where(alerts.c.run_id == run.id, alerts.c.event == "target")
        known = known.where(alerts.c.metric == metric, alerts.c.target == target)
        if connection.execute(known).first() is None:
            record(connection, "target", run, metric=metric, target=target, value=float(value), epoch=epoch)


def targets(connection: Connection) -> dict[TargetMetric, int]:
    """Return the target of each metric in steps; 0 for none."""
    return {metric: setting(connection, f"target_{metric}") or 0 for metric in TARGET_METRICS}


def want_from_now_on(connection: Connection) -> None:
    """Note that there is an address, so that events after this one are sent; nothing happens if that was noted before."""
    if setting(connection, WANTED_AFTER) is None:
        newest = connection.execute(select(func.max(alerts.c.id))).scalar_one() or 0
        keep_setting(connection, WANTED_AFTER, int(newest))


def setting(connection: Connection, name: str) -> int | None:
    """Return the number that is kept under a name; None if there is none."""
    value = connection.execute(select(settings.c.value).where(settings.c.name == name)).scalar_one_or_none()
    return value if isinstance(value, int) else None


def keep_setting(connection: Connection, name: str, value: int | None) -> None:
    """Keep a number under a name; None forgets it."""
    if value is None:
        connection.execute(delete(settings).where(settings.c.name == name))
    elif not connection.execute(update(settings).where(settings.c.name == name).values(value=value)).rowcount:
        connection.execute(insert(settings).values(name=name, value=value))


def _facts(run: Run) -> dict[str, Any]:
    """What is told of a run: no notes and no folders."""
    return {
        "run": run.id,
        "name": run.name,
        "label": run.label,
        "status": run.status,
        "epoch": run.epochs_done,
        "epochs": run.config.epochs,
        "best_iou": run.best_iou,
    }
