"""Launching and changing runs over HTTP, asked of the routes without the app around them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pages.server import answers, api, launching, run_changes, run_groups
from seg_core.cli import app as command_line
from seg_core.config import Config, option_name
from seg_core.errors import InputError, StoreError
from seg_core.runs.store import RunStore
from tests.helpers import make_dataset
from tests.runs.stores import CONFIG, finished, running

PARTS = (api, launching, run_changes, run_groups)


@pytest.fixture
def store(lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunStore]:
    store = RunStore()
    for part in PARTS:
        monkeypatch.setattr(part, "store", lambda: store)
        monkeypatch.setattr(part, "dispatch", lambda store: [])
    yield store
    store.close()


@pytest.fixture
def client(store: RunStore) -> TestClient:
    app = FastAPI()
    app.add_exception_handler(StoreError, answers.without_store)
    for part in PARTS:
        app.include_router(part.router)
    return TestClient(app)


@pytest.fixture
def data(tmp_path: Path) -> str:
    return str(make_dataset(tmp_path / "skin", train=6))


def refusal(answer: Any, status: int = 422) -> str:
    assert answer.status_code == status, answer.text
    detail: str = answer.json()["detail"]
    return detail


# Launching


def test_a_launch_queues_what_the_command_line_would(client: TestClient, store: RunStore, data: str) -> None:
    body = {"data": data, "name": "first", "notes": "of two", "tags": ["a", "b"], "recipe": "report", "epochs": 3, "log": None}
    answer = client.post("/api/runs", json=body)
    (run,) = store.list_runs()
    assert (answer.status_code, answer.headers["location"]) == (201, f"/api/runs/{run.id}")
    told = answer.json()
    assert (told["key"], told["keys"], told["page"]) == (run.key, [run.key], f"/monitor?run={run.key}")
    assert told["runs"] == [client.get(answer.headers["location"]).json()]
    assert (run.name, run.notes, run.tags, run.sources) == ("first", "of two", ("a", "b"), (data,))
    assert run.config == Config.of("report", epochs=3)
    assert [event.kind for event in store.news.after(store.news.begin(told["event"])).events] == ["run"]


def test_groups_and_several_variants(client: TestClient, store: RunStore, data: str) -> None:
    told = client.post("/api/runs", json={"data": [data], "folds": 3, "seed": 4}).json()
    assert told["key"] == "g1"
    assert [(run["group"], run["config"]["fold"], run["config"]["seed"]) for run in told["runs"]] == [
        (1, 1, 4),
        (1, 2, 4),
        (1, 3, 4),
    ]
    both = {"data": data, "variants": ["fine-tune", "trainable-decoder"], "seeds": 2}
    told = client.post("/api/runs", json=both).json()
    assert (told["keys"], told["page"]) == (["g4", "g6"], "/monitor?run=g4&run=g6")
    assert [run["config"]["variant"] for run in told["runs"]] == ["fine-tune"] * 2 + ["trainable-decoder"] * 2
    one_fold = client.post("/api/runs", json={"data": data, "folds": 3, "fold": 2}).json()
    assert (one_fold["key"], one_fold["runs"][0]["config"]["folds"]) == ("8", 3)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "data is missing: give a folder, or a list of folders."),
        ({"data": 3}, "data must be a folder, or a list of folders."),
        ({"data": []}, "No data was named; give a folder, several, or 'sample'."),
        ({"data": "DATA", "epoch": 3}, "There is no field epoch; did you mean epochs?"),
        ({"data": "DATA", "taggs": []}, "There is no field taggs; did you mean tags?"),
        ({"data": "DATA", "schedule_from": 1}, "There is no field schedule_from; did you mean schedule?"),
        ({"data": "DATA", "seeds": "two"}, "seeds must be a whole number from 1 to 20."),
        ({"data": "DATA", "seeds": 21}, "seeds must be a whole number from 1 to 20."),
        ({"data": "DATA", "tags": "a"}, "tags must be a list of texts."),
        ({"data": "DATA", "name": 1}, "name must be text."),
        ({"data": "DATA", "variants": []}, "Give either variant or a list of variants that is not empty."),
        ({"data": "DATA", "begin_from": 5}, "Begin from cannot be 5; it must be text."),
    ],
)
def test_a_body_that_cannot_be_used_is_one_sentence(client: TestClient, data: str, body: dict[str, Any], said: str) -> None:
    body = body | {"data": data} if body.get("data") == "DATA" else body
    assert refusal(client.post("/api/runs", json=body)) == said


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"3", b"\xff", b"[" * 100_000, b'{"a": ' + b"9" * 5000 + b"}"])
def test_what_is_no_json_object_is_one_sentence(client: TestClient, content: bytes) -> None:
    said = refusal(client.post("/api/runs", content=content))
    assert said.startswith("The body of this request ")


@pytest.mark.parametrize(
    "settings",
    [
        {"epochs": 0},
        {"image_size": 100},
        {"recipe": "worst"},
        {"variant": "all"},
        {"device": "tpu"},
        {"log": ["tensorbored"]},
        {"seeds": 2, "folds": 2},
        {"seed": 2**31 - 1, "seeds": 2},
        {"folds": 2, "fold": 3},
        {"name": "a" * 101},
        {"groups": "lesions.csv:lesion"},
        {"begin_from": "nothing.safetensors"},
    ],
)
def test_refusals_are_those_of_the_command_line(client: TestClient, store: RunStore, data: str, settings: dict[str, Any]) -> None:
    options = [f"{option_name(name)}={','.join(value) if isinstance(value, list) else value}" for name, value in settings.items()]
    with pytest.raises(InputError) as refused:
        command_line(["train", "--data", data, *options], standalone_mode=False)
    assert refusal(client.post("/api/runs", json={"data": data} | settings)) == str(refused.value)
    assert store.list_runs() == []


def test_data_that_cannot_be_used_are_refused_before_anything_is_queued(
    client: TestClient, store: RunStore, data: str, tmp_path: Path
) -> None:
    said = refusal(client.post("/api/runs", json={"data": data + "s"}))
    assert said.endswith(f"Did you mean {data}?")
    few = str(make_dataset(tmp_path / "few", train=3))
    folds = refusal(client.post("/api/runs", json={"data": few, "folds": 5}))
    assert folds == "few has 3 pairs to train and 0 to validate with; each needs at least one."
    held_out = str(make_dataset(tmp_path / "held-out", test=3))
    assert refusal(client.post("/api/runs", json={"data": held_out})).startswith(
        "There are no pairs to train with; name a folder"
    )
    (Path(few) / "train" / "masks" / "ISIC_0000002.png").unlink()
    lacking = refusal(client.post("/api/runs", json={"data": few}))
    assert lacking.startswith("1 of the pairs cannot be trained on: ")
    assert store.list_runs() == []
    assert client.post("/api/runs", json={"data": few, "skip_problems": True}).status_code == 201


# Changing


def test_what_is_left_out_of_a_change_stays(client: TestClient, store: RunStore) -> None:
    first, second, third = (store.queue.add(name, CONFIG, "sample", tags=["old"]).id for name in "abc")
    assert client.patch(f"/api/runs/{second}", json={"notes": " good "}).json()["notes"] == "good"
    told = client.patch(f"/api/runs/{second}", json={"name": "new", "tags": [], "archived": True}).json()
    assert (told["name"], told["tags"], told["notes"], told["archived"]) == ("new", [], "good", True)
    for position, line in ((1, [third, first, second]), (3, [first, second, third]), (99, [first, second, third])):
        assert client.patch(f"/api/runs/{third}", json={"position": position}).status_code == 200
        assert [run.id for run in store.queue.queued()] == line


def test_a_change_that_is_refused_changes_nothing(client: TestClient, store: RunStore) -> None:
    done, waiting = finished(store), store.queue.add("", CONFIG, "sample").id
    other = store.queue.add("", CONFIG, "sample").id

    def patch(run_id: int, status: int, **body: Any) -> str:
        return refusal(client.patch(f"/api/runs/{run_id}", json=body), status)

    assert patch(done, 409, name="x", position=1) == f"Run {done} is finished; only queued runs can be moved."
    assert patch(other, 422, name="x" * 101, position=1) == "The name has 101 characters; give it at most 100."
    assert patch(done, 422, nmae="x") == "There is no field nmae; did you mean name?"
    assert patch(done, 422, position=0) == "position must be a whole number from 1."
    assert patch(done, 422, archived="yes") == "archived must be true or false."
    assert patch(99, 404, name="x") == "There is no run 99; choose one from the list of runs."
    assert [run.id for run in store.queue.queued()] == [waiting, other]
    assert all(not run.name for run in store.list_runs())


def test_a_finished_run_trains_on_and_a_stopped_one_is_deleted(client: TestClient, store: RunStore) -> None:
    done, other, busy = finished(store), finished(store), running(store)
    told = client.post(f"/api/runs/{done}/continue?epochs=2").json()
    assert (told["status"], told["config"]["epochs"]) == ("queued", CONFIG.epochs + 2)
    assert "cannot train 0 more epochs" in refusal(client.post(f"/api/runs/{other}/continue?epochs=0"), 409)
    assert refusal(client.delete(f"/api/runs/{busy}"), 409) == f"Run {busy} is running; stop it before you delete it."
    client.post(f"/api/runs/{done}/stop")
    assert client.delete(f"/api/runs/{done}").json() == {"id": done, "bytes_freed": 0}
    assert refusal(client.delete(f"/api/runs/{done}"), 404) == f"There is no run {done}; choose one from the list of runs."


def test_a_model_is_downloaded(client: TestClient, store: RunStore) -> None:
    run_id = store.queue.add("My try, the 2nd", CONFIG, "sample").id
    path = f"/api/runs/{run_id}/model"
    assert refusal(client.get(path), 404) == f"Run {run_id} has no model yet; it has one after its first epoch."
    store.folder(run_id).mkdir()
    (store.folder(run_id) / "last.safetensors").write_bytes(b"last")
    (store.folder(run_id) / "best.safetensors").write_bytes(b"best" * 50_000)
    answer = client.get(path)
    assert answer.content == b"best" * 50_000
    assert answer.headers["content-disposition"] == f'attachment; filename="run-{run_id}-my-try-the-2nd-best.safetensors"'
    assert client.get(f"{path}?which=last").content == b"last"
    assert client.get(f"{path}?which=resume").status_code == 422


def test_a_group_is_shown_stopped_resumed_and_deleted(client: TestClient, store: RunStore) -> None:
    runs = store.queue.add_group("mine", CONFIG.repeated(seeds=3), "sample")
    group = client.get(f"/api/groups/{runs[0].id}").json()
    assert (group["key"], group["label"], len(group["runs"])) == ("g1", "Group 1 · mine, 3 seeds", 3)
    assert refusal(client.delete("/api/groups/1"), 409) == "Run 1 is queued; stop it before you delete it."
    store.queue.stop(runs[1].id)
    assert {run["status"] for run in client.post("/api/groups/1/stop").json()["runs"]} == {"stopped"}
    assert refusal(client.post("/api/groups/1/stop"), 409) == "Run 1 is stopped; only queued or running runs can be stopped."
    assert {run["status"] for run in client.post("/api/groups/1/resume").json()["runs"]} == {"queued"}
    client.post("/api/groups/1/stop")
    store.queue.resume(runs[2].id)
    assert refusal(client.delete("/api/groups/1"), 409) == "Run 3 is queued; stop it before you delete it."
    assert len(store.list_runs()) == 3
    store.queue.stop(runs[2].id)
    assert client.delete("/api/groups/1").json() == {"id": 1, "runs": [1, 2, 3], "bytes_freed": 0}
    assert refusal(client.get("/api/groups/1"), 404) == "There is no group 1; choose one from the list of runs."


def test_the_documentation_has_every_setting_with_its_bounds(client: TestClient) -> None:
    described = client.get("/openapi.json").json()["paths"]["/api/runs"]["post"]["requestBody"]["content"]["application/json"]
    fields = described["schema"]["properties"]
    assert set(Config.model_fields) - {"schedule_from"} <= set(fields)
    assert {"data", "name", "notes", "tags", "seeds", "folds", "variants"} <= set(fields)
    for example in described["examples"].values():
        assert set(example["value"]) <= set(fields)
    assert fields["epochs"]["description"] == Config.model_fields["epochs"].description
