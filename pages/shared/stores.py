"""The stores of the web process, in which viewers change nothing."""

from __future__ import annotations

from functools import cache

from pages.shared.visitor import may_change
from seg_core.jobs.store import JobStore
from seg_core.runs.store import RunStore
from seg_core.sweeps.store import SweepStore


@cache
def store() -> RunStore:
    """Return the run store of this process."""
    return RunStore(may_change=may_change)


@cache
def jobs() -> JobStore:
    """Return the job store of this process."""
    return JobStore(may_change=may_change)


@cache
def sweeps() -> SweepStore:
    """Return the store of sweeps of this process."""
    return SweepStore(may_change=may_change)
