"""The app below a path of a reverse proxy, such as https://example.org/lesionlab/.

Whether the proxy passes the path on or cuts it off, everything behind this middleware sees ASGI's way of saying it: ``path`` is
whole, ``root_path`` is the part that belongs to the proxy.
"""

from __future__ import annotations

import logging
import re
from ipaddress import ip_network

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from seg_core.errors import InputError

PREFIX = "x-forwarded-prefix"
"""The header in which a proxy names the path. Behind this middleware it holds the path that counts, for Streamlit's pages."""
GRADIO = "x-gradio-server"
"""The header by which Gradio knows its own address. Without it, answers that it does not queue leave out the path of its mount.
Gradio itself makes it https where the proxy says so."""
_PATH = re.compile(r"(/[\w.~-]+)+", re.ASCII)


class BelowPath(ProxyHeadersMiddleware):
    """Outermost ASGI middleware: it reads what a proxy says of the browser's request, and sets the path of the app.

    The path is ``root_path`` or, without one, what the header X-Forwarded-Prefix says. All headers of this kind are believed
    only from ``proxies``; X-Forwarded-Host never, since the proxy has to pass on the header Host.

    Args:
        app: the application behind it.
        proxies: as `checked_proxies` returns them.
        root_path: as `checked_path` returns it.
    """

    def __init__(self, app: ASGIApp, proxies: str = "", root_path: str = "") -> None:
        super().__init__(app, proxies)  # type: ignore[arg-type] # uvicorn's types of ASGI are narrower
        self.root_path = root_path
        self.warned = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]
        if scope["type"] != "lifespan":
            forwarded, path = self.forwarded(scope), scope["path"]
            root = self.root_path or forwarded
            if root and path == root and scope["type"] == "http":
                await RedirectResponse(f"{root}/")(scope, receive, send)
                return
            scope = {**scope, "root_path": root, "headers": list(scope["headers"])}
            if root and not path.startswith(f"{root}/"):
                scope |= {"path": root + path, "raw_path": root.encode() + scope["raw_path"]}
            headers = MutableHeaders(scope=scope)
            del headers[PREFIX], headers["x-forwarded-host"], headers[GRADIO]
            if root:
                headers[PREFIX] = root
            if scope["path"].startswith(f"{root}/predictor/"):
                headers[GRADIO] = f"http://{headers.get('host', '')}{root}/predictor"
        await super().__call__(scope, receive, send)  # type: ignore[arg-type]

    def forwarded(self, scope: Scope) -> str:
        """Return the path that a named proxy says; empty for none, and for what is no path."""
        headers, client = Headers(scope=scope), scope["client"][0] if scope.get("client") else ""
        if client in self.trusted_hosts:
            said = headers.get(PREFIX, "").rstrip("/")
            return said if _PATH.fullmatch(said) else ""
        if not self.warned and (PREFIX in headers or "x-forwarded-for" in headers):
            self.warned = True  # once, since anyone can send these headers
            logging.getLogger(__name__).warning(
                "A request from %s has headers of a reverse proxy, which count only from a proxy that is named. "
                "If it is one of yours, start the app with --proxy %s.",
                client,
                client,
            )
        return ""


def checked_proxies(text: str) -> str:
    """Return addresses of proxies that a user typed, with commas between them; empty for none.

    Raises:
        InputError: if one is neither an IP address nor a network such as 10.0.0.0/8, nor ``*`` for any.
    """
    proxies = [each.strip() for each in text.split(",") if each.strip()]
    for proxy in proxies:
        try:
            ip_network(proxy if proxy != "*" else "0.0.0.0/0")
        except ValueError:
            raise InputError(f"{proxy!r} is no address of a proxy; write it as in --proxy 127.0.0.1.") from None
    return "*" if "*" in proxies else ",".join(proxies)


def checked_path(text: str) -> str:
    """Return a path that a user typed as ``/lesionlab``; empty for none or ``/``.

    Raises:
        InputError: if it is no path of an address.
    """
    path = f"/{text.strip().strip('/')}".rstrip("/")
    if path and not _PATH.fullmatch(path):
        raise InputError(f"{text!r} is no path to stand below; write it as in --root-path /lesionlab.")
    return path
