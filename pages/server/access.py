"""Who may come in: one ASGI middleware in front of pages, websockets, Gradio's queue, API and files.

Always, so that another web page open in the same browser cannot use the app behind its user's back:
    a request whose Origin is not the app itself is refused, and without a password so is any host name but localhost
    and bare addresses (a name could have been rebound to this machine). Nor may it show the app in a frame of its own.
With a password: a browser signs in at /sign-in and carries a signed cookie, a script sends HTTP Basic (any user name).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import math
from collections import defaultdict
from ipaddress import ip_address
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from pages.server.sessions import SESSION_SECONDS, Guesses, Sessions
from pages.server.sign_in import sign_in_page

WRONG_PASSWORD_DELAY = 0.3
LONGEST_FORM = 4096


class AccessGuard:
    """The middleware.

    Args:
        app: what it guards.
        password: what visitors must give; empty lets in everyone who can reach the port.
        key: signs the session cookies; see `pages.server.sessions.signing_key`.
    """

    def __init__(self, app: ASGIApp, password: str = "", key: bytes = b"") -> None:
        self.app = app
        self.password = password
        self.sessions = Sessions(key)
        self.guesses = Guesses()
        self.sockets: defaultdict[str, set[GuardedSocket]] = defaultdict(set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers, send = Headers(scope=scope), in_own_frames(send)
        if problem := foreign(headers, named_hosts=bool(self.password)):
            await refuse(scope, receive, send, JSONResponse({"detail": problem}, 403))
        elif not self.password:
            await self.app(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] in ("/sign-in", "/sign-out"):
            answer = await (self.sign_in if scope["path"] == "/sign-in" else self.sign_out)(scope, receive)
            await answer(scope, receive, send)
        elif session := self.session(scope):
            await self.let_in(session, scope, receive, send)
        elif "authorization" in headers:
            refusal = await self.basic(scope, headers["authorization"])
            await (refuse(scope, receive, send, refusal) if refusal else self.app(scope, receive, send))
        else:
            await refuse(scope, receive, send, ask(scope, headers))

    def session(self, scope: Scope) -> str | None:
        """The name of the session that this request belongs to."""
        cookies = cookie_parser(Headers(scope=scope).get("cookie", ""))
        return self.sessions.check(cookies.get(cookie_name(scope), ""))

    async def let_in(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a signed-in request on; a websocket is remembered, so that signing out can close it."""
        if scope["type"] == "http":
            await self.app(scope, receive, send)
            return
        socket = GuardedSocket(send)
        self.sockets[session].add(socket)
        try:
            await self.app(scope, receive, socket.send)
        finally:
            self.sockets[session].discard(socket)
            if not self.sockets[session]:
                del self.sockets[session]

    async def sign_in(self, scope: Scope, receive: Receive) -> Response:
        """Show the form, or judge what was typed into it."""
        if scope["method"] != "POST":
            target = local_path(parse_qs(scope["query_string"].decode("latin-1")).get("next", [""])[0])
            return RedirectResponse(target, 303) if self.session(scope) else sign_in_page(target)
        form = await read_form(receive)
        target = local_path(form.get("next", ""))
        if problem := await self.judge(scope, form.get("password", "")):
            return sign_in_page(target, problem, 429 if problem.startswith("Too many") else 401)
        answer = RedirectResponse(target, 303)
        cookie, secure = self.sessions.begin(), scope["scheme"] == "https"
        answer.set_cookie(cookie_name(scope), cookie, SESSION_SECONDS, httponly=True, samesite="lax", secure=secure)
        return answer

    async def sign_out(self, scope: Scope, receive: Receive) -> Response:
        """End the session everywhere: its cookie, and every websocket that is open under it."""
        if Headers(scope=scope).get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return JSONResponse({"detail": "Another site cannot sign you out."}, 403)
        if session := self.session(scope):
            self.sessions.end(session)
            for socket in list(self.sockets.get(session, ())):
                await socket.close()
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(cookie_name(scope))
        return answer

    async def basic(self, scope: Scope, authorization: str) -> Response | None:
        """What HTTP Basic earns: nothing said when the password is right, else the refusal."""
        kind, _, code = authorization.partition(" ")
        try:
            given = base64.b64decode(code, validate=True).decode() if kind.lower() == "basic" else ""
        except (binascii.Error, UnicodeDecodeError):
            given = ""
        problem = await self.judge(scope, given.partition(":")[2])
        return JSONResponse({"detail": problem}, 429 if problem.startswith("Too many") else 401) if problem else None

    async def judge(self, scope: Scope, given: str) -> str:
        """Compare a password with the right one; gives one sentence about what is wrong, or nothing."""
        address = scope["client"][0] if scope.get("client") else ""
        if wait := self.guesses.wait(address):
            return f"Too many wrong passwords; try again in {math.ceil(wait)} s."
        # Digests, so that the time taken says nothing about the length either.
        if hmac.compare_digest(digest(given), digest(self.password)):
            self.guesses.right(address)
            return ""
        self.guesses.wrong(address)
        await asyncio.sleep(WRONG_PASSWORD_DELAY)
        return "That is not the password."


