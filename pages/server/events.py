"""Events of runs as a stream (server-sent events), for scripts that would otherwise ask again and again.

All streams wait for one question to the database, twice a second while there is a stream at all: has anything changed? What has
is then read once for all who stand at the same place. A reader that is slow falls behind, and reads the rest from the database
later, so nothing piles up for it here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Header, Query, Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from pages.server.answers import or_missing, or_refused
from pages.server.capacity import Places, busy
from pages.server.settings import DEFAULTS
from pages.shared.stores import store
from seg_core.errors import StoreError
from seg_core.runs.news import News, Place, RunEvent
from seg_core.runs.run import LogLine, Run

LOOK_SECONDS = 0.5
HEARTBEAT_SECONDS = 15.0
"""After as long without an event a comment is sent, so that proxies keep the connection and a reader knows it is there."""
MOST_KEPT = 8
"""Places whose news are kept for other readers until the next change."""

router = APIRouter(prefix="/api", tags=["events"])


@dataclass(frozen=True)
class Told:
    """An event as it is sent."""

    kind: str
    run_id: int
    is_active: bool
    text: bytes


@dataclass(frozen=True)
class Batch:
    """The events after a place, as they are sent."""

    events: list[Told]
    news: News


class Hub:
    """What all streams of an app share: the look at the database, what was read, and the places.

    Args:
        most: how many streams may be open; of these an address may have its share.
    """

    def __init__(self, most: int = DEFAULTS.room // 4) -> None:
        self.places = Places(most)
        self.closed = False
        self.changed = asyncio.Event()
        self._stamp: int | None = None
        self._batches: dict[Place, asyncio.Future[Batch]] = {}
        self._looking: asyncio.Task[None] | None = None

    def close(self) -> None:
        """End all streams: the app stops."""
        self.closed = True
        self.changed.set()

    @contextmanager
    def listening(self, address: str) -> Iterator[None]:
        """Listen for changes for the time of the block."""
        with self.places.take(address):
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
            yield

    async def read(self, place: Place) -> Batch:
        """Return the events after a place; several readers at one place share one look at the database.

        Raises:
            StoreError: if the database cannot be read.
        """
        reading = self._batches.get(place)
        if reading is None or (reading.done() and (reading.cancelled() or reading.exception())):
            while len(self._batches) >= MOST_KEPT:
                del self._batches[next(iter(self._batches))]
            reading = self._batches[place] = asyncio.ensure_future(asyncio.to_thread(_read, place))
        return await asyncio.shield(reading)

    async def _look(self) -> None:
        while self.places.taken.total() and not self.closed:
            stamp = None
            with suppress(StoreError):  # the streams meet it too, and say so
                stamp = await asyncio.to_thread(store().news.stamp)
            if stamp is None or stamp != self._stamp:
                self._stamp = stamp
                self._batches.clear()
                changed, self.changed = self.changed, asyncio.Event()
                changed.set()
            await asyncio.sleep(LOOK_SECONDS)


class EventStream(StreamingResponse):
    """A stream of events, which holds one of the places while it is open."""

    def __init__(self, hub: Hub, events: AsyncIterator[bytes]) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the second is for nginx
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the stream, or with 503 if too many are open."""
        address = scope["client"][0] if scope.get("client") else ""
        if self._hub.places.is_full():
            await busy(scope, "LesionLab has as many streams of events open as it can")(scope, receive, send)
        elif self._hub.places.has_its_share(address):
            await busy(scope, f"{address} has as many streams of events open as one address may")(scope, receive, send)
        else:
            with self._hub.listening(address):
                await super().__call__(scope, receive, send)


