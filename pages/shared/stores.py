"""The run store and the job store that all parts of the web process use."""

from __future__ import annotations

from functools import cache

from seg_core.jobs.store import JobStore
from seg_core.runs.store import RunStore


@cache
def store() -> RunStore:
    """The store of this process."""
    return RunStore()


@cache
def jobs() -> JobStore:
    """The job store of this process."""
    return JobStore()
