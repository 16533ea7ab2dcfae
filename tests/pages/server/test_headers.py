"""The headers of all answers: in front of a tiny app, and as the running app sends them."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.testclient import TestClient

from pages.server.headers import ASSETS, SafeHeaders, digest, page_policy
from tests.app_process import AppProcess

ADDRESSES = [
    "/",
    "/monitor",
    "/predictor/",
    "/predictor",
    "/predictor/gradio_api/info",
    "/predictor/gradio_api/file=/etc/passwd",
    "/api/runs",
    "/api/docs",
    "/api/openapi.json",
    "/api/runs/7/masks/photo-1.jpg",
    "/api/typo",
    "/assets/mark.svg",
    "/assets/plotly.min.js",
    "/static/js/no.js",
    "/_stcore/health",
]


def script_sources(policy: str) -> list[str]:
    """Return what a policy allows as scripts."""
    return next(part.split()[1:] for part in policy.split(";") if part.split()[0] == "script-src")


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_answer_keeps_other_sites_out(app_server: AppProcess, path: str) -> None:
    headers = httpx.get(app_server.url + path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    (policy,) = headers.get_list("content-security-policy")
    assert "frame-ancestors 'self'" in policy
    assert "default-src 'none'" in policy
    # No other machine, and nothing inside a page but what the server wrote there.
    sources = {source for part in policy.split(";") for source in part.split()[1:]}
    assert not [source for source in sources if re.search(r"[*.]|://|^https?:", source)]
    if "script-src" in policy:
        assert "'unsafe-inline'" not in script_sources(policy)
        assert ("'unsafe-eval'" in policy) == path.startswith("/predictor/")


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "http://evil.example"}])
def test_refusals_carry_them_too(app_server: AppProcess, headers: dict[str, str]) -> None:
    answer = httpx.get(f"{app_server.url}/api/runs", headers=headers)
    assert (answer.status_code, answer.headers["cross-origin-resource-policy"]) == (403, "same-origin")


def answered(answer: Response) -> Any:
    """Return an answer as it arrives."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await answer(scope, receive, send)

    return TestClient(SafeHeaders(app)).get("/")


def test_a_page_runs_the_scripts_that_it_came_with() -> None:
    def parts() -> Any:
        yield "<head><script>on"  # in pieces, as a server may send it
        yield "e()</script><script src='x.js'></script><p onclick='bad()'>"

    answer = answered(StreamingResponse(parts(), media_type="text/html"))
    assert answer.text == "<head><script>one()</script><script src='x.js'></script><p onclick='bad()'>"
    # sha256 of `one()`, by: printf 'one()' | openssl dgst -sha256 -binary | base64
    assert script_sources(answer.headers["content-security-policy"])[:2] == [
        "'self'",
        "'sha256-HR7iaask9daLMRRskMI++QeJtjWDOjyPA6lGzYGzKW4='",
    ]


def test_pages_may_add_only_scripts_of_ours() -> None:
    pages, widget = (script_sources(page_policy(b"", is_widget=is_widget)) for is_widget in (False, True))
    ours = [digest(file.read_bytes()) for file in ASSETS.glob("*.js")]
    assert len(ours) > 3
    assert sorted(pages) == sorted(["'self'", "blob:", *ours])
    assert not set(ours) & set(widget)
    assert len(widget) == 3


@pytest.mark.parametrize(
    "answer",
    [
        HTMLResponse("<script>bad()</script>", headers={"Content-Disposition": "attachment; filename=report.html"}),
        Response("<svg><script>bad()</script></svg>", media_type="image/svg+xml"),
    ],
)
def test_a_file_runs_nothing(answer: Response) -> None:
    policy = answered(answer).headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
    assert "script-src" not in policy


def test_an_answer_without_news_keeps_the_policy_of_the_page() -> None:
    assert "content-security-policy" not in answered(Response(status_code=304)).headers
