"""The limits on connections, requests, bodies and output, in front of a tiny app on a real port."""

from __future__ import annotations

import asyncio
import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from pages.server import connections, request_limits
from pages.server.capacity import Capacity
from pages.server.connections import Server
from pages.server.request_limits import RequestLimits
from pages.server.terminal import BURST, PER_SECOND, BoundedStream
from tests.helpers import wait_until

ROOM = 8
UPLOAD = "/predictor/gradio_api/upload"
WEBSOCKET = (
    "GET /wait HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class TinyApp:
    """Answers with the length of the body; at /wait, not before it is told to go on."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                pass
        elif scope["type"] == "http":
            if scope["path"] == "/wait":
                await self.go_on.wait()
            length = sum([len(part) async for part in Request(scope, receive).stream()])
            await PlainTextResponse(f"{length}")(scope, receive, send)
        else:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})


class From:
    """Gives every request the client's address of its header X-From, if there is one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if named := dict(scope.get("headers", ())).get(b"x-from"):
            scope["client"] = (named.decode(), 1)
        await self.app(scope, receive, send)


@pytest.fixture
def tiny() -> TinyApp:
    return TinyApp()


@pytest.fixture
def port(tiny: TinyApp, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The port of a server with room for eight requests, which waits half a second for headers and bodies."""
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.5)
    monkeypatch.setattr(request_limits, "SECONDS", 0.5)
    monkeypatch.setitem(request_limits.MOST_MB, "uploads", 2)
    limited = RequestLimits(tiny, ROOM)
    limited.patience = request_limits.Patience(ROOM // 4, 0.5)
    server = Server(From(Capacity(limited, ROOM)), ROOM)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=[[listener]])
    thread.start()
    wait_until(lambda: server.started, what="the server has started")
    yield int(listener.getsockname()[1])
    server.should_exit = True
    thread.join(10)


def say(port: int, text: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    connection.sendall(text.encode())
    return connection


def status(connection: socket.socket) -> int:
    """Return the status that a connection is answered with; 0 if it is cut off."""
    with contextlib.suppress(ConnectionError):
        return int(connection.recv(4096)[9:12] or 0)
    return 0


def ask(port: int, path: str = "/", **options: object) -> httpx.Response:
    method = "POST" if "content" in options else "GET"
    return httpx.request(method, f"http://127.0.0.1:{port}{path}", timeout=10, **options)  # type: ignore[arg-type]


# Connections


def test_headers_that_drip_get_408(port: int) -> None:
    begin = time.monotonic()
    with say(port, "GET / HTTP/1.1\r\nX: ") as slow:
        slow.settimeout(0.1)
        answer = b""
        while not answer:
            slow.sendall(b"a")
            with contextlib.suppress(TimeoutError):
                answer = slow.recv(100)
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert 0.4 < time.monotonic() - begin < 3


def test_an_answered_connection_that_drips_is_cut_off(port: int) -> None:
    with say(port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") as kept:
        assert status(kept) == 200
        kept.sendall(b"GET")
        assert status(kept) == 0


def test_the_one_that_waits_longest_gives_way(port: int) -> None:
    with contextlib.ExitStack() as stack:
        waiting = [stack.enter_context(say(port, "GET ")) for _ in range(ROOM + 1)]
        assert status(waiting[0]) == 0
        waiting[1].sendall(b"/ HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status(waiting[1]) == 200


# Requests at a time


def test_a_full_app_answers_503_at_once_and_serves_when_there_is_room(port: int, tiny: TinyApp) -> None:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(say(port, WEBSOCKET)) for _ in range(ROOM)]
        assert [status(each) for each in sockets] == [101] * ROOM
        answer = ask(port)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json() == {"detail": "LesionLab serves as many visitors as it can; try again in 5 s."}
        assert ask(port, headers={"accept": "text/html"}).text == "LesionLab serves as many visitors as it can; try again in 5 s."
        with say(port, WEBSOCKET) as one_more:
            assert status(one_more) == 503
    wait_until(lambda: ask(port).status_code == 200, 5)


def test_one_address_uses_a_quarter_of_the_room(port: int) -> None:
    with contextlib.ExitStack() as stack:
        from_there = WEBSOCKET.replace("Host: x", "Host: x\r\nX-From: 192.0.2.7")
        sockets = [stack.enter_context(say(port, from_there)) for _ in range(ROOM // 4)]
        assert [status(each) for each in sockets] == [101] * 2
        refused = ask(port, headers={"x-from": "192.0.2.7"})
        assert refused.status_code == 503
        assert refused.json() == {"detail": "192.0.2.7 has as many requests open as one address may; try again in 5 s."}
        assert ask(port, headers={"x-from": "192.0.2.8"}).status_code == 200


# Bodies


def chunks(megabytes: int) -> Iterator[bytes]:
    """A body that does not say how long it is."""
    yield from [b"x" * 2**20] * megabytes


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        ("/", lambda: b"x" * 2**20, (200, "1048576")),
        ("/", lambda: b"x" * (2**20 + 1), (413, '{"detail":"This request is too large: at most 1 MB are read here."}')),
        ("/", lambda: chunks(1), (200, "1048576")),
        ("/", lambda: chunks(2), (413, '{"detail":"This request is too large: at most 1 MB are read here."}')),
        (UPLOAD, lambda: b"x" * 2**21, (200, "2097152")),
        (UPLOAD, lambda: b"x" * (2**21 + 1), (413, '{"detail":"This request is too large: at most 2 MB are read here."}')),
        (UPLOAD, lambda: chunks(2), (200, "2097152")),
        (UPLOAD, lambda: chunks(3), (413, '{"detail":"This request is too large: at most 2 MB are read here."}')),
        ("/_stcore/upload_file/a/b", lambda: chunks(2), (200, "2097152")),
    ],
)
def test_a_body_has_a_limit(port: int, path: str, body: Callable[[], object], answer: tuple[int, str]) -> None:
    got = ask(port, path, content=body())
    assert (got.status_code, got.text) == answer


@pytest.mark.parametrize("path", ["/", UPLOAD])
def test_a_body_that_stops_gets_408(port: int, path: str) -> None:
    with say(port, f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc") as slow:
        assert status(slow) == 408


def test_the_body_that_is_awaited_longest_gives_way(port: int) -> None:
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(say(port, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na")) for _ in range(2)]
        slow.append(stack.enter_context(say(port, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na")))
        begin = time.monotonic()
        assert status(slow[0]) == 408
        assert time.monotonic() - begin < 0.4
        slow[2].sendall(b"bc")
        assert status(slow[2]) == 200


@pytest.mark.parametrize("path", ["/assets/" + "a" * 256 + ".svg", "/" + "%C3%BC" * 128, "/a" * 1025])
def test_an_address_has_a_limit(port: int, path: str) -> None:
    answer = ask(port, path)
    assert (answer.status_code, answer.text) == (414, '{"detail":"This address is too long."}')
    assert ask(port, path[: len(path) // 6 * 5]).status_code == 200


# Output


def test_a_signal_that_comes_while_something_is_printed_may_print_too() -> None:
    class Interrupted(io.StringIO):
        def write(self, text: str) -> int:
            if text == "first":
                stream.write("second, ")
            return super().write(text)

    file = Interrupted()
    stream = BoundedStream(file)
    stream.write("first")
    assert file.getvalue() == "second, first"


def test_what_is_printed_too_fast_is_left_out_and_counted() -> None:
    now, file = 0.0, io.StringIO()
    stream = BoundedStream(file, lambda: now)
    for _ in range(1000):
        assert stream.write("x" * 1023 + "\n") == 1024
    assert len(file.getvalue()) == BURST
    now = BURST / 16 / PER_SECOND
    stream.write("later\n")
    left_out = 1000 * 1024 - BURST
    assert file.getvalue()[BURST:] == f"\n… {left_out} characters left out: too much at once.\nlater\n"
