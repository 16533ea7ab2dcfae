"""The API of alerts, asked of the route without the app around it."""

from __future__ import annotations

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pages.server import alerts
from seg_core.runs.alerts.addresses import FILE
from seg_core.runs.store import RunStore
from tests.alert_server import SECRET
from tests.runs.stores import running


def test_what_happened_is_told_from_a_number_on(monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore()
    monkeypatch.setattr(alerts, "store", lambda: store)
    app = FastAPI()
    app.include_router(alerts.router)
    client = TestClient(app)
    assert client.get("/api/alerts").json() == {"newest": 0, "alerts": []}
    store.progress.finish(running(store, "first"), "finished")
    (store.home / FILE).write_text(f"ntfy://{SECRET}\n")
    store.alerts.add_test()
    store.progress.finish(running(store, "second"), "failed", "The disk is full.")
    assert client.get("/api/alerts").json() == {"newest": 3, "alerts": []}
    answer = client.get("/api/alerts?after=0")
    assert [(each["event"], each["run"]) for each in answer.json()["alerts"]] == [("finished", 1), ("failed", 2)]
    (second,) = client.get("/api/alerts?after=1").json()["alerts"]
    assert (second["title"], second["message"]) == ("#2 second has failed", "The disk is full. It ended after 0 of 4 epochs.")
    assert client.get("/api/alerts?after=3").json()["alerts"] == []
    assert client.get("/api/alerts?after=99").json() == {"newest": 3, "alerts": []}  # of a database that stood here before
    assert SECRET not in answer.text
    store.close()
