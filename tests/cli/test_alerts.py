"""The command `alerts test`."""

from __future__ import annotations

from pathlib import Path

import pytest

from seg_core.runs.alerts.addresses import FILE, VARIABLE
from tests.alert_server import SECRET, alert_server
from tests.cli.lab import Lab


def test_it_says_how_each_address_did(lab: Lab, lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with alert_server() as server:
        (lab_home / FILE).write_text(f"{server.address()}\n")
        done = lab("alerts", "test")
        assert (done.status, done.out, done.err) == (0, "Webhook: sent\n", "")
        monkeypatch.setenv(VARIABLE, f"{server.address('410')} json{server.address()[4:]}?rto=x")
        done = lab("alerts", "test", "--json")
        assert done.status == 1
        assert done.json == {
            "alerts": [
                {"name": "Webhook 1", "error": "it answered 410 (Gone)"},
                {"name": "Webhook 2", "error": ""},
                {"name": "Webhook 3", "error": ""},
            ]
        }
        assert server.events() == ["test"] * 3
    assert SECRET not in done.out + done.err


def test_without_an_address_it_says_how_to_set_one(lab: Lab, lab_home: Path) -> None:
    done = lab("alerts", "test")
    assert (done.status, done.out) == (2, "")
    assert done.err == f"lesionlab: There is no address; set LESIONLAB_ALERTS, or write one into alerts.txt in {lab_home}.\n"
