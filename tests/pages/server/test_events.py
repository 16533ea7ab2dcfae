"""Streams of events: what they tell, how they end, what they cost, and how many there may be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message, Scope

from pages.server import answers, events
from pages.server.access import AccessGuard
from pages.server.accounts import Account
from pages.server.sessions import Sessions
from seg_core.common.tokens import Tokens
from seg_core.errors import StoreError
from seg_core.runs.store import RunStore
from tests.helpers import PASSWORD, in_a_loop
from tests.runs.stores import CONFIG, VALUES, change, finished, running

Event = tuple[str, str, Any]


@pytest.fixture
def store(lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunStore]:
    store = RunStore()
    monkeypatch.setattr(events, "store", lambda: store)
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.01)
    yield store
    store.close()


@pytest.fixture
def app(store: RunStore) -> FastAPI:
    app = FastAPI()
    app.add_exception_handler(StoreError, answers.without_store)
    app.include_router(events.router)
    return app


class Stream:
    """One stream, read as a browser would; ``gone`` closes it. httpx's own transport waits for the end of an answer."""

    def __init__(self, app: Callable[..., Coroutine[Any, Any, None]], query: str, **headers: str) -> None:
        self._parts: asyncio.Queue[Message] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._text = ""
        raw = [(name.encode(), value.encode()) for name, value in {"host": "localhost:8501", **headers}.items()]
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/api/events",
            "raw_path": b"/api/events",
            "query_string": query.encode(),
            "root_path": "",
            "headers": raw,
            "server": ("localhost", 8501),
            "client": ("192.168.1.7", 5000),
        }
        self.task = asyncio.create_task(app(scope, self._receive, self._parts.put))
        self.status = 0

    async def _receive(self) -> Message:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    def leave(self) -> None:
        self._gone.set()

    async def text(self) -> str:
        """Return the next event or comment as it came; empty at the end."""
        while "\n\n" not in self._text:
            message = await asyncio.wait_for(self._parts.get(), 20)
            if message["type"] == "http.response.start":
                self.status = message["status"]
                continue
            self._text += message["body"].decode()
            if not message.get("more_body"):
                self._text += "\n\n"
        text, _, self._text = self._text.partition("\n\n")
        return text

    async def next(self) -> Event:
        """Return the kind, the id and the content of the next event; an empty kind at the end."""
        text = await self.text()
        fields = dict(line.split(": ", 1) for line in text.splitlines())
        return fields.get("event", ""), fields.get("id", ""), json.loads(fields["data"]) if fields else None

    async def some(self, count: int) -> list[Event]:
        return [await self.next() for _ in range(count)]


