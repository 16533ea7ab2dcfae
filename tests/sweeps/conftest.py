"""Fixtures of the sweeps' tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sweeps.searching import Search


@pytest.fixture
def search(lab_home: Path) -> Iterator[Search]:
    """The stores of a home folder, and runs that are recorded without being trained."""
    search = Search()
    yield search
    search.close()
