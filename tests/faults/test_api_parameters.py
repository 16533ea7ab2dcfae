"""Odd values in the paths, queries and bodies of the API: each gets an answer that says what is wrong, never 500."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from pages.server import answers, api, evaluation_pictures, health, launching, run_changes, run_groups
from seg_core.errors import StoreError
from seg_core.runs.store import RunStore
from tests.runs.stores import CONFIG, finished

LONGEST = 5.0
"""Seconds for one request."""
VALUES = [
    *("1", "2", "0", "-1", "99", "0.5", "nan", "inf", "1e309", "½", "٣", "0x10", "", " 1 ", "true", "null", "9" * 30, str(2**63)),
    *(
        "a" * 200,
        "<b>",
        "ΩΩ",
        "a\nb",
        "\x00",
        "\r\nSet-Cookie: a=b",
        "../../lesionlab.db",
        "..",
        "%2e%2e",
        "g1",
        "1,2",
        "[]",
        "{}",
    ),
    *("' OR 1=1 --", "lesionlab.db", "best.safetensors", "probability", "outline", "epoch-1.png", "ISIC_0000000"),
]
BODIES = [b"", b"{}", b"[]", b"null", b"{", b"\xff\xfe", b'{"after": 1e999}', b"[" * 3000, b'{"run": "' + b"a" * 5000 + b'"}']


@pytest.fixture
def client(lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    store = RunStore()
    finished(store)
    store.queue.add("", CONFIG, "sample")
    for part in (api, health, launching, run_changes, run_groups):
        monkeypatch.setattr(part, "store", lambda: store)
    for part in (api, launching, run_changes, run_groups):
        monkeypatch.setattr(part, "dispatch", lambda store: [])
    app = FastAPI()
    app.add_exception_handler(StoreError, answers.without_store)
    for each in (api, evaluation_pictures, health, launching, run_changes, run_groups):
        app.include_router(each.router)
    yield TestClient(app, raise_server_exceptions=False)
    store.close()


FIELDS = ["data", "name", "notes", "tags", "seeds", "folds", "variants", "archived", "position", "epochs", "recipe", "variant"]
FIELDS += ["fold", "learning_rate", "begin_from", "groups", "log", "device", "image_size", "no such field"]


def body(chance: Random) -> bytes:
    """An odd body: one that is no object, or fields with values of any kind."""
    if chance.random() < 0.2:
        return chance.choice(BODIES)
    kinds: list[object] = [
        None,
        True,
        -1,
        1,
        1e30,
        0.5,
        10**40,
        [],
        [1],
        {},
        ["sample"],
        [["a"]],
        "sample",
        "best",
        "fine-tune",
        *VALUES,
    ]
    return json.dumps({name: chance.choice(kinds) for name in chance.sample(FIELDS, chance.randint(0, 4))}).encode()


def requests(client: TestClient, chance: Random) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield a method, a path and a query for every route, again and again, with values drawn from the odd ones."""
    routes: dict[str, dict[str, Any]] = client.get("/openapi.json").json()["paths"]
    assert len(routes) > 20
    while True:
        for path, methods in routes.items():
            for method, described in methods.items():
                query = {}
                for parameter in described.get("parameters", []):
                    value = chance.choice(VALUES)
                    if parameter["in"] == "path":
                        path = path.replace(f"{{{parameter['name']}}}", quote(value, safe=""))
                    elif chance.random() < 0.8:
                        query[parameter["name"]] = value
                yield method.upper(), path, query


@pytest.mark.parametrize("cases", [200, pytest.param(6000, marks=pytest.mark.slow)])
def test_odd_parameters_get_an_answer(client: TestClient, cases: int) -> None:
    chance = Random(cases)
    asked = requests(client, chance)
    faults = []
    for _ in range(cases):
        method, path, query = next(asked)
        started = time.perf_counter()
        answer = client.request(method, path, params=query, content=body(chance) if method != "GET" else None)
        if answer.status_code == 500 or "Traceback" in answer.text or time.perf_counter() - started > LONGEST:
            faults.append(f"{method} {path} {query}: {answer.status_code}")
    print(f"{cases} odd requests, {len(faults)} faults")
    assert faults == []
