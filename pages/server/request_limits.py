"""Requests: how long their addresses may be, how large their bodies, and how long these may take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette._utils import get_route_path
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOADS = ("/predictor/gradio_api/upload", "/_stcore/upload_file/")
"""Where files are uploaded, to the predictor several at once. It and Streamlit limit each file to 200 MB themselves."""
MASKS = "/api/collections/"
"""Where masks are saved."""
MOST_MB = {"uploads": 1024, "masks": 16, "others": 1}
"""Megabytes of a body; others are forms and the JSON of a prediction. A mask of 150 megapixels, as PNG, has less than one."""
SECONDS = 10.0
"""Seconds that the whole body of a request may take, or the next part of an upload."""


LONGEST_NAME = 255
"""Bytes of a name in a path; the system has no longer ones, and fails when it is asked for a file of such a name."""
LONGEST_PATH = 2048


class Patience:
    """Waiting for bodies, for `SECONDS` each. Where as many as ``most`` are outstanding, the oldest gives way to a new one."""

    def __init__(self, most: int, seconds: float = SECONDS) -> None:
        self._most, self._seconds = most, seconds
        self._outstanding: dict[asyncio.Timeout, None] = {}

    @asynccontextmanager
    async def wait(self) -> AsyncIterator[None]:
        """Wait inside this context.

        Raises:
            TimeoutError: if it takes too long, or others need the place.
        """
        if len(self._outstanding) >= self._most:
            oldest = next(iter(self._outstanding))
            del self._outstanding[oldest]
            oldest.reschedule(asyncio.get_running_loop().time())
        async with asyncio.timeout(self._seconds) as limit:
            self._outstanding[limit] = None
            try:
                yield
            finally:
                self._outstanding.pop(limit, None)


class RequestLimits:
    """ASGI middleware that ends requests with too long an address, too large or too slow a body: 414, 413 and 408.

    Args:
        app: the application behind it.
        room: the most requests at a time; see `Capacity`.
    """

    def __init__(self, app: ASGIApp, room: int) -> None:
        self.app = app
        self.patience = Patience(room // 4)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if scope["type"] == "http" and is_too_long(scope["path"]):
            await JSONResponse({"detail": "This address is too long."}, 414)(scope, receive, send)
        elif "content-length" not in headers and "transfer-encoding" not in headers:
            await self.app(scope, receive, send)
        else:
            await self.limit(headers, scope, receive, send)

    async def limit(self, headers: Headers, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request that has a body."""
        kind = kind_of(get_route_path(scope))
        most = MOST_MB[kind] * 2**20
        if int(headers.get("content-length", 0)) > most:
            await too_large(most)(scope, receive, send)
        elif kind == "uploads":
            await self.stream(most, scope, receive, send)
        else:
            await self.collect(most, scope, receive, send)

    async def collect(self, most: int, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the whole body before the app sees the request."""
        body = bytearray()
        try:
            async with self.patience.wait():
                while (message := await receive())["type"] == "http.request":
                    body += message.get("body", b"")
                    if len(body) > most or not message.get("more_body", False):
                        break
        except TimeoutError:
            await too_slow()(scope, receive, send)
            return
        if len(body) > most:
            await too_large(most)(scope, receive, send)
        elif message["type"] == "http.request":
            whole: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

            async def replay() -> Message:
                return whole.pop() if whole else await receive()

            await self.app(scope, replay, send)

    async def stream(self, most: int, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the body on as it comes; where it becomes too much or stops, answer, and tell the app that the browser left."""
        size, more, over, answered = 0, True, False, False

        async def receive_some() -> Message:
            nonlocal size, more, over
            if over:
                return {"type": "http.disconnect"}
            try:
                async with asyncio.timeout(SECONDS if more else None):
                    message = await receive()
            except TimeoutError:
                return await end(too_slow())
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
            return await end(too_large(most)) if size > most else message

        async def end(answer: JSONResponse) -> Message:
            nonlocal over
            over = True
            if not answered:
                await answer(scope, receive, send)
            return {"type": "http.disconnect"}

        async def send_unless_over(message: Message) -> None:
            nonlocal answered
            if not over:
                answered = True
                await send(message)

        with suppress(ClientDisconnect):
            await self.app(scope, receive_some, send_unless_over)


def kind_of(path: str) -> str:
    """Return what a body that is sent to a path is, a key of `MOST_MB`."""
    return "uploads" if path.startswith(UPLOADS) else "masks" if path.startswith(MASKS) else "others"


def is_too_long(path: str) -> bool:
    """True for a path that cannot be that of a file."""
    return len(path) > LONGEST_PATH or any(len(name.encode()) > LONGEST_NAME for name in path.split("/"))


def too_large(most: int) -> JSONResponse:
    """Answer that a body has more than ``most`` bytes."""
    return JSONResponse({"detail": f"This request is too large: at most {most >> 20} MB are read here."}, 413)


def too_slow() -> JSONResponse:
    """Answer that a body did not come in time."""
    return JSONResponse({"detail": "This request was not complete in time; send it again."}, 408, {"Connection": "close"})