@asynccontextmanager
async def stream(app: Any, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    opened = Stream(app, query, **headers)
    yield opened
    opened.leave()
    await asyncio.wait_for(opened.task, 20)


def test_a_stream_begins_with_all_runs_and_tells_what_happens(app: FastAPI, store: RunStore) -> None:
    first, second = running(store), store.queue.add("", CONFIG, "sample").id

    async def follow() -> None:
        async with stream(app) as reader:
            begin = await reader.some(3)
            assert reader.status == 200
            assert [(kind, content.get("id", content.get("line"))) for kind, _, content in begin] == [
                ("run", first),
                ("run", second),
                ("queue", [second]),
            ]
            assert begin[1][2]["position"] == 1
            assert "notes" not in begin[0][2]
            store.progress.add_epoch(first, 1, {"loss": 0.5}, {"iou": 0.25}, line="Epoch 1.")
            (kind, _, epoch), (_, id, run) = await reader.some(2)
            assert (kind, epoch) == (
                "epoch",
                {"run": first, "epoch": 1, "train": {"loss": 0.5}, "val": {"iou": 0.25}, "process": {}},
            )
            assert (run["id"], run["epochs_done"], id) == (first, 1, store.news.now().event)
            store.queue.stop(second)
            stopped = await reader.some(2)
            assert [(kind, content.get("status", content.get("line"))) for kind, _, content in stopped] == [
                ("run", "stopped"),
                ("queue", []),
            ]
            store.delete(second)
            kind, _, content = await reader.next()
            assert (kind, content) == ("deleted", {"run": second})

    in_a_loop(follow())


def test_a_reader_goes_on_by_the_last_id_without_loss_or_doubles(app: FastAPI, store: RunStore) -> None:
    run_id = running(store)

    async def follow() -> None:
        async with stream(app, f"run={run_id}&log=true") as reader:
            await reader.next()
            store.progress.add_epoch(run_id, 1, VALUES, VALUES, line="Epoch 1.")
            kind, id, _ = await reader.next()
            assert kind == "epoch"
        store.progress.add_epoch(run_id, 2, VALUES, VALUES, line="Epoch 2.")
        # A browser asks with the query that it first came with.
        async with stream(app, f"run={run_id}&log=true&after=0-0-0", **{"last-event-id": id}) as reader:
            heard = await reader.some(4)
        assert [(kind, content.get("epoch"), content.get("text")) for kind, _, content in heard] == [
            ("epoch", 2, None),
            ("log", None, "Epoch 1."),
            ("log", None, "Epoch 2."),
            ("run", 2, None),
        ]

    in_a_loop(follow())


def test_a_stream_of_a_run_ends_with_it(app: FastAPI, store: RunStore) -> None:
    run_id, other = running(store), store.queue.add("", CONFIG, "sample").id

    async def follow() -> None:
        async with stream(app, f"run={run_id}&end=true") as reader:
            assert (await reader.next())[0] == "run"
            store.progress.finish(run_id, "finished")
            kind, id, content = await reader.next()
            assert (kind, content["status"]) == ("run", "finished")
            assert (await reader.next())[0] == ""
        async with stream(app, f"run={run_id}&end=true&after={id}") as reader:
            assert (await reader.next())[0] == ""
        store.queue.stop(other)
        async with stream(app, f"end=true&after={store.news.now().event}") as reader:  # nothing is active any more
            assert await reader.some(2) == [("queue", store.news.now().event, {"line": []}), ("", "", None)]

    in_a_loop(follow())


async def _until(condition: Callable[[], bool]) -> None:
    """Let others go on until a condition holds."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0)


def test_many_streams_ask_one_question_and_read_once(app: FastAPI, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = running(store)
    asked, read = 0, 0
    stamp, after = store.news.stamp, store.news.after

    def counted_stamp() -> int:
        nonlocal asked
        asked += 1
        return stamp()

    def counted_after(place: Any) -> Any:
        nonlocal read
        read += 1
        return after(place)

    monkeypatch.setattr(store.news, "stamp", counted_stamp)
    monkeypatch.setattr(store.news, "after", counted_after)

    async def follow() -> None:
        nonlocal read
        readers = [Stream(app, f"run={run_id}&after=0-0-0") for _ in range(40)]
        for reader in readers:
            assert (await reader.next())[0] == "run"
        looks = asked + 3
        await _until(lambda: asked >= looks)
        quiet = read
        looks = asked + 5
        await _until(lambda: asked >= looks)
        assert read == quiet, "it is read although nothing has changed"
        read = 0
        store.progress.add_epoch(run_id, 1, VALUES, VALUES)
        for reader in readers:
            assert [kind for kind, _, _ in await reader.some(2)] == ["epoch", "run"]
        assert read <= 3, f"{read} reads for 40 streams"
        for reader in readers:
            reader.leave()
        await asyncio.wait_for(asyncio.gather(*(reader.task for reader in readers)), 20)
        hub = events.hub_of(app)
        assert hub.places.taken.total() == 0
        assert hub._looking is not None
        await asyncio.wait_for(hub._looking, 20)  # nobody listens, so nobody looks

    in_a_loop(follow())


def test_silence_is_broken_by_a_comment(app: FastAPI, store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.01)
    run_id = finished(store)

    async def follow() -> None:
        async with stream(app, f"run={run_id}&after={store.news.now().event}") as reader:
            assert await reader.text() == ": nothing new"

    in_a_loop(follow())


def test_streams_end_when_the_app_stops(app: FastAPI, store: RunStore) -> None:
    async def follow() -> None:
        async with stream(app) as reader:
            assert (await reader.next())[0] == "queue"
            events.hub_of(app).close()
            assert (await reader.next())[0] == ""

    in_a_loop(follow())


def test_an_address_has_a_quarter_of_the_streams(app: FastAPI, store: RunStore) -> None:
    app.state.events = events.Hub(8)

    async def follow() -> None:
        async with stream(app) as first, stream(app) as second:
            await first.next(), await second.next()
            third = Stream(app, "")
            refused = json.loads(await third.text())
            assert (third.status, refused["detail"]) == (
                503,
                "192.168.1.7 has as many streams of events open as one address may; try again in 5 s.",
            )
        async with stream(app) as again:
            assert (await again.next())[0] == "queue"

    in_a_loop(follow())


def test_a_database_that_goes_bad_ends_a_stream_with_a_sentence(app: FastAPI, store: RunStore) -> None:
    async def follow() -> None:
        async with stream(app) as reader:
            await reader.next()
            change(store, "PRAGMA user_version = 99")
            kind, _, content = await reader.next()
            assert (kind, "was made by a newer LesionLab" in content["detail"]) == ("failure", True)
            assert (await reader.next())[0] == ""
        refused = Stream(app, "")
        assert "was made by a newer LesionLab" in await refused.text()
        assert refused.status == 503

    in_a_loop(follow())


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("after=x", 422, "'x' is no id of an event; give the one of the last event, or the `event` of an answer."),
        ("run=7", 404, "There is no run 7; choose one from the list of runs."),
    ],
)
def test_what_cannot_be_followed_is_refused(app: FastAPI, store: RunStore, query: str, status: int, said: str) -> None:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            return await client.get(f"/api/events?{query}")

    answer = in_a_loop(ask())
    assert (answer.status_code, answer.json()["detail"]) == (status, said)


@pytest.mark.parametrize("by", ["token", "session"])
def test_a_stream_ends_with_the_right_to_read_it(app: FastAPI, store: RunStore, tmp_path: Path, by: str) -> None:
    run_id = running(store)
    tokens = Tokens(tmp_path / "tokens")
    account = Account("owner", PASSWORD, Sessions(b"key", tmp_path / "ended"))
    guard = AccessGuard(app, [account], tokens=tokens)
    cookie = account.sessions.begin()
    headers = {
        "token": {"authorization": f"Bearer {tokens.add('script', 'viewer')}"},
        "session": {"cookie": f"lesionlab_8501={cookie}"},
    }

    async def follow() -> None:
        async with stream(guard, f"run={run_id}", **headers[by]) as reader:
            assert (await reader.next())[0] == "run"
            if by == "token":
                tokens.remove("script")
            else:
                account.sessions.end(account.sessions.check(cookie) or "")
            store.progress.add_epoch(run_id, 1, VALUES, VALUES)
            assert (await reader.next())[0] == ""
        assert events.hub_of(app).places.taken.total() == 0

    in_a_loop(follow())
