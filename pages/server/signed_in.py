"""A visitor who is signed in: the session, and the websockets that are open in it."""

from __future__ import annotations

from dataclasses import dataclass

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