class GuardedSocket:
    """One open websocket's way out to its browser; once closed by us, what the app still sends is dropped."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._closed = False

    async def send(self, message: Message) -> None:
        """Pass a message on while the websocket is open."""
        if not self._closed:
            await self._send(message)

    async def close(self) -> None:
        """Close the websocket; the app then hears that its visitor has left."""
        await self.send({"type": "websocket.close", "code": 1008})
        self._closed = True


def in_own_frames(send: Send) -> Send:
    """Tell the browser with every answer that no other site may show it in a frame, where clicks would be its visitor's."""

    async def send_with_policy(message: Message) -> None:
        if message["type"] == "http.response.start":
            policy = (b"content-security-policy", b"frame-ancestors 'self'")
            message = {**message, "headers": [*message.get("headers", ()), policy]}
        await send(message)

    return send_with_policy


def foreign(headers: Headers, named_hosts: bool) -> str:
    """One sentence about a request that another site made or may have made; empty for one of our own."""
    host, origin = headers.get("host", ""), headers.get("origin")
    try:
        name = urlsplit(f"//{host}").hostname or ""
        from_elsewhere = origin is not None and urlsplit(origin).netloc != host
    except ValueError:
        return "The headers Host and Origin of this request make no sense."
    if not named_hosts and name != "localhost" and not is_address(name):
        return "Without a password the app answers only to localhost or an IP address; set LESIONLAB_PASSWORD to use a host name."
    return "This request comes from another site." if from_elsewhere else ""


def is_address(name: str) -> bool:
    """Whether a host name is an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def ask(scope: Scope, headers: Headers) -> Response:
    """What a stranger gets: a person the sign-in page, a script 401."""
    if scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
        target = scope["path"] + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
        return RedirectResponse(f"/sign-in?next={quote(target)}" if target != "/" else "/sign-in", 303)
    # A page asks in the background; its browser would answer a challenge with a window of its own, over that page.
    if "sec-fetch-mode" in headers:
        return JSONResponse({"detail": "Signed out; reload this page."}, 401)
    challenge = {"WWW-Authenticate": 'Basic realm="LesionLab", charset="UTF-8"'}
    return JSONResponse({"detail": "Sign in first: open /sign-in, or send the password as HTTP Basic."}, 401, challenge)


async def refuse(scope: Scope, receive: Receive, send: Send, answer: Response) -> None:
    """Answer a request, or close a websocket before it opens."""
    await (answer if scope["type"] == "http" else WebSocketClose(code=1008))(scope, receive, send)


async def read_form(receive: Receive) -> dict[str, str]:
    """The fields of a posted form; more than a form of ours can hold is not read."""
    body = b""
    more = True
    while more and len(body) <= LONGEST_FORM:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return {name: values[0] for name, values in parse_qs(body.decode("latin-1")).items()}


def local_path(target: str) -> str:
    """Where to go after signing in: a path of this app and nothing else."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable() else "/"


def cookie_name(scope: Scope) -> str:
    """Names the port, because browsers share cookies between all ports of a host."""
    return f"lesionlab_{scope['server'][1] if scope.get('server') else 0}"


def digest(text: str) -> bytes:
    """A fixed-length stand-in for a password."""
    return hmac.digest(b"LesionLab", text.encode(), "sha256")
