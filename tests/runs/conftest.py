"""Fixtures of the run store's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seg_core.runs.processes import Owner
from seg_core.runs.store import RunStore
from tests.runs.stores import ended_process


@pytest.fixture
def store(lab_home: Path) -> Iterator[RunStore]:
    store = RunStore()
    yield store
    store.close()


@pytest.fixture
def gone() -> Owner:
    """A process of this machine that has ended."""
    return ended_process()
