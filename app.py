"""LesionLab's host: one process, one port, three faces.

``/`` is Streamlit, ``/predictor/`` is Gradio, ``/api/`` is JSON, and `pages.access` guards all of them. Training happens elsewhere,
in worker processes that outlive this one. Start it with ``make app`` or ``python app.py [--host ADDRESS] [--port NUMBER]``.
"""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from seg_core.home import home

if TYPE_CHECKING:
    from fastapi import FastAPI

ROUTER = Path(__file__).resolve().parent / "pages" / "router.py"


def create_app(on_ready: Callable[[], None] = lambda: None) -> FastAPI:
    """The whole app as one ASGI application.

    Args:
        on_ready: called once, when all parts have started.
    """
    keep_gradio_at_home()
    import gradio
    import streamlit
    from fastapi import HTTPException
    from fastapi.responses import RedirectResponse
    from fastapi_offline import FastAPIOffline

    from pages import api, static

    pages = streamlit.App(ROUTER)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with pages.lifespan()(app):
            on_ready()
            yield

    app = FastAPIOffline(
        title="LesionLab",
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url="/api/docs",
        swagger_ui_oauth2_redirect_url="/api/docs/oauth2-redirect",
        redoc_url=None,
        static_url="/assets/docs",
        favicon_url="/assets/mark.svg",
    )
    app.include_router(api.router)
    app.include_router(static.router)

    @app.get("/predictor", include_in_schema=False)
    def predictor() -> RedirectResponse:
        return RedirectResponse("/predictor/")

    # Without this, Streamlit would answer an address that does not exist with its own page and 200.
    @app.api_route("/api/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    def unknown(rest: str) -> None:
        raise HTTPException(404, f"There is no /api/{rest}; /api/docs lists what there is.")

    # Gradio before Streamlit: the other way round its queue never starts, and Streamlit answers whatever nobody else did.
    mount_predictor(app)
    app.mount("/", pages)
    return app


def mount_predictor(app) -> None:
    import importlib.util

    import gradio

    if importlib.util.find_spec("pages.predictor"):
        from pages.predictor import build_predictor

        blocks = build_predictor()
    else:
        with gradio.Blocks(analytics_enabled=False) as blocks:
            gradio.Markdown("The predictor")
    gradio.mount_gradio_app(app, blocks, path="/predictor", run_history=False, footer_links=[], ssr_mode=False)


def keep_gradio_at_home() -> None:
    """Set what Gradio reads when it is imported: no reports of usage, and uploads in our own cache."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("GRADIO_TEMP_DIR", str(home() / "cache" / "gradio"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C; gives the exit status."""
    import uvicorn

    parser = argparse.ArgumentParser(description="LesionLab: train skin-lesion segmentation models in the browser.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this machine only)")
    parser.add_argument("--port", type=int, default=8501, help="port to listen on (default: %(default)s)")
    options = parser.parse_args(arguments)
    listener = socket.create_server((options.host, options.port))
    url = f"http://{options.host}:{listener.getsockname()[1]}"
    app = create_app(on_ready=lambda: print(f"LesionLab runs at {url}  (Ctrl-C stops it)", flush=True))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3))
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
