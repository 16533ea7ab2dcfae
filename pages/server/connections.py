"""Connections: how many there may be, and how long one may take to say what it wants.

A connection *waits* until the headers of its next request are complete, be it a stranger's that never completes them or that of a
browser which keeps it for later. As many as there is room for may wait; a new one takes the place of the oldest. So connections
that hang keep nobody out: a browser's waits for milliseconds. How many requests are answered at a time is `Capacity`'s subject.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

if sys.platform != "win32":
    import resource

HEADER_SECONDS = 10.0
"""Seconds from the beginning of a connection, or from its last answer, until the headers of the next request are complete."""
MOST_ROOM = 1000
OWN_FILES = 300
"""Files that the app itself may need beside its connections: 23 when idle, and those of databases, photographs and workers."""
ACCEPTED_AT_ONCE = 32
"""Connections accepted in one turn of the event loop, before any of them is counted."""
BACKLOG = 1024
"""Connections that the system holds until they are accepted."""
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def room_for_connections() -> int:
    """Raise the limit of open files as far as the system allows; return how many connections may wait, and how many be active."""
    if sys.platform == "win32":
        return MOST_ROOM
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = OWN_FILES + 2 * MOST_ROOM
    wanted = enough if hard == resource.RLIM_INFINITY else min(enough, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    files = enough if soft == resource.RLIM_INFINITY else soft
    return max(ACCEPTED_AT_ONCE, min(MOST_ROOM, (files - OWN_FILES) // 2))


class WaitingRoom:
    """The connections that wait for their browser, the longest waiting first; at most ``most`` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[Connection, asyncio.TimerHandle] = {}

    def enter(self, connection: Connection) -> None:
        """Let a connection wait for `HEADER_SECONDS`; if there is no room, the oldest is cut off."""
        if connection in self._waiting:
            return
        if len(self._waiting) >= self._most:
            oldest = next(iter(self._waiting))
            self.leave(oldest)
            oldest.transport.abort()
        self._waiting[connection] = connection.loop.call_later(HEADER_SECONDS, connection.give_up)

    def leave(self, connection: Connection) -> None:
        """Note that a connection no longer waits."""
        if timer := self._waiting.pop(connection, None):
            timer.cancel()


class Connection(H11Protocol):
    """uvicorn's connection, which waits in a room that has an end."""

    def __init__(self, *args: Any, waiting_room: WaitingRoom, **options: Any) -> None:
        super().__init__(*args, **options)
        self._room = waiting_room

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        super().connection_made(transport)
        self._room.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._room.leave(self)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        self._come_or_go()

    def handle_websocket_upgrade(self, event: Any) -> None:
        self._room.leave(self)  # the connection is now that of a websocket, which answers for itself
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._come_or_go()

    def give_up(self) -> None:
        """Cut off a browser that took too long."""
        self._room.leave(self)
        if self.transport.is_closing():
            return
        if self.cycle is None and not self.transport.get_write_buffer_size():
            self.transport.write(TOO_SLOW)
            self.transport.close()
        else:
            self.transport.abort()

    def _come_or_go(self) -> None:
        if self.transport.get_protocol() is not self or self.transport.is_closing():
            self._room.leave(self)
        elif self.cycle is None or self.cycle.response_complete:
            self._room.enter(self)
        else:
            self._room.leave(self)


class Server(uvicorn.Server):
    """uvicorn's server for an inherited socket, with the limits of this file; ``closing`` is called when it begins to stop."""

    def __init__(self, app: ASGIApp, room: int, closing: Callable[[], None] = lambda: None) -> None:
        self._closing = closing
        settings = uvicorn.Config(
            app,
            loop="asyncio",  # everywhere, also where another package has brought uvloop
            http=partial(Connection, waiting_room=WaitingRoom(room)),  # type: ignore[arg-type] # a class, as it is called
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=1,
            proxy_headers=False,  # `BelowPath` reads them
            backlog=ACCEPTED_AT_ONCE,
        )
        super().__init__(settings)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(BACKLOG)  # asyncio takes one number for this and for what it accepts at once

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # An open page holds a stream that never ends by itself; cutting it off is no error to report.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._closing()
        await super().shutdown(sockets)
