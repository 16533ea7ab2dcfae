"""The headers of all answers, in front of a tiny app; tests/pages/test_host.py asks the running one."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.testclient import TestClient

from pages.server.headers import ASSETS, SafeHeaders, digest, page_policy


def script_sources(policy: str) -> list[str]:
    """Return what a policy allows as scripts."""
    return next(part.split()[1:] for part in policy.split(";") if part.split()[0] == "script-src")


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
