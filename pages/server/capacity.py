"""How many requests and websockets are answered at a time, in all and for one address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

SHARE = 4
"""One address may use a quarter of the room."""
OWN = ("127.0.0.1", "::1")
"""Addresses of this machine, behind which there may be a proxy with all visitors: they may use all of the room."""
RETRY_SECONDS = 5


class Places:
    """A number of places, for something that visitors hold open.

    Args:
        most: how many there are.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken: Counter[str] = Counter()

    def is_full(self) -> bool:
        """True if all places are taken."""
        return self.taken.total() >= self.most

    def has_its_share(self, address: str) -> bool:
        """True if an address has as many places as one may."""
        return address not in OWN and self.taken[address] >= self.most // SHARE

    @contextmanager
    def take(self, address: str) -> Iterator[None]:
        """Take a place for the time of the block."""
        self.taken[address] += 1
        try:
            yield
        finally:
            self.taken[address] -= 1
            if not self.taken[address]:
                del self.taken[address]


class Capacity:
    """ASGI middleware that answers what is too much with 503, at once.

    Args:
        app: the application behind it.
        room: the most requests and websockets at a time.
    """

    def __init__(self, app: ASGIApp, room: int) -> None:
        self.app = app
        self.places = Places(room)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        address = scope["client"][0] if scope.get("client") else ""
        if self.places.is_full():
            await busy(scope, "LesionLab serves as many visitors as it can")(scope, receive, send)
        elif self.places.has_its_share(address):
            await busy(scope, f"{address} has as many requests open as one address may")(scope, receive, send)
        else:
            with self.places.take(address):
                await self.app(scope, receive, send)


def busy(scope: Scope, why: str) -> Response:
    """Say when to come again: to a person as text, to a script as JSON."""
    detail = f"{why}; try again in {RETRY_SECONDS} s."
    headers = {"Retry-After": str(RETRY_SECONDS), "Connection": "close"}
    if "text/html" in Headers(scope=scope).get("accept", ""):
        return PlainTextResponse(detail, 503, headers)
    return JSONResponse({"detail": detail}, 503, headers)
