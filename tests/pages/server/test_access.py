"""The access guard, in front of a tiny app; in front of the real one: tests/browser/test_sign_in.py."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from itsdangerous import TimestampSigner
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from app import main
from pages.server.access import NO_TOKEN, NOT_FOR_TOKENS, AccessGuard, local_path
from pages.server.accounts import Account
from pages.server.health import GUEST
from pages.server.sessions import SESSION_SECONDS, Guesses, Sessions, signing_key
from pages.shared.visitor import ROLE, VIEWERS_CHANGE_NOTHING
from seg_core.common.tokens import Tokens
from tests.helpers import PASSWORD, VIEWER_PASSWORD, in_a_loop

Guard = Callable[..., AccessGuard]

AT_HOME = "http://localhost:8501"


async def tiny_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers every request with its path; echoes on a websocket until the visitor leaves."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": scope["path"].encode()})
    else:
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            if message["type"] == "websocket.receive":
                await send({"type": "websocket.send", "text": message["text"]})


@pytest.fixture(autouse=True)
def ended(tmp_path: Path) -> Path:
    """The folder of the sessions that have ended."""
    return tmp_path / "ended"


@pytest.fixture
def guard(ended: Path) -> Callable[..., AccessGuard]:
    """Makes a guard for an owner and perhaps viewers, by their passwords."""

    def make(password: str = PASSWORD, viewer_password: str = "", tokens: Tokens | None = None) -> AccessGuard:
        passwords: list[tuple[Literal["owner", "viewer"], str]] = [("owner", password), ("viewer", viewer_password)]
        each = [Account(role, word, Sessions(b"key" + word.encode(), ended)) for role, word in passwords if word]
        return AccessGuard(tiny_app, each, tokens=tokens)

    return make


def ask(app: AccessGuard, path: str, method: str = "GET", base_url: str = AT_HOME, **options: Any) -> httpx.Response:
    """Send one request from a fresh client."""

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url) as client:
            return await client.request(method, path, **options)

    return in_a_loop(send())


def sign_in(app: AccessGuard, password: str = PASSWORD, **fields: str) -> httpx.Response:
    return ask(app, "/sign-in", "POST", data={"password": password, **fields})


def open_socket(app: AccessGuard, **headers: str) -> list[Message]:
    """Return the messages to a websocket that is opened and left at once."""
    told: list[Message] = []
    incoming: list[Message] = [{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}]
    raw = [(name.encode(), value.encode()) for name, value in {"host": "localhost:8501", **headers}.items()]
    scope = {"type": "websocket", "path": "/_stcore/stream", "query_string": b"", "headers": raw, "server": ("localhost", 8501)}

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        told.append(message)

    in_a_loop(app(scope, receive, send))
    return told


# Without a password


@pytest.mark.parametrize("host", ["localhost:8501", "127.0.0.1:8501", "[::1]:8501", "192.168.1.7"])
def test_without_a_password_everyone_who_reaches_it_comes_in(host: str, guard: Guard) -> None:
    answer = ask(guard(""), "/api/runs", base_url=f"http://{host}")
    assert (answer.status_code, answer.text) == (200, "/api/runs")


def test_a_name_that_was_rebound_to_this_machine_is_refused(guard: Guard) -> None:
    answer = ask(guard(""), "/api/runs", base_url="http://evil.example:8501")
    assert answer.status_code == 403
    assert "LESIONLAB_PASSWORD" in answer.json()["detail"]
    assert open_socket(guard(""), host="evil.example") == [{"type": "websocket.close", "code": 1008, "reason": ""}]


@pytest.mark.parametrize("password", ["", PASSWORD])
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:9999"])
def test_another_site_cannot_use_the_app(password: str, origin: str, guard: Guard) -> None:
    app = guard(password)
    cookie = app.accounts[0].sessions.begin() if password else ""
    headers = {"origin": origin, "cookie": f"lesionlab_8501={cookie}"}
    assert ask(app, "/api/runs/1/stop", "POST", headers=headers).status_code == 403
    assert open_socket(app, **headers)[0]["type"] == "websocket.close"


@pytest.mark.parametrize("password", ["", PASSWORD])
@pytest.mark.parametrize(
    ("site", "mode", "dest", "status"),
    [
        ("cross-site", "no-cors", "image", 403),  # <img> on a page of another site
        ("same-site", "no-cors", "script", 403),  # another program on this machine
        ("cross-site", "cors", "empty", 403),
        ("cross-site", "navigate", "iframe", 403),
        ("cross-site", "navigate", "document", 200),  # a link in a message
        ("same-origin", "no-cors", "image", 200),
        ("none", "navigate", "document", 200),  # typed into the address bar
    ],
)
def test_pages_of_other_sites_get_no_answer(password: str, site: str, mode: str, dest: str, status: int, guard: Guard) -> None:
    app = guard(password)
    cookie = app.accounts[0].sessions.begin() if password else ""
    told = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": dest, "cookie": f"lesionlab_8501={cookie}"}
    assert ask(app, "/api/runs/1/masks/photo-1.jpg", headers=told).status_code == status


@pytest.mark.parametrize("headers", [{"host": "[::1"}, {"host": ""}, {"origin": "http://[::1"}])
def test_malformed_headers_are_refused(headers: dict[str, str], guard: Guard) -> None:
    assert ask(guard(""), "/", headers=headers).status_code == 403


def test_the_app_itself_may_post_and_open_websockets(guard: Guard) -> None:
    assert ask(guard(""), "/api/runs/1/stop", "POST", headers={"origin": AT_HOME}).status_code == 200
    assert open_socket(guard(""), origin=AT_HOME) == [{"type": "websocket.accept"}]


# With a password: strangers


PATHS = [
    "/",
    "/monitor",
    "/predictor/",
    "/predictor/gradio_api/queue/join",
    "/api/runs",
    "/assets/plotly.min.js",
    "/_stcore/health",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_script_without_password_gets_401(path: str, method: str, guard: Guard) -> None:
    answer = ask(guard(), path, method)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic ")
    assert "Sign in first" in answer.json()["detail"]


def test_health_is_for_all_and_marked_as_asked_by_a_guest(guard: Guard) -> None:
    assert ask(guard(), "/api/health").status_code == 200
    assert ask(guard(), "/api/metrics").status_code == 401
    assert ask(guard(), "/api/health", auth=("", "wrong")).status_code == 401
    seen: list[bool] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(bool(scope.get(GUEST)))
        await tiny_app(scope, receive, send)

    asked = guard()
    asked.app = app
    ask(asked, "/api/health")
    ask(asked, "/api/health", auth=("", PASSWORD))
    assert seen == [True, False]


def test_a_page_that_asks_in_the_background_opens_no_window_of_the_browser(guard: Guard) -> None:
    answer = ask(guard(), "/api/runs", headers={"sec-fetch-mode": "cors"})
    assert (answer.status_code, "www-authenticate" in answer.headers) == (401, False)


def test_a_person_without_password_is_sent_to_sign_in(guard: Guard) -> None:
    answer = ask(guard(), "/monitor?run=3&run=4", headers={"accept": "text/html,*/*"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/monitor%3Frun%3D3%26run%3D4")
    page = ask(guard(), answer.headers["location"])
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    assert 'value="/monitor?run=3&amp;run=4"' in page.text


def test_a_strangers_websocket_is_refused(guard: Guard) -> None:
    assert open_socket(guard()) == [{"type": "websocket.close", "code": 1008, "reason": ""}]


# With a password: signing in


def test_the_right_password_opens_everything(guard: Guard) -> None:
    app = guard()
    answer = sign_in(app, next="/monitor?run=3")
    assert (answer.status_code, answer.headers["location"]) == (303, "/monitor?run=3")
    flags = answer.headers["set-cookie"].lower()
    assert "httponly" in flags
    assert "samesite=lax" in flags
    assert "secure" not in flags
    cookie = answer.headers["set-cookie"].split(";")[0]
    for path in PATHS:
        assert ask(app, path, headers={"cookie": cookie}).text == path
    assert open_socket(app, cookie=cookie) == [{"type": "websocket.accept"}]
    assert ask(app, "/sign-in?next=/train", headers={"cookie": cookie}).headers["location"] == "/train"


def test_over_https_the_cookie_stays_on_https(guard: Guard) -> None:
    answer = ask(guard(), "/sign-in", "POST", base_url="https://lab.example", data={"password": PASSWORD})
    assert "secure" in answer.headers["set-cookie"].lower()


def test_a_wrong_password_stays_outside(guard: Guard) -> None:
    answer = sign_in(guard(), "password")
    assert answer.status_code == 401
    assert "That is not the password." in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("form", [b"", b"password=", b"%ff%fe", b"password=" + b"x" * 100_000, b"password=\xff\xfe"])
def test_a_malformed_form_is_a_wrong_password(form: bytes, guard: Guard) -> None:
    answer = ask(guard(), "/sign-in", "POST", content=form)
    assert answer.status_code == 401


def test_basic_authentication_lets_scripts_in(guard: Guard) -> None:
    app = guard()
    assert ask(app, "/api/runs", auth=("anyone", PASSWORD)).text == "/api/runs"
    assert ask(app, "/api/runs", auth=("", "wrong")).status_code == 401


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic /w==", "Bearer abc", ""])
def test_a_malformed_authorization_is_401(header: str, guard: Guard) -> None:
    assert ask(guard(), "/api/runs", headers={"authorization": header}).status_code == 401


def test_a_proxy_that_does_not_pass_on_the_host_is_named_once(caplog: pytest.LogCaptureFixture, guard: Guard) -> None:
    app = guard("")
    for _ in range(2):
        open_socket(app, host="127.0.0.1:8501", origin="http://127.0.0.1:8080")
    (message,) = caplog.messages
    assert message == (
        "A page at 'http://127.0.0.1:8080' was refused, since its requests arrive for '127.0.0.1:8501'. If that is a reverse "
        "proxy of yours, let it pass on the header Host; the README shows how."
    )


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "/a\r\nSet-Cookie: x=1", "", "monitor"],
)
def test_signing_in_leads_nowhere_else(target: str, guard: Guard) -> None:
    assert local_path(target, "") == "/"
    assert sign_in(guard(), next=target).headers["location"] == "/"


def test_guessing_is_slowed_down(monkeypatch: pytest.MonkeyPatch, guard: Guard) -> None:
    monkeypatch.setattr("pages.server.access.WRONG_PASSWORD_DELAY", 0)
    app = guard()
    assert [sign_in(app, f"guess {number}").status_code for number in range(7)] == [401] * 5 + [429] * 2
    locked = sign_in(app)
    assert locked.status_code == 429
    assert re.search(r"Too many wrong passwords; try again in \d+ s\.", locked.text)
    assert ask(app, "/api/runs", auth=("", PASSWORD)).status_code == 429
    cookie = f"lesionlab_8501={app.accounts[0].sessions.begin()}"
    assert ask(app, "/api/runs", headers={"cookie": cookie}).status_code == 200, "who is signed in does not suffer"


def test_a_form_that_is_left_incomplete_is_no_wrong_password(guard: Guard) -> None:
    app = guard()
    headers = [(b"host", b"localhost"), (b"content-type", b"application/x-www-form-urlencoded")]
    scope = {"type": "http", "method": "POST", "path": "/sign-in", "query_string": b"", "scheme": "http", "root_path": ""}
    scope |= {"headers": headers, "client": ("127.0.0.1", 1), "server": ("localhost", 8501)}

    async def send(_: Message) -> None: ...

    async def leave() -> None:
        messages: list[Message] = [
            {"type": "http.disconnect"},
            {"type": "http.request", "body": b"password=gue", "more_body": True},
        ]

        async def receive() -> Message:
            return messages.pop()

        await app(scope, receive, send)

    for _ in range(10):
        in_a_loop(leave())
    assert app.guesses.wait("127.0.0.1") == 0


def test_a_wrong_guess_keeps_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch, guard: Guard) -> None:
    monkeypatch.setattr("pages.server.access.WRONG_PASSWORD_DELAY", 30)
    app = guard()

    async def guess_and_visit() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=AT_HOME) as client:
            guess = asyncio.create_task(client.get("/", auth=("", "wrong")))
            while not app.guesses._records:
                await asyncio.sleep(0)
            answer = await client.get("/", auth=("", PASSWORD))
            assert not guess.done()
            guess.cancel()
            return answer

    assert in_a_loop(guess_and_visit()).status_code == 200


def test_waits_double_and_are_forgotten() -> None:
    now = 0.0
    guesses = Guesses(lambda: now)
    waits = []
    for _ in range(16):
        guesses.wrong("10.0.0.1")
        waits.append(guesses.wait("10.0.0.1"))
        now += waits[-1]
    assert waits == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256, 256]
    assert guesses.wait("10.0.0.2") == 0
    now += Guesses.FORGET_AFTER + 1
    guesses.wrong("10.0.0.2")
    guesses.wrong("10.0.0.1")
    assert guesses.wait("10.0.0.1") == 0


def test_guesses_of_many_addresses_slow_down_those_who_guess() -> None:
    now = 0.0
    guesses = Guesses(lambda: now)
    for number in range(20):
        guesses.wrong(f"192.0.2.{number}")
    assert [guesses.wait(f"192.0.2.{number}") for number in (0, 19)] == [1, 1]
    assert guesses.wait("198.51.100.1") == 0, "an address that never guessed wrong may always try"
    for number in range(20, 40):
        guesses.wrong(f"192.0.2.{number}")
    assert guesses.wait("192.0.2.0") == 256
    guesses.right("192.0.2.0")
    assert guesses.wait("192.0.2.0") == 0
    now += 256 + Guesses.FORGET_AFTER + 1
    guesses.wrong("192.0.2.1")
    assert guesses.wait("192.0.2.1") == 0


def test_the_addresses_of_one_network_are_one_guesser_and_the_list_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Guesses, "MOST_ADDRESSES", 3)
    guesses = Guesses(lambda: 0.0)
    for host in range(6):
        guesses.wrong(f"2001:db8::{host}")
    assert guesses.wait("2001:db8::ffff") == 2
    assert guesses.wait("2001:db8:0:1::") == 0
    for number in range(3):
        guesses.wrong(f"192.0.2.{number}")
    assert list(guesses._records) == ["192.0.2.0", "192.0.2.1", "192.0.2.2"]


# Sessions


def test_sessions_cannot_be_forged_and_end(ended: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1_000_000
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda signer: now)
    sessions = Sessions(b"key", ended)
    cookie = sessions.begin()
    name, moment, signature = cookie.rsplit(".", 2)
    assert sessions.check(cookie) == name
    crafted = (f"{name}.AAAA.{signature}", f"{name}.{moment}.", f"other.{moment}.{signature}", cookie + "0")
    for forged in ("", ".", "..", "a.b", "ü.1.ü", *crafted):
        assert sessions.check(forged) is None
    assert Sessions(b"other key", ended).check(cookie) is None
    now += SESSION_SECONDS - 1
    assert sessions.check(cookie) == name
    now += 2
    assert sessions.check(cookie) is None


def test_a_session_that_has_ended_stays_ended(ended: Path) -> None:
    before = Sessions(b"key", ended)
    first, second = before.begin(), before.begin()
    assert not ended.exists()
    before.end(before.check(first) or "")
    for process in (before, Sessions(b"key", ended)):  # and one that is started later, or runs beside it
        assert process.check(first) is None
        assert process.check(second)


def test_sessions_are_forgotten_once_their_cookies_have_expired(ended: Path) -> None:
    sessions = Sessions(b"key", ended)
    names = [sessions.check(sessions.begin()) or "" for _ in range(3)]
    for name in names[:2]:
        sessions.end(name)
    os.utime(ended / names[0], (0, time.time() - SESSION_SECONDS - 60))
    os.utime(ended / names[1], (0, time.time() - SESSION_SECONDS + 60))
    sessions.end(names[2])
    assert {file.name for file in ended.iterdir()} == set(names[1:])


def test_a_session_ends_although_nothing_can_be_written(ended: Path) -> None:
    ended.write_text("a file in the folder's place")
    sessions = Sessions(b"key", ended)
    cookie = sessions.begin()
    sessions.end(sessions.check(cookie) or "")
    assert sessions.check(cookie) is None


def test_the_key_survives_a_restart_but_not_another_password(tmp_path: Path) -> None:
    file = tmp_path / "session.key"
    key = signing_key(file, PASSWORD)
    assert signing_key(file, PASSWORD) == key
    assert signing_key(file, "other") != key
    assert signing_key(tmp_path / "other.key", PASSWORD) != key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_signing_out_ends_the_session_and_closes_its_websockets(guard: Guard) -> None:
    app = guard()
    cookie = f"lesionlab_8501={app.accounts[0].sessions.begin()}"
    told: list[Message] = []

    async def scenario() -> httpx.Response:
        incoming: asyncio.Queue[Message] = asyncio.Queue()

        async def send(message: Message) -> None:
            told.append(message)

        headers = [(b"host", b"localhost:8501"), (b"cookie", cookie.encode())]
        scope = {"type": "websocket", "path": "/", "query_string": b"", "headers": headers, "server": ("localhost", 8501)}
        socket = asyncio.create_task(app(scope, incoming.get, send))
        while not told:
            await asyncio.sleep(0)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=AT_HOME) as client:
            answer = await client.get("/sign-out", headers={"cookie": cookie})
        incoming.put_nowait({"type": "websocket.receive", "text": "still there?"})
        incoming.put_nowait({"type": "websocket.disconnect", "code": 1008})
        await socket
        return answer

    answer = in_a_loop(scenario())
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert told == [{"type": "websocket.accept"}, {"type": "websocket.close", "code": 1008}]
    assert ask(app, "/api/runs", headers={"cookie": cookie}).status_code == 401
    assert not app.sockets


def test_a_websocket_closes_when_its_visitor_signs_out_in_another_process(guard: Guard) -> None:
    here, elsewhere = guard(), guard()
    cookie = f"lesionlab_8501={here.accounts[0].sessions.begin()}"
    told: list[Message] = []
    incoming: list[Message] = [{"type": "websocket.connect"}, *([{"type": "websocket.receive", "text": "hello"}] * 2)]

    async def receive() -> Message:
        if len(incoming) == 1:
            assert told[-1] == {"type": "websocket.send", "text": "hello"}
            async with httpx.AsyncClient(transport=httpx.ASGITransport(elsewhere), base_url=AT_HOME) as client:
                assert (await client.get("/sign-out", headers={"cookie": cookie})).status_code == 303
        return incoming.pop(0)

    async def send(message: Message) -> None:
        told.append(message)

    headers = [(b"host", b"localhost:8501"), (b"cookie", cookie.encode())]
    in_a_loop(
        here(
            {"type": "websocket", "path": "/", "query_string": b"", "headers": headers, "server": ("localhost", 8501)},
            receive,
            send,
        )
    )
    assert [message["type"] for message in told] == ["websocket.accept", "websocket.send", "websocket.close"]


def test_another_site_cannot_sign_anyone_out(guard: Guard) -> None:
    app = guard()
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    headers = {"cookie": f"lesionlab_8501={app.accounts[0].sessions.begin()}", **link}
    assert ask(app, "/sign-out", headers=headers).status_code == 403
    assert ask(app, "/", headers=headers).status_code == 200


# Viewers


@pytest.mark.parametrize("by", ["form", "basic"])
@pytest.mark.parametrize(("password", "role"), [(PASSWORD, "owner"), (VIEWER_PASSWORD, "viewer")])
def test_who_signs_in_is_told_to_the_app_by_the_guard_alone(ended: Path, by: str, password: str, role: str) -> None:
    seen: list[list[str]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(Headers(scope=scope).getlist(ROLE))
        await tiny_app(scope, receive, send)

    each = [Account("owner", PASSWORD, Sessions(b"1", ended)), Account("viewer", VIEWER_PASSWORD, Sessions(b"2", ended))]
    guarded = AccessGuard(app, each)
    if by == "form":
        headers = {"cookie": sign_in(guarded, password).headers["set-cookie"].split(";")[0]}
    else:
        headers = {"authorization": f"Basic {base64.b64encode(f'x:{password}'.encode()).decode()}"}
    assert ask(guarded, "/", headers=headers | {ROLE: "owner"}).status_code == 200
    assert open_socket(guarded, **headers, **{ROLE: "owner"}) == [{"type": "websocket.accept"}]
    assert seen == [[role], [role]]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_viewers_read_the_api_and_predict_and_change_nothing(guard: Guard, method: str) -> None:
    app = guard(PASSWORD, VIEWER_PASSWORD)
    for path in ("/api/runs/1/stop", "/api/jobs/1/cancel", "/api/anything"):
        refused = ask(app, path, method, auth=("", VIEWER_PASSWORD))
        assert refused.status_code == 403
        assert refused.json() == {"detail": "You are signed in as a viewer: you see everything, and change nothing."}
        assert ask(app, path, method, auth=("", PASSWORD)).status_code == 200
        assert ask(app, path, auth=("", VIEWER_PASSWORD)).status_code == 200
    assert ask(app, "/predictor/gradio_api/queue/join", method, auth=("", VIEWER_PASSWORD)).status_code == 200


@pytest.mark.parametrize(
    ("password", "viewer_password", "problem"),
    [
        ("", "a", "LESIONLAB_VIEWER_PASSWORD is for those who only look; set LESIONLAB_PASSWORD too, for those who may change."),
        ("a", "a", "LESIONLAB_PASSWORD and LESIONLAB_VIEWER_PASSWORD are the same; choose another password for viewers."),
    ],
)
def test_passwords_that_tell_nobody_apart_are_refused(
    password: str, viewer_password: str, problem: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LESIONLAB_PASSWORD", password)
    monkeypatch.setenv("LESIONLAB_VIEWER_PASSWORD", viewer_password)
    assert main(["--port", "0"]) == 2
    assert capsys.readouterr().err == f"{problem}\n"


# With a token


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return Tokens(tmp_path / "tokens")


def by_token(token: str, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", **more}


def test_a_token_opens_api_and_predictor_and_no_page(guard: Guard, tokens: Tokens) -> None:
    app, headers = guard(tokens=tokens), by_token(tokens.add("script", "owner"))
    for path in ("/api/runs", "/predictor/gradio_api/info"):
        assert ask(app, path, "POST", headers=headers).text == path
    for path in ("/", "/monitor", "/_stcore/health"):
        answer = ask(app, path, headers=headers)
        assert (answer.status_code, answer.json()) == (403, {"detail": NOT_FOR_TOKENS})
    assert open_socket(app, **headers) == [{"type": "websocket.close", "code": 1008, "reason": ""}]


def test_the_token_of_a_viewer_changes_nothing(guard: Guard, tokens: Tokens) -> None:
    app, headers = guard(tokens=tokens), by_token(tokens.add("wall", "viewer"))
    assert ask(app, "/api/runs", headers=headers).status_code == 200
    for method in ("POST", "PATCH", "PUT", "DELETE"):
        answer = ask(app, "/api/runs/1", method, headers=headers)
        assert (answer.status_code, answer.json()) == (403, {"detail": VIEWERS_CHANGE_NOTHING})


@pytest.mark.parametrize("given", ["", "wrong", "lesionlab_wrong", "two words"])
def test_a_wrong_token_gets_401_and_slows_down(given: str, guard: Guard, tokens: Tokens) -> None:
    app = guard(tokens=tokens)
    answer = ask(app, "/api/runs", headers=by_token(given))
    assert (answer.status_code, answer.json()) == (401, {"detail": NO_TOKEN})
    statuses = [ask(app, "/api/runs", headers=by_token(given)).status_code for _ in range(12)]
    assert statuses[-1] == 429


def test_a_right_token_is_let_in_whoever_guesses_beside_it(guard: Guard, tokens: Tokens) -> None:
    app, headers = guard(tokens=tokens), by_token(tokens.add("script", "owner"))
    while ask(app, "/api/runs", headers=by_token("wrong")).status_code != 429:
        pass
    assert ask(app, "/api/runs", headers=headers).status_code == 200
    assert ask(app, "/api/runs", headers=by_token("wrong")).status_code == 429


def test_a_script_of_another_site_may_carry_a_token_and_no_cookie(guard: Guard, tokens: Tokens) -> None:
    app, elsewhere = guard(tokens=tokens), {"origin": "https://lab.example", "sec-fetch-site": "cross-site"}
    token = tokens.add("script", "owner")
    assert ask(app, "/api/runs", headers=by_token(token, **elsewhere)).status_code == 200
    cookie = {"cookie": f"lesionlab_8501={app.accounts[0].sessions.begin()}"}
    assert ask(app, "/api/runs", headers=by_token("wrong", **elsewhere, **cookie)).status_code == 401
    assert ask(app, "/api/runs", headers={**elsewhere, **cookie}).status_code == 403


def test_without_a_password_a_token_is_not_looked_at(guard: Guard, tokens: Tokens) -> None:
    assert ask(guard("", tokens=tokens), "/api/runs", headers=by_token("of another app")).status_code == 200


def test_a_file_is_sent_to_its_end_and_a_stream_ends_with_the_session(guard: Guard) -> None:
    told = {}
    for name, headers in (("file", [(b"content-length", b"3")]), ("stream", [])):
        asked = guard()
        sessions = asked.accounts[0].sessions
        cookie = sessions.begin()

        async def parts(
            scope: Scope,
            receive: Receive,
            send: Send,
            sessions: Sessions = sessions,
            cookie: str = cookie,
            headers: Any = headers,
        ) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            sessions.end(sessions.check(cookie) or "")
            await send({"type": "http.response.body", "body": b"b", "more_body": True})
            await send({"type": "http.response.body", "body": b"c", "more_body": False})

        asked.app = parts
        told[name] = ask(asked, "/api/runs/1/model", headers={"cookie": f"lesionlab_8501={cookie}"}).content
    assert told == {"file": b"abc", "stream": b"a"}
