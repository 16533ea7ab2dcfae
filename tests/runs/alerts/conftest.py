"""Fixtures of the tests of alerts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.alert_server import AlertServer, alert_server


@pytest.fixture
def server() -> Iterator[AlertServer]:
    with alert_server() as server:
        yield server
