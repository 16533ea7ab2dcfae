"""The access guard: one ASGI middleware in front of pages, websockets, Gradio's queue, API and files.

It always protects against other web pages in the same browser, which could use the app without its user's knowledge: a request
that another site makes is refused, unless it is a link to a page (`pages.server.headers` keeps the answers from other sites).
Without a password, so is a request for any host name but localhost, since a name could have been rebound to this machine; bare
IP addresses are served.

With a password, a browser signs in at /sign-in and carries a signed cookie; a script sends a token, or HTTP Basic with any user
name. Who comes with the password or a token of viewers may change nothing: the guard refuses what the API would change, and tells
the pages. No browser adds a token by itself, so a request with one is nobody else's, whatever site it comes from.
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
from contextlib import suppress
from urllib.parse import parse_qs, quote

from starlette._utils import get_route_path
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, cookie_parser
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from pages.server.accounts import Account
from pages.server.health import GUEST
from pages.server.other_sites import ELSEWHERE, foreign
from pages.server.request_limits import Patience, too_slow
from pages.server.sessions import SESSION_SECONDS, Guesses
from pages.server.settings import DEFAULTS
from pages.server.sign_in import read_form, sign_in_page
from pages.server.signed_in import GuardedAnswer, GuardedSocket, Session
from pages.shared.visitor import ROLE, VIEWERS_CHANGE_NOTHING
from seg_core.common.tokens import Role, Tokens

WRONG_PASSWORD_DELAY = 0.3
FOR_TOKENS = ("/api/", "/predictor/")
"""What tokens open; pages are for people, who sign in."""
NO_TOKEN = "That is no token of this app, or it was removed; `lesionlab token list` names those there are."
NOT_FOR_TOKENS = "A token opens /api/ and /predictor/; to see the pages, sign in with the password."


class AccessGuard:
    """ASGI middleware that passes on only the requests of visitors who may use the app.

    Args:
        app: the application behind it.
        accounts: who may sign in; if there are none, everyone who can reach the port is let in.
        room: the most requests at a time; see `Capacity`.
        tokens: those of scripts.
    """

    def __init__(
        self, app: ASGIApp, accounts: Sequence[Account] = (), room: int = DEFAULTS.room, tokens: Tokens | None = None
    ) -> None:
        self.app = app
        self.accounts = accounts
        self.tokens = tokens
        self.guesses = Guesses()
        self.patience = Patience(room // 4)
        self.warned = False
        self.sockets: defaultdict[str, set[GuardedSocket]] = defaultdict(set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers, path = Headers(scope=scope), get_route_path(scope)
        token = bearer(headers) if self.accounts else None
        problem = foreign(headers, named_hosts=bool(self.accounts))
        if problem and not (token is not None and problem == ELSEWHERE):
            if scope["type"] == "websocket" and problem == ELSEWHERE:
                self.warn_of_host(headers)
            await refuse(scope, receive, send, JSONResponse({"detail": problem}, 403))
        elif not self.accounts:
            await self.app(scope, receive, send)
        elif scope["type"] == "http" and path in ("/sign-in", "/sign-out"):
            answer = await (self.sign_in if path == "/sign-in" else self.sign_out)(scope, receive)
            await answer(scope, receive, send)
        elif token is not None:
            await self.by_token(token, scope, receive, send)
        elif session := self.session(scope):
            await self.let_in(session, scope, receive, send)
        elif "authorization" in headers:
            account = await self.basic(scope, headers["authorization"])
            if isinstance(account, Account):
                await self.pass_on(account.role, scope, receive, send)
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

    async def pass_on(self, role: Role, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a visitor's request and tell everything behind this who it is; refuse a viewer's that changes something."""
        if role == "viewer" and scope["type"] == "http" and changes_something(scope):
            await JSONResponse({"detail": VIEWERS_CHANGE_NOTHING}, 403)(scope, receive, send)
            return
        others = [(name, value) for name, value in scope["headers"] if name != ROLE.encode()]
        scope = {**scope, "headers": [*others, (ROLE.encode(), role.encode())]}
        await self.app(scope, receive, send)

    async def let_in(self, session: Session, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request of a signed-in visitor; websockets are remembered, so that signing out can close them."""
        if scope["type"] == "http":
            with suppress(ClientDisconnect):
                answer = GuardedAnswer(lambda: not session.has_ended, send)
                await self.pass_on(session.account.role, scope, receive, answer.send)
            return
        socket = GuardedSocket(session, receive, send)
        self.sockets[session.name].add(socket)
        try:
            await self.pass_on(session.account.role, scope, socket.receive, socket.send)
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

    async def by_token(self, given: str, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on the request of a script, and end its answer where its token is removed meanwhile.

        A right token is let in whatever was guessed from its address, and says nothing about guesses of the password there.
        """
        tokens = self.tokens
        if tokens is None or (token := tokens.find(given)) is None:
            problem = await self.wrong(scope, NO_TOKEN)
            status = 401 if problem == NO_TOKEN else 429
            headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'} if status == 401 else None
            await refuse(scope, receive, send, JSONResponse({"detail": problem}, status, headers))
        elif scope["type"] != "http" or not get_route_path(scope).startswith(FOR_TOKENS):
            await refuse(scope, receive, send, JSONResponse({"detail": NOT_FOR_TOKENS}, 403))
        else:
            with suppress(ClientDisconnect):
                answer = GuardedAnswer(lambda: tokens.find(given) is not None, send)
                await self.pass_on(token.role, scope, receive, answer.send)

    async def wrong(self, scope: Scope, problem: str) -> str:
        """Count a wrong password or token; return the problem, or how long this address has to wait."""
        address = address_of(scope)
        if wait := self.guesses.wait(address):
            return too_many(wait)
        self.guesses.wrong(address)
        await asyncio.sleep(WRONG_PASSWORD_DELAY)
        return problem

    async def check(self, scope: Scope, given: str) -> Account | str:
        """Return whose password was given, or the problem in a sentence."""
        if wait := self.guesses.wait(address_of(scope)):
            return too_many(wait)
        # Digests, so that the time taken says nothing about the length either.
        matching = [each for each in self.accounts if hmac.compare_digest(digest(given), digest(each.password))]
        if matching:
            self.guesses.right(address_of(scope))
            return matching[0]
        return await self.wrong(scope, "That is not the password.")


def bearer(headers: Headers) -> str | None:
    """Return the token that a request carries; None if it carries none."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


def address_of(scope: Scope) -> str:
    """Return the address of a visitor; empty if it is not known."""
    return str(scope["client"][0]) if scope.get("client") else ""


def too_many(wait: float) -> str:
    """Say how many seconds an address has to wait."""
    return f"Too many wrong passwords; try again in {math.ceil(wait)} s."


def changes_something(scope: Scope) -> bool:
    """True for a request that the API changes something by. The predictor's only predict, and pages have a gate of their own."""
    return get_route_path(scope).startswith("/api/") and scope["method"] not in ("GET", "HEAD", "OPTIONS")


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
    return JSONResponse(
        {"detail": "Sign in first: open /sign-in, or send a token (`Authorization: Bearer …`), or the password as HTTP Basic."},
        401,
        challenge,
    )


async def refuse(scope: Scope, receive: Receive, send: Send, answer: Response) -> None:
    """Answer a request with a refusal, or close a websocket before it opens."""
    await (answer if scope["type"] == "http" else WebSocketClose(code=1008))(scope, receive, send)


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
