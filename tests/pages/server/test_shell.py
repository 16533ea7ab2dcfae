"""What stands in front of Streamlit's own server; its page in a real browser: tests/browser/test_host.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit
from starlette.routing import Router, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.utils import ClientDisconnected

from pages.server.shell import Shell
from tests.helpers import in_a_loop

SCOPE = {"type": "websocket", "path": "/_stcore/stream", "headers": [], "query_string": b"", "subprotocols": []}


def test_a_visitor_who_leaves_while_something_is_sent_has_just_left() -> None:
    seen = []

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            await websocket.send_bytes(b"a page")
            await websocket.receive_bytes()
        except WebSocketDisconnect as left:
            seen.append(left.code)

    what_comes: Iterator[Message] = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1001}])
    sent = []

    async def receive() -> Message:
        return next(what_comes)

    async def send(message: Message) -> None:
        sent.append(message["type"])
        if message["type"] == "websocket.send":
            raise ClientDisconnected  # as uvicorn does

    router = Router([WebSocketRoute("/_stcore/stream", endpoint)])
    in_a_loop(Shell(router, Path(streamlit.__file__).parent / "static" / "index.html")(dict(SCOPE), receive, send))
    assert seen == [1001]  # from `receive`, not 1006 from `send`, after which Streamlit fails
    assert sent == ["websocket.accept", "websocket.send"]


def test_other_faults_of_sending_are_not_hidden() -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        raise RuntimeError(f"not now: {message['type']}")

    router = Router([WebSocketRoute("/_stcore/stream", endpoint)])
    with pytest.raises(RuntimeError, match=r"not now: websocket\.accept"):
        in_a_loop(Shell(router, Path(streamlit.__file__).parent / "static" / "index.html")(dict(SCOPE), receive, send))
