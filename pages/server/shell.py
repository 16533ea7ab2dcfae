"""The HTML around Streamlit's pages, which tells the browser below which path the app stands."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs

from starlette._utils import get_route_path
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pages.shared.visitor import ROLE

_PAGE = re.compile(r"/[^/.]*")
_TRAIN_QUERY = {"clone", "form"}


class Shell:
    """ASGI application in front of Streamlit's: it serves the HTML of every page, and passes everything else on.

    Streamlit's script looks for its server below the page's own address first, and fails there with a message on the browser's
    console; told where the server is, it does not search. `pages/live/elements.js` reads the same place.

    Args:
        app: Streamlit's application.
        index: its HTML file.
    """

    def __init__(self, app: ASGIApp, index: Path) -> None:
        self.app = app
        self._begin, self._end = index.read_text(encoding="utf-8").split("<head>", 1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = get_route_path(scope)
        if scope["type"] == "websocket":
            await self.app(scope, receive, to_who_is_there(send))
            return
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or not _PAGE.fullmatch(path):
            await self.app(scope, receive, send)
            return
        base, query = scope.get("root_path", ""), scope["query_string"].decode("latin-1")
        target = moved(path, query)
        is_viewer = Headers(scope=scope).get(ROLE) == "viewer"
        await (self.page(base, is_viewer) if target is None else RedirectResponse(base + target))(scope, receive, send)

    def page(self, base: str, is_viewer: bool) -> HTMLResponse:
        """Make the HTML of a page of an app that stands below the path ``base``, such as ``/lesionlab``; empty for none.

        For a viewer, the live parts of the pages have no buttons that change something.
        """
        place = json.dumps(base)  # a path of `BelowPath` holds no character that could end the script
        told = (
            f"window.lesionlabBase = {place}; window.lesionlabViewer = {json.dumps(is_viewer)}; "
            f"window.__streamlit = {{ BACKEND_BASE_URL: location.origin + {place} }};"
        )
        return HTMLResponse(f"{self._begin}<head><script>{told}</script>{self._end}", headers={"Cache-Control": "no-cache"})


def to_who_is_there(send: Send) -> Send:
    """Return a ``send`` that drops what comes too late for a visitor who has left; ``receive`` says next that they have.

    Told so by an error while it sends, Streamlit takes the end of its websocket for a fault, and logs a traceback.
    """

    async def send_or_drop(message: Message) -> None:
        with suppress(OSError):  # as the ASGI specification has it for a closed connection
            await send(message)

    return send_or_drop


def moved(path: str, query: str) -> str | None:
    """Return where a page is now that had this address once, or that Streamlit serves at another; None for all others.

    Train was the first page: links with a query of its form still lead to it. Streamlit serves its first page at / alone.
    """
    with_query = f"?{query}" if query else ""
    if path == "/" and _TRAIN_QUERY & parse_qs(query, keep_blank_values=True).keys():
        return f"/train{with_query}"
    return f"/{with_query}" if path == "/home" else None
