"""Fixtures of the command line's tests."""

from __future__ import annotations

import pytest

from tests.cli.lab import Lab


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lab:
    monkeypatch.setattr("seg_core.training.device.bf16_is_faster", lambda: False)  # takes seconds to measure
    return Lab(monkeypatch, capsys)
