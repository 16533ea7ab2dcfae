"""The path of a reverse proxy: what the app behind the middleware sees, and what is believed of whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from pages.server.access import AccessGuard
from pages.server.accounts import Account
from pages.server.below_path import BelowPath, checked_path, checked_proxies
from pages.server.sessions import Sessions
from seg_core.errors import InputError
from tests.helpers import in_a_loop


async def mirror(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with what the app sees of a request."""
    request = Request(scope)
    seen = {
        "path": scope["path"],
        "root": scope["root_path"],
        "url": str(request.url),
        "prefix": request.headers.get("x-forwarded-prefix"),
        "host": request.headers.get("x-forwarded-host"),
        "client": scope["client"][0],
        "gradio": request.headers.get("x-gradio-server"),
    }
    await JSONResponse(seen)(scope, receive, send)


def ask(path: str, root_path: str = "", client: str = "127.0.0.1", **headers: str) -> dict[str, Any]:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(BelowPath(mirror, proxies="127.0.0.1", root_path=root_path), client=(client, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://example.org:8501") as visitor:
            return await visitor.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    answer = in_a_loop(send())
    return {"location": answer.headers["location"]} if answer.is_redirect else dict(answer.json())


@pytest.mark.parametrize(
    ("path", "root_path", "prefix", "seen"),
    [
        ("/api/runs", "", "", ("", "/api/runs")),
        ("/api/runs", "/lab", "", ("/lab", "/lab/api/runs")),  # cut off by the proxy
        ("/lab/api/runs", "/lab", "", ("/lab", "/lab/api/runs")),  # passed on
        ("/labs", "/lab", "", ("/lab", "/lab/labs")),
        ("/api/runs", "", "/lab", ("/lab", "/lab/api/runs")),
        ("/api/runs", "", "/lab/", ("/lab", "/lab/api/runs")),
        ("/api/runs", "", "/a/b", ("/a/b", "/a/b/api/runs")),
        ("/api/runs", "/mine", "/theirs", ("/mine", "/mine/api/runs")),
        *(("/x", "", prefix, ("", "/x")) for prefix in ("/", "//evil.example", "lab", '/"><script>', "/a b", "/..//x")),
    ],
)
def test_the_path_is_whole_whatever_the_proxy_passes_on(path: str, root_path: str, prefix: str, seen: tuple[str, str]) -> None:
    told = ask(path, root_path, **({"x_forwarded_prefix": prefix} if prefix else {}))
    assert (told["root"], told["path"]) == seen
    assert told["url"] == f"http://example.org:8501{seen[1]}"
    assert (told["prefix"] or "") == seen[0], "pages read the path that counts from this header"


@pytest.mark.parametrize(
    ("path", "root_path", "told"),
    [
        ("/predictor/gradio_api/run/predict", "", "http://example.org:8501/predictor"),
        ("/predictor/gradio_api/run/predict", "/lab", "http://example.org:8501/lab/predictor"),  # cut off by the proxy
        ("/lab/predictor/gradio_api/run/predict", "/lab", "http://example.org:8501/lab/predictor"),  # passed on
        ("/api/runs", "", None),
    ],
)
def test_gradio_is_told_its_own_address_and_by_the_app_alone(path: str, root_path: str, told: str | None) -> None:
    assert ask(path, root_path, x_gradio_server="http://evil.example")["gradio"] == told


def test_only_a_named_proxy_is_believed(caplog: pytest.LogCaptureFixture) -> None:
    headers = {"x_forwarded_prefix": "/lab", "x_forwarded_for": "192.0.2.7", "x_forwarded_host": "evil.example"}
    near, far = ask("/x", **headers), ask("/x", client="192.0.2.1", **headers)
    assert (near["root"], near["client"], near["host"]) == ("/lab", "192.0.2.7", None)
    assert (far["root"], far["client"], far["prefix"], far["host"]) == ("", "192.0.2.1", None, None)
    assert caplog.messages == [
        "A request from 192.0.2.1 has headers of a reverse proxy, which count only from a proxy that is named. "
        "If it is one of yours, start the app with --proxy 192.0.2.1."
    ]


def test_without_a_name_not_even_this_machine_is_believed() -> None:
    async def told() -> dict[str, Any]:
        transport = httpx.ASGITransport(BelowPath(mirror), client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8501") as visitor:
            headers = {"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https", "x-forwarded-prefix": "/lab"}
            return dict((await visitor.get("/x", headers=headers)).json())

    seen = in_a_loop(told())
    assert (seen["client"], seen["url"], seen["root"]) == ("127.0.0.1", "http://localhost:8501/x", "")


@pytest.mark.parametrize(
    ("typed", "proxies"),
    [("", ""), (" 127.0.0.1, ::1 ", "127.0.0.1,::1"), ("10.0.0.0/8", "10.0.0.0/8"), ("*", "*"), ("::1,*", "*")],
)
def test_proxies_are_read_as_people_type_them(typed: str, proxies: str) -> None:
    assert checked_proxies(typed) == proxies


@pytest.mark.parametrize("typed", ["nginx", "127.0.0.1:80", "10.0.0.1/8", "127.0.0.1;::1"])
def test_what_is_no_address_of_a_proxy_gets_one_sentence(typed: str) -> None:
    with pytest.raises(InputError, match="is no address of a proxy; write it as in --proxy 127"):
        checked_proxies(typed)


def test_the_path_without_its_slash_leads_to_the_first_page() -> None:
    assert ask("/lab", "/lab") == {"location": "/lab/"}


@pytest.mark.parametrize(("typed", "path"), [("", ""), ("/", ""), ("lab", "/lab"), ("/lab/", "/lab"), (" /a/b-1 ", "/a/b-1")])
def test_a_path_is_read_as_people_type_it(typed: str, path: str) -> None:
    assert checked_path(typed) == path


@pytest.mark.parametrize("typed", ["http://example.org/lab", "/a//b", "/a b", "/lab?x=1", '/"'])
def test_what_is_no_path_gets_one_sentence(typed: str) -> None:
    with pytest.raises(InputError, match="is no path to stand below; write it as in --root-path /lesionlab"):
        checked_path(typed)


def test_signing_in_stays_below_the_path(tmp_path: Path) -> None:
    owner = Account("owner", "open sesame", Sessions(b"key", tmp_path))

    async def visit() -> list[httpx.Response]:
        app = BelowPath(AccessGuard(mirror, [owner]), root_path="/lab")
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://lab.example") as visitor:
            asked = await visitor.get("/monitor?run=3", headers={"accept": "text/html"})
            form = await visitor.get(asked.headers["location"])
            fields = {"password": "open sesame", "next": "/lab/monitor?run=3"}
            entered = await visitor.post("/lab/sign-in", data=fields)
            away = await visitor.post("/lab/sign-in", data=fields | {"next": "/elsewhere"})
            return [asked, form, entered, away, await visitor.get("/sign-out")]

    asked, form, entered, away, left = in_a_loop(visit())
    assert asked.headers["location"] == "/lab/sign-in?next=/lab/monitor%3Frun%3D3"
    assert 'action="/lab/sign-in"' in form.text
    assert 'value="/lab/monitor?run=3"' in form.text
    assert (entered.status_code, entered.headers["location"]) == (303, "/lab/monitor?run=3")
    assert away.headers["location"] == "/lab/"
    assert left.headers["location"] == "/lab/sign-in"
