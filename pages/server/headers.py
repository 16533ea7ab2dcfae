"""The headers that every answer carries, so that a browser lets no other site use it, and no foreign script run in it.

A page may load scripts, styles, pictures and data from this app alone. Scripts inside a page run only if the server wrote them:
their digests are in the policy, so what slips into a page by a name, a note or an upload never runs. Everything that is no page,
such as a photograph or JSON, may load and run nothing when it is opened by itself.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ASSETS = Path(__file__).parents[1] / "assets"
WIDGET = Path(__file__).parents[1] / "predictor"
EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FRAMES = "frame-ancestors 'self'"
"""No other site may show the app in a frame, in which it could steer a visitor's clicks."""
CLOSED = f"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; {FRAMES}"
"""The policy of what is no page. Drawings in SVG carry their own style."""
_OPEN = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "media-src 'self' blob:; connect-src 'self' data:; frame-src 'self'; manifest-src 'self'; base-uri 'self'; "
    f"form-action 'self'; {FRAMES}; script-src 'self'"
)
"""The policy of a page, to which the sources of its scripts are added."""
_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL | re.IGNORECASE)


class SafeHeaders:
    """ASGI middleware around everything else, refusals included. It holds back a page until it has read the scripts in it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        is_widget = "/predictor/" in scope["path"]
        begin: Message | None = None
        body = b""

        async def send_with_headers(message: Message) -> None:
            nonlocal begin, body
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", ())))
                message = {**message, "headers": headers.raw}
                headers.update(EVERYWHERE)
                if is_page(headers):
                    begin = message
                    return
                if message["status"] != 304:  # its headers would replace those that the browser keeps with the page
                    headers["Content-Security-Policy"] = CLOSED
            elif begin:
                body += message.get("body", b"")
                if message.get("more_body"):
                    return
                MutableHeaders(raw=begin["headers"])["Content-Security-Policy"] = page_policy(body, is_widget=is_widget)
                await send(begin)
                begin, message = None, {**message, "body": body}
            await send(message)

        await self.app(scope, receive, send_with_headers)


def is_page(headers: Headers) -> bool:
    """True for an answer that a browser shows as a page; not for a file to download, whatever is in it."""
    is_file = headers.get("content-disposition", "").startswith("attachment")
    return headers.get("content-type", "").startswith("text/html") and not is_file


def page_policy(html: bytes, *, is_widget: bool) -> str:
    """Return the policy of a page.

    Streamlit loads the scripts of our live components from blobs. Gradio makes functions of the scripts of our parts of its
    widget (``js_on_load``), which is what 'unsafe-eval' allows.
    """
    inside = [digest(script) for script in _SCRIPT.findall(html)]
    rest = ["'unsafe-eval'", *_digests(WIDGET)] if is_widget else ["blob:", *_digests(ASSETS)]
    return " ".join([_OPEN, *inside, *rest])


def digest(script: bytes) -> str:
    """Return the source expression of a script inside a page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"


@cache
def _digests(folder: Path) -> list[str]:
    """The scripts that a page adds to itself: by `pages.shared.scripts.run_script`, and the widget by Gradio's ``head``."""
    return [digest(file.read_bytes()) for file in sorted(folder.glob("*.js"))]
