"""How many requests and websockets are answered at a time, in all and for one address."""

from __future__ import annotations

from collections import Counter

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

SHARE = 4
"""One address may use a quarter of the room."""
OWN = ("127.0.0.1", "::1")
"""Addresses of this machine, behind which there may be a proxy with all visitors: they may use all of the room."""
RETRY_SECONDS = 5


class Capacity:
    """ASGI middleware that answers what is too much with 503, at once.

    Args:
        app: the application behind it.
        room: the most requests and websockets at a time.
    """

    def __init__(self, app: ASGIApp, room: int) -> None:
        self.app = app
        self.room = room
        self.active: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        address = scope["client"][0] if scope.get("client") else ""
        if self.active.total() >= self.room:
            await busy(scope, "LesionLab serves as many visitors as it can")(scope, receive, send)
        elif address not in OWN and self.active[address] >= self.room // SHARE:
            await busy(scope, f"{address} has as many requests open as one address may")(scope, receive, send)
        else:
            self.active[address] += 1
            try:
                await self.app(scope, receive, send)
            finally:
                self.active[address] -= 1
                if not self.active[address]:
                    del self.active[address]


def busy(scope: Scope, why: str) -> Response:
    """Say when to come again: to a person as text, to a script as JSON."""
    detail = f"{why}; try again in {RETRY_SECONDS} s."
    headers = {"Retry-After": str(RETRY_SECONDS), "Connection": "close"}
    if "text/html" in Headers(scope=scope).get("accept", ""):
        return PlainTextResponse(detail, 503, headers)
    return JSONResponse({"detail": detail}, 503, headers)
