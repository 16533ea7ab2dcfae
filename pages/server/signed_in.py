"""A visitor who is signed in: the session, and the websockets and answers that are open in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Send

from pages.server.accounts import Account


@dataclass(frozen=True)
class Session:
    """The session of a visitor who is signed in."""

    account: Account
    name: str
    cookie: str

    @property
    def has_ended(self) -> bool:
        """True once its cookie has expired, or the visitor has signed out, in this process or another one."""
        return self.account.sessions.check(self.cookie) is None


class GuardedSocket:
    """A websocket that is open; once it is closed here, what the app still sends is dropped."""

    def __init__(self, session: Session, receive: Receive, send: Send) -> None:
        self._session = session
        self._receive, self._send = receive, send
        self._closed = False

    async def receive(self) -> Message:
        """Return what the visitor sends, while the session lasts."""
        message = await self._receive()
        if message["type"] == "websocket.receive" and self._session.has_ended:
            await self.close()
            return {"type": "websocket.disconnect", "code": 1008}
        return message

    async def send(self, message: Message) -> None:
        """Pass a message on while the websocket is open."""
        if not self._closed:
            await self._send(message)

    async def close(self) -> None:
        """Close the websocket; the app then notices that its visitor has left."""
        await self.send({"type": "websocket.close", "code": 1008})
        self._closed = True


class GuardedAnswer:
    """An answer that may go on for hours, such as a stream of events, and ends with the right to read it.

    One whose length was announced is sent to its end: it cannot end before, and a file that was asked for in time may be read.

    Args:
        may_read: asked before each part of the answer but the last.
        send: to the visitor.
    """

    def __init__(self, may_read: Callable[[], bool], send: Send) -> None:
        self._may_read, self._send = may_read, send
        self._has_end = False

    async def send(self, message: Message) -> None:
        """Pass on a part of the answer.

        Raises:
            ClientDisconnect: if it ends here, which tells the app that nobody reads it any more.
        """
        if message["type"] == "http.response.start":
            self._has_end = "content-length" in Headers(raw=message["headers"])
        goes_on = message["type"] == "http.response.body" and message.get("more_body") and not self._has_end
        if goes_on and not self._may_read():
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            raise ClientDisconnect
        await self._send(message)
