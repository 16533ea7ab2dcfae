"""Health and figures: true when all is well, and when something is not."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from pages.server import health
from pages.shared.counters import PREDICTIONS
from seg_core.config import Config
from seg_core.jobs import health as core
from seg_core.jobs.supervisor import LATE_SECONDS, Supervisor
from seg_core.runs import probe
from seg_core.runs.store import RunStore
from tests.helpers import file_of

CONFIG = Config.of("report", epochs=3)


class Usage(NamedTuple):
    free: int


@pytest.fixture
def store(lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunStore]:
    store = RunStore()
    monkeypatch.setattr(health, "store", lambda: store)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(8 * 10**9))
    monkeypatch.setattr(core, "FRESH_SECONDS", -1.0)
    yield store
    store.close()


@pytest.fixture
def client(store: RunStore) -> TestClient:
    app = FastAPI()
    app.include_router(health.router)
    return TestClient(app)


def ask(client: TestClient) -> tuple[int, dict[str, Any]]:
    answer = client.get("/api/health")
    return answer.status_code, answer.json()


def figures(client: TestClient) -> dict[tuple[str, ...], float]:
    """Return the figures by name and values of their labels, read by the library's own parser."""
    answer = client.get("/api/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.text)
    return {(sample.name, *sample.labels.values()): sample.value for family in families for sample in family.samples}


def test_all_is_well(client: TestClient, store: RunStore) -> None:
    store.queue.add("one", CONFIG, "sample")
    run = store.queue.add("two", CONFIG, "sample")
    store.queue.move(run.id, -1)
    assert store.claims.claim(run.id)
    status, told = ask(client)
    assert (status, told["status"], told["problems"]) == (200, "ok", [])
    assert told["store"] == {"readable": True, "writable": True}
    assert told["disk"] == {"free_bytes": 8 * 10**9, "enough": True}
    assert told["workers"] == {"alive": 1, "lost": 0}
    assert told["queue"] == {"length": 1, "jobs": 0, "goes_on": True}
    assert told["runs"] == {"running": 1, "queued": 1}


def test_what_a_guest_learns(client: TestClient, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    app = client.app

    async def as_guest(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, health.GUEST: True}, receive, send)

    guest = TestClient(as_guest)
    assert ask(guest) == (200, {"status": "ok"})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**6))
    assert ask(guest) == (503, {"status": "failing"})


def damage(store: RunStore, how: str) -> None:
    """Break the store in a way."""
    if how == "gone":
        file_of(store).unlink()
    else:
        for file in store.home.glob("lesionlab.db*"):
            file.write_bytes(b"no database" * 1000)


@pytest.mark.parametrize("how", ["gone", "garbage"])
def test_a_store_that_cannot_be_read(client: TestClient, store: RunStore, how: str) -> None:
    file = file_of(store)
    damage(store, how)
    status, told = ask(client)
    assert (status, told["problems"]) == (503, ["The run database cannot be read."])
    assert file.exists() == (how == "garbage"), "looking makes no new database"
    assert figures(client)["lesionlab_up",] == 0


def test_a_store_that_another_process_keeps_locked(client: TestClient, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "PATIENCE", 0.05)
    with closing(sqlite3.connect(file_of(store), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert ask(client)[1]["problems"] == ["The run database cannot be written."]
    assert ask(client)[1]["problems"] == []


def test_a_disk_that_is_nearly_full(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(123_456_789))
    status, told = ask(client)
    assert (status, told["problems"]) == (503, ["The disk of the home folder has 123 MB left; a training needs 500."])


def test_a_worker_that_is_gone_is_counted(client: TestClient, store: RunStore) -> None:
    run = store.queue.add("one", CONFIG, "sample")
    assert store.claims.claim(run.id)
    with closing(sqlite3.connect(file_of(store))) as connection, connection:
        connection.execute("UPDATE runs SET pid_started = pid_started - 1000")  # that process ended; this number has another now
    assert ask(client)[1]["workers"] == {"alive": 0, "lost": 1}


def test_a_queue_that_stands_still(client: TestClient, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = Supervisor(RunStore(store.at), every=0.01)
    client.app.state.supervisor = supervisor  # type: ignore[attr-defined]
    assert ask(client)[1]["problems"] == ["The queue stands still, since its thread has ended; restart the app."]
    supervisor.start()
    status, told = ask(client)
    assert (status, told["queue"]["goes_on"]) == (200, True)
    supervisor.stop()
    assert ask(client)[0] == 503


def test_a_queue_that_fails_or_hangs(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    supervisor = Supervisor(store)
    monkeypatch.setattr(supervisor._thread, "is_alive", lambda: True)
    assert supervisor.problem == ""
    supervisor._looked -= LATE_SECONDS + 10
    assert supervisor.problem.startswith(f"Nobody has looked at the queue for {LATE_SECONDS + 10:.0f} s")
    supervisor._is_failing = True
    assert supervisor.problem == "The queue cannot be read or written; the app's log says why."


def test_many_who_ask_cost_one_look(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "FRESH_SECONDS", 60.0)
    looks: list[int] = []

    def look() -> core.Health:
        looks.append(1)
        return core.look(store, None)

    recent = core.Recent(look)
    assert {id(recent()) for _ in range(100)} == {id(recent())}
    assert len(looks) == 1


def test_figures_for_prometheus(client: TestClient, store: RunStore) -> None:
    for name in ("one", "two", "three"):
        store.queue.add(name, CONFIG, "sample")
    assert store.claims.claim(1)
    store.queue.stop(2)
    store.progress.add_epoch(1, 1, {"loss": 0.5}, {"iou": 0.75}, images_per_second=12.5)
    before = figures(client)
    PREDICTIONS.observe(0.25)
    now = figures(client)
    assert now["lesionlab_up",] == 1
    assert [now["lesionlab_runs", status] for status in health.STATUSES] == [1, 1, 0, 0, 1, 0, 0]
    assert (now["lesionlab_queue_length",], now["lesionlab_epochs_done",], now["lesionlab_jobs_active",]) == (1, 1, 0)
    assert (now["lesionlab_run_epoch", "1"], now["lesionlab_run_photographs_per_second", "1"]) == (1, 12.5)
    assert now["lesionlab_run_metric", "iou", "1", "val"] == 0.75
    assert now["lesionlab_disk_free_bytes",] == 8 * 10**9
    assert now["lesionlab_memory_bytes",] > 10**7
    counted = [now[name,] - before[name,] for name in ("lesionlab_prediction_seconds_count", "lesionlab_prediction_seconds_sum")]
    assert counted == [1, 0.25]
