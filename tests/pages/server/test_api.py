"""The JSON API: changes, points and batches, asked of its routes without the app around them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pages.server import answers, api
from seg_core.config import Config
from seg_core.errors import StoreError
from seg_core.runs.run import BatchLosses
from seg_core.runs.store import RunStore
from tests.runs.stores import change

CONFIG = Config.of("report", epochs=4)


@pytest.fixture
def store(lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunStore]:
    store = RunStore()
    monkeypatch.setattr(api, "store", lambda: store)
    yield store
    store.close()


@pytest.fixture
def client(store: RunStore) -> TestClient:
    app = FastAPI()
    app.add_exception_handler(StoreError, answers.without_store)
    app.include_router(api.router)
    return TestClient(app)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("PRAGMA user_version = 99", "was made by a newer LesionLab (format 99, known up to 8); update LesionLab"),
        ("PRAGMA user_version = -1", "is damaged (its format is -1); there is no backup"),
        ("DROP TABLE runs", "is damaged (no such table: runs); there is no backup"),
    ],
)
def test_a_database_that_goes_bad_while_the_app_runs_is_one_sentence(
    client: TestClient, store: RunStore, statement: str, said: str
) -> None:
    run_id = store.queue.add("", CONFIG, "sample").id
    change(store, statement)
    for method, path in (("GET", "/runs"), ("GET", f"/runs/{run_id}"), ("POST", f"/runs/{run_id}/stop")):
        answer = client.request(method, f"/api{path}")
        assert (answer.status_code, said in answer.json()["detail"]) == (503, True), answer.text


def get(client: TestClient, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_folder_whose_name_is_no_text_spoils_no_answer(client: TestClient, store: RunStore) -> None:
    run = store.queue.add("Ω", CONFIG, "/data/L\udce4sionen")
    (listed,) = get(client, "/api/runs")["runs"]
    for told in (listed, get(client, f"/api/runs/{run.id}")):
        assert (told["name"], told["sources"]) == ("Ω", ["/data/L\udce4sionen"])


def test_all_runs_the_newest_first_then_only_news(client: TestClient, store: RunStore) -> None:
    first, second, third = (store.queue.add(name, CONFIG, "sample").id for name in "abc")
    store.queue.move(third, -1)
    listed = get(client, "/api/runs")
    assert [(run["id"], run["position"]) for run in listed["runs"]] == [(third, 2), (second, 3), (first, 1)]
    assert (listed["line"], listed["deleted"], listed["since"]) == ([first, third, second], [], 0)
    assert "notes" not in listed["runs"][0]
    assert listed["runs"][0]["config"] == CONFIG.model_dump(mode="json")

    stamp = listed["stamp"]
    assert get(client, f"/api/runs?after={stamp}") == {**listed, "since": stamp, "runs": []}
    store.queue.stop(first)
    store.queue.stop(second)
    store.delete(second)
    news = get(client, f"/api/runs?after={stamp}")
    assert [(run["id"], run["status"], run["position"]) for run in news["runs"]] == [(first, "stopped", None)]
    assert (news["line"], news["deleted"]) == ([third], [second])
    assert get(client, f"/api/runs?after={stamp + 1000}")["since"] == 0
    assert client.get("/api/runs?after=-1").status_code == 422


def test_a_run_is_stopped_kept_going_and_resumed(client: TestClient, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    dispatched: list[RunStore] = []
    monkeypatch.setattr(api, "dispatch", dispatched.append)
    run_id = store.queue.add("", CONFIG, "sample").id
    store.claims.claim(run_id)

    def post(what: str) -> tuple[Any, Any]:
        answer = client.post(f"/api/runs/{run_id}/{what}").json()
        return answer.get("status", answer.get("detail")), answer.get("stop_after_epoch")

    assert post("stop?after_epoch=true") == ("running", True)
    assert post("keep-going") == ("running", False)
    assert post("resume") == (f"Run {run_id} is running; only stopped, failed or lost runs can be resumed.", None)
    assert post("stop") == ("stopping", False)
    store.progress.finish(run_id, "stopped")
    assert dispatched == []
    assert post("resume") == ("queued", False)
    assert dispatched == [store]
    assert client.post("/api/runs/7/resume").status_code == 404


def test_points_and_lines_say_where_to_go_on(client: TestClient, store: RunStore) -> None:
    run_id = store.queue.add("", CONFIG, "sample").id
    store.claims.claim(run_id)
    assert get(client, f"/api/runs/{run_id}/metrics") == {"points": [], "last": 0}
    store.progress.add_epoch(run_id, 1, {"loss": 0.5}, {"loss": 0.25}, line="Epoch 1.")
    points = get(client, f"/api/runs/{run_id}/metrics")
    assert [(point["split"], point["value"]) for point in points["points"]] == [("train", 0.5), ("val", 0.25)]
    assert get(client, f"/api/runs/{run_id}/metrics?after={points['last']}") == {"points": [], "last": points["last"]}
    (run,) = get(client, "/api/runs")["runs"]
    (line,) = get(client, f"/api/runs/{run_id}/log")["lines"]
    assert (run["last_point"], run["last_line"], line["text"]) == (points["last"], line["id"], "Epoch 1.")


def test_batches_are_smoothed_thinned_out_and_cut(client: TestClient, store: RunStore) -> None:
    run_id = store.queue.add("", CONFIG, "sample").id
    store.claims.claim(run_id)
    path = f"/api/runs/{run_id}/batches"
    assert get(client, path) == {"steps": 0, "window": 1, "x": [], "loss": [], "low": [], "high": []}
    for epoch in (1, 2, 3):
        values = np.full(1000, epoch, np.float32)
        values[500] = 9 * epoch
        store.progress.update(run_id, losses=BatchLosses(epoch, 1000, values))

    whole = get(client, f"{path}?points=100")
    assert (whole["steps"], whole["window"], len(whole["x"])) == (3000, 15, 100)
    assert (max(whole["high"]), min(whole["low"])) == (27, 1)
    assert max(whole["loss"]) == pytest.approx(3 + 24 / 15, abs=1e-4)
    assert whole["x"][-1] <= 3

    part = get(client, f"{path}?from=1.4995&to=1.502&window=1")
    assert (part["x"], part["loss"]) == ([1.5, 1.501, 1.502], [2, 18, 2])
    assert get(client, f"{path}?from=7")["steps"] == 0
    assert client.get(f"{path}?points=1").status_code == 422


@pytest.mark.parametrize("path", ["", "/metrics", "/log", "/masks", "/batches"])
def test_a_run_that_is_not_there_is_404_and_a_sentence(client: TestClient, path: str) -> None:
    answer = client.get(f"/api/runs/7{path}")
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no run 7; choose one from the list of runs.")
