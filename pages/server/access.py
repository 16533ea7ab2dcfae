"""The access guard: one ASGI middleware in front of pages, websockets, Gradio's queue, API and files.

It always protects against other web pages in the same browser, which could use the app without its user's knowledge: a request
that another site makes is refused, unless it is a link to a page (`pages.server.headers` keeps the answers from other sites).
Without a password, so is a request for any host name but localhost, since a name could have been rebound to this machine; bare
IP addresses are served.

With a password, a browser signs in at /sign-in and carries a signed cookie; a script sends HTTP Basic with any user name. Who
signs in with the password of viewers may change nothing: the guard refuses what the API would change, and tells the pages.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import logging
import math
from collections import defaultdict
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import parse_qs, quote, urlsplit

from starlette._utils import get_route_path
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from pages.server.accounts import Account
from pages.server.health import GUEST
from pages.server.request_limits import Patience, too_slow
from pages.server.sessions import SESSION_SECONDS, Guesses
from pages.server.settings import DEFAULTS
from pages.server.sign_in import sign_in_page
from pages.server.signed_in import GuardedSocket, Session
from pages.shared.visitor import ROLE, VIEWERS_CHANGE_NOTHING

WRONG_PASSWORD_DELAY = 0.3
LONGEST_FORM = 4096
ELSEWHERE = "This request comes from another site."


class AccessGuard:
    """ASGI middleware that passes on only the requests of visitors who may use the app.

    Args:
        app: the application behind it.
        accounts: who may sign in; if there are none, everyone who can reach the port is let in.
        room: the most requests at a time; see `Capacity`.
    """

    def __init__(self, app: ASGIApp, accounts: Sequence[Account] = (), room: int = DEFAULTS.room) -> None:
        self.app = app
        self.accounts = accounts
        self.guesses = Guesses()
        self.patience = Patience(room // 4)
        self.warned = False
        self.sockets: defaultdict[str, set[GuardedSocket]] = defaultdict(set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), get_route_path(scope)
        if problem := foreign(headers, named_hosts=bool(self.accounts)):
            if scope["type"] == "websocket" and problem == ELSEWHERE:
                self.warn_of_host(headers)
            await refuse(scope, receive, send, JSONResponse({"detail": problem}, 403))
        elif not self.accounts:
            await self.app(scope, receive, send)
        elif scope["type"] == "http" and path in ("/sign-in", "/sign-out"):
            answer = await (self.sign_in if path == "/sign-in" else self.sign_out)(scope, receive)
            await answer(scope, receive, send)
        elif session := self.session(scope):
            await self.let_in(session, scope, receive, send)
        elif "authorization" in headers:
            account = await self.basic(scope, headers["authorization"])
            if isinstance(account, Account):
                await self.pass_on(account, scope, receive, send)
            else:
                await refuse(scope, receive, send, account)
        elif path == "/api/health":
            await self.app({**scope, GUEST: True}, receive, send)
        else:
            await refuse(scope, receive, send, ask_to_sign_in(scope, headers))

    def warn_of_host(self, headers: Headers) -> None:
        """Say once on the terminal why pages stay empty: most often a reverse proxy that does not pass on the header Host."""
        if not self.warned:
            self.warned = True
            logging.getLogger(__name__).warning(
                "A page at %r was refused, since its requests arrive for %r. If that is a reverse proxy of yours, "
                "let it pass on the header Host; the README shows how.",
                headers.get("origin"),
                headers.get("host"),
            )

    def session(self, scope: Scope) -> Session | None:
        """Return the session that a request belongs to, if any."""
        cookie = cookie_parser(Headers(scope=scope).get("cookie", "")).get(cookie_name(scope), "")
        for account in self.accounts:
            if name := account.sessions.check(cookie):
                return Session(account, name, cookie)
        return None

    async def pass_on(self, account: Account, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a visitor's request and tell everything behind this who it is; refuse a viewer's that changes something."""
        if account.role == "viewer" and scope["type"] == "http" and changes_something(scope):
            await JSONResponse({"detail": VIEWERS_CHANGE_NOTHING}, 403)(scope, receive, send)
            return
        others = [(name, value) for name, value in scope["headers"] if name != ROLE.encode()]
        scope = {**scope, "headers": [*others, (ROLE.encode(), account.role.encode())]}
        await self.app(scope, receive, send)

    async def let_in(self, session: Session, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request of a signed-in visitor; websockets are remembered, so that signing out can close them."""
        if scope["type"] == "http":
            await self.pass_on(session.account, scope, receive, send)
            return
        socket = GuardedSocket(session, receive, send)
        self.sockets[session.name].add(socket)
        try:
            await self.pass_on(session.account, scope, socket.receive, socket.send)
        finally:
            self.sockets[session.name].discard(socket)
            if not self.sockets[session.name]:
                del self.sockets[session.name]

    async def sign_in(self, scope: Scope, receive: Receive) -> Response:
        """Show the form, or check the password typed into it."""
        base = base_of(scope)
        if scope["method"] != "POST":
            target = local_path(parse_qs(scope["query_string"].decode("latin-1")).get("next", [""])[0], base)
            return RedirectResponse(target, 303) if self.session(scope) else sign_in_page(base, target)
        try:
            async with self.patience.wait():
                form = await read_form(receive)
        except (TimeoutError, ClientDisconnect):  # no password was given, so none was wrong
            return too_slow()
        target = local_path(form.get("next", ""), base)
        account = await self.check(scope, form.get("password", ""))
        if isinstance(account, str):
            return sign_in_page(base, target, account, 429 if account.startswith("Too many") else 401)
        answer = RedirectResponse(target, 303)
        cookie, secure = account.sessions.begin(), scope["scheme"] == "https"
        answer.set_cookie(cookie_name(scope), cookie, SESSION_SECONDS, httponly=True, samesite="lax", secure=secure)
        return answer

    async def sign_out(self, scope: Scope, receive: Receive) -> Response:
        """End the session everywhere: its cookie, and every websocket that is open under it."""
        if Headers(scope=scope).get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return JSONResponse({"detail": "Another site cannot sign you out."}, 403)
        if session := self.session(scope):
            session.account.sessions.end(session.name)
            for socket in list(self.sockets.get(session.name, ())):
                await socket.close()
        answer = RedirectResponse(f"{base_of(scope)}/sign-in", 303)
        answer.delete_cookie(cookie_name(scope))
        return answer

    async def basic(self, scope: Scope, authorization: str) -> Account | Response:
        """Return whose password HTTP Basic has, or the refusal."""
        kind, _, code = authorization.partition(" ")
        try:
            given = base64.b64decode(code, validate=True).decode() if kind.lower() == "basic" else ""
        except (binascii.Error, UnicodeDecodeError):
            given = ""
        account = await self.check(scope, given.partition(":")[2])
        if isinstance(account, Account):
            return account
        return JSONResponse({"detail": account}, 429 if account.startswith("Too many") else 401)

    async def check(self, scope: Scope, given: str) -> Account | str:
        """Return whose password was given, or the problem in a sentence."""
        address = scope["client"][0] if scope.get("client") else ""
        if wait := self.guesses.wait(address):
            return f"Too many wrong passwords; try again in {math.ceil(wait)} s."
        # Digests, so that the time taken says nothing about the length either.
        matching = [each for each in self.accounts if hmac.compare_digest(digest(given), digest(each.password))]
        if matching:
            self.guesses.right(address)
            return matching[0]
        self.guesses.wrong(address)
        await asyncio.sleep(WRONG_PASSWORD_DELAY)
        return "That is not the password."


def changes_something(scope: Scope) -> bool:
    """True for a request that the API changes something by. The predictor's only predict, and pages have a gate of their own."""
    return get_route_path(scope).startswith("/api/") and scope["method"] not in ("GET", "HEAD", "OPTIONS")


def foreign(headers: Headers, named_hosts: bool) -> str:
    """Return a sentence if another site made, or may have made, a request; empty for one of our own."""
    host, origin = headers.get("host", ""), headers.get("origin")
    try:
        name = urlsplit(f"//{host}").hostname or ""
        from_elsewhere = origin is not None and urlsplit(origin).netloc != host
    except ValueError:
        return "The Host or Origin header of this request is malformed."
    if not named_hosts and name != "localhost" and not is_address(name):
        return "Without a password the app answers only to localhost or an IP address; set LESIONLAB_PASSWORD to use a host name."
    return ELSEWHERE if from_elsewhere or is_embedded(headers) else ""


def is_embedded(headers: Headers) -> bool:
    """True if a page of another site uses what is asked for, such as a photograph in an <img>; a link to a page is not that."""
    is_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return headers.get("sec-fetch-site") in ("cross-site", "same-site") and not is_link


def is_address(name: str) -> bool:
    """True if a host name is an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def ask_to_sign_in(scope: Scope, headers: Headers) -> Response:
    """Ask a visitor to sign in: a person gets the sign-in page, a script gets 401."""
    if scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
        base, query = base_of(scope), scope["query_string"].decode("latin-1")
        target = scope["path"] + (f"?{query}" if query else "")
        return RedirectResponse(f"{base}/sign-in?next={quote(target)}" if target != f"{base}/" else f"{base}/sign-in", 303)
    # For a request that a page makes in the background, the browser would answer a challenge with a dialog over that page.
    if "sec-fetch-mode" in headers:
        return JSONResponse({"detail": "Signed out; reload this page."}, 401)
    challenge = {"WWW-Authenticate": 'Basic realm="LesionLab", charset="UTF-8"'}
    return JSONResponse({"detail": "Sign in first: open /sign-in, or send the password as HTTP Basic."}, 401, challenge)


async def refuse(scope: Scope, receive: Receive, send: Send, answer: Response) -> None:
    """Answer a request with a refusal, or close a websocket before it opens."""
    await (answer if scope["type"] == "http" else WebSocketClose(code=1008))(scope, receive, send)


async def read_form(receive: Receive) -> dict[str, str]:
    """Return the fields of a posted form, of which at most about ``LONGEST_FORM`` bytes are read.

    Raises:
        ClientDisconnect: if the browser leaves before the form is complete.
    """
    body = b""
    more = True
    while more and len(body) <= LONGEST_FORM:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return {name: values[0] for name, values in parse_qs(body.decode("latin-1")).items()}


def base_of(scope: Scope) -> str:
    """Return the path that the app stands below, such as ``/lesionlab``; empty for none."""
    return str(scope.get("root_path", ""))


def local_path(target: str, base: str) -> str:
    """Return where to go after signing in: the path asked for if it is one of this app, else its first page."""
    ours = target.startswith(f"{base}/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if ours else f"{base}/"


def cookie_name(scope: Scope) -> str:
    """Return the name of the session cookie. It contains the port, as browsers share cookies between all ports of a host."""
    return f"lesionlab_{scope['server'][1] if scope.get('server') else 0}"


def digest(text: str) -> bytes:
    """Return a digest of fixed length, to compare passwords by."""
    return hmac.digest(b"LesionLab", text.encode(), "sha256")