@dataclass
class Following:
    """What one reader asked for, and where it stands.

    Attributes:
        place: where it stands.
        run_ids: the runs that it follows; empty for all.
        log: True if it wants lines of logs too.
        active: of these runs, those that something will still happen to.
        ends: True if the stream ends when there are none of them.
        queue: the queue as it was last told; a reader of some runs is not told.
    """

    place: Place
    run_ids: frozenset[int]
    log: bool
    ends: bool
    active: set[int] = field(default_factory=set)
    queue: list[int] | None = None

    async def events(self, hub: Hub) -> AsyncIterator[bytes]:
        """Yield the events until the app stops, or until all runs have ended if that is what the reader waits for."""
        while not hub.closed:
            changed = hub.changed  # before reading: what happens after it sets this one
            try:
                batch = await hub.read(self.place)
            except StoreError as error:
                yield _encoded("failure", {"detail": str(error)})
                return
            if text := b"".join(self._wanted(batch)):
                yield text
            self.place = batch.news.place
            if batch.news.more:
                continue
            if self.ends and not self.active:
                return
            try:
                await asyncio.wait_for(changed.wait(), HEARTBEAT_SECONDS)
            except TimeoutError:
                yield b": nothing new\n\n"

    def _wanted(self, batch: Batch) -> Iterator[bytes]:
        for event in batch.events:
            if event.run_id and self.run_ids and event.run_id not in self.run_ids:
                continue
            if event.kind in ("run", "deleted"):
                (self.active.add if event.is_active else self.active.discard)(event.run_id)
            if event.kind != "log" or self.log:
                yield event.text
        if not self.run_ids and not batch.news.more and batch.news.queue != self.queue:
            self.queue = batch.news.queue
            yield _encoded("queue", {"line": self.queue}, batch.news.place)


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "Events, as long as the connection lasts."}},
)
async def events(
    request: Request,
    after: Annotated[
        str,
        Query(
            description="Go on after an event, by its `id`, or after an answer, by its `event`; the header Last-Event-ID wins."
        ),
    ] = "",
    run: Annotated[list[int], Query(description="Only of these runs; may be repeated.")] = [],  # noqa: B006 # FastAPI copies it
    log: Annotated[bool, Query(description="Lines of the runs' logs too.")] = False,
    end: Annotated[bool, Query(description="End the stream once none of the runs is queued or running.")] = False,
    last_event_id: Annotated[str, Header(description="As browsers send it when they connect again.")] = "",
) -> StreamingResponse:
    """What happens to runs, as server-sent events. It begins with all runs as they are, or goes on without loss or doubles.

    - `run`: a run that is new or has changed, as `/api/runs` lists it; of several changes the last one is told.
    - `epoch`: the metrics of a whole epoch. If a run was resumed, drop what you hold of it from that epoch on.
    - `log`: a line of a run's log.
    - `deleted`: a run that is gone.
    - `queue`: the numbers of the queued runs, the next one first, where it has changed. Not told to who follows some runs.
    - `reset`: drop what you hold, the database is another one; all runs follow.
    - `failure`: the database cannot be read; the stream ends.
    """
    following = await asyncio.to_thread(_begin, last_event_id or after, frozenset(run), log, end)
    hub = hub_of(request.app)
    return EventStream(hub, following.events(hub))


def hub_of(app: FastAPI) -> Hub:
    """Return what all streams of an app share."""
    if not hasattr(app.state, "events"):
        app.state.events = Hub()
    hub: Hub = app.state.events
    return hub


def _begin(event: str, run_ids: frozenset[int], log: bool, ends: bool) -> Following:
    place = or_refused(lambda: store().news.begin(event))
    if run_ids:
        runs = [or_missing(lambda run_id=run_id: store().get_run(run_id)) for run_id in sorted(run_ids)]  # type: ignore[misc]
    else:
        runs = store().list_runs()
    return Following(place, run_ids, log, ends, {run.id for run in runs if run.is_active})


def _read(place: Place) -> Batch:
    news = store().news.after(place)
    position = {run_id: number for number, run_id in enumerate(news.queue, start=1)}
    return Batch([_told(event, position) for event in news.events], news)


def _told(event: RunEvent, position: dict[int, int]) -> Told:
    content, about = event.content, {"run": event.run_id} if event.run_id else {}
    if isinstance(content, Run):
        values = content.to_json() | {"position": position.get(content.id)}
        del values["notes"]
        return Told(event.kind, event.run_id, content.is_active, _encoded(event.kind, values, event.place))
    values = about | (asdict(content) if isinstance(content, LogLine) else content)
    return Told(event.kind, event.run_id, False, _encoded(event.kind, values, event.place))


def _encoded(kind: str, values: dict[str, Any], place: Place | None = None) -> bytes:
    """Return an event in the format of the stream; JSON in ASCII holds no line end."""
    id = f"id: {place.event}\n" if place else ""
    return f"event: {kind}\n{id}data: {json.dumps(values, allow_nan=False, separators=(',', ':'))}\n\n".encode("ascii")
