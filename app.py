"""LesionLab's web server: one process and one port for pages, widget and API.

``/`` is Streamlit, ``/predictor/`` is Gradio, ``/api/`` is JSON, and `pages.server.access` guards all of them. Training happens
in worker processes, which outlive this one. Start it with ``make app`` or ``python app.py [--host …] [--port …]``.
"""

from __future__ import annotations

import argparse
import errno
import gc
import inspect
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NoReturn

from pages.server.below_path import BelowPath, checked_path, checked_proxies
from pages.server.browser import has_browser, open_browser
from pages.server.settings import DEFAULTS, HostSettings
from pages.shared.visitor import VIEWER_PASSWORD
from seg_core.common.home import INSTALLED, home
from seg_core.common.imports import imports_ahead, quick_imports
from seg_core.common.versions import VERSION
from seg_core.errors import InputError, StoreError
from seg_core.jobs.supervisor import Supervisor
from seg_core.runs.alerts.message import ADDRESS_OF_APP
from seg_core.runs.store import RunStore

if TYPE_CHECKING:
    from fastapi import FastAPI, Request

ROUTER = Path(__file__).resolve().parent / "pages" / "router.py"


def create_app(store: RunStore, settings: HostSettings = DEFAULTS, on_ready: Callable[[], None] = lambda: None) -> FastAPI:
    """Make the whole app as one ASGI application.

    Args:
        store: the runs; while the app serves, queued ones are started when their turn comes.
        settings: what its operator chose.
        on_ready: called once, when all parts have started.
    """
    # These imports take seconds; a mistyped option or a port in use is reported before.
    gradio = import_gradio()
    import streamlit
    from fastapi import Depends
    from fastapi.responses import JSONResponse, RedirectResponse
    from fastapi.security import HTTPBearer
    from fastapi_offline import FastAPIOffline

    from pages import predictor
    from pages.server import (
        alerts,
        answers,
        api,
        collections,
        evaluation_pictures,
        events,
        health,
        launching,
        run_changes,
        run_groups,
        static,
    )
    from pages.server.shell import Shell

    pages = streamlit.App(ROUTER)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        supervisor = app.state.supervisor = Supervisor(store)
        async with pages.lifespan()(app):
            supervisor.start()
            on_ready()
            with imports_ahead("scipy.stats", seconds=3):  # of which Compare needs half a second's worth
                yield
            supervisor.stop()

    app = FastAPIOffline(
        title="LesionLab",
        version=VERSION,
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url="/api/docs",
        swagger_ui_oauth2_redirect_url="/api/docs/oauth2-redirect",
        redoc_url=None,
        static_url="/assets/docs",
        favicon_url="../assets/mark.svg",
    )
    app.state.events = events.Hub(settings.room // 4)
    guard(app, settings)
    app.add_exception_handler(StoreError, answers.without_store)
    app.include_router(health.router)
    described = [Depends(HTTPBearer(auto_error=False, description="A token, as `lesionlab token add NAME` makes it."))]
    for part in (api, launching, run_changes, run_groups, events, alerts, evaluation_pictures, collections):
        app.include_router(part.router, dependencies=described)  # for /api/docs alone; `AccessGuard` decides who comes in
    app.include_router(static.router)

    def add_slash(request: Request) -> RedirectResponse:
        return RedirectResponse(f"{request.scope['root_path']}/predictor/")

    app.add_route("/predictor", add_slash, include_in_schema=False)

    # Without this, Streamlit would answer an address that does not exist with its own page and 200.
    @app.api_route("/api/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    def unknown(rest: str) -> JSONResponse:
        return JSONResponse({"detail": f"There is no /api/{rest}; /api/docs lists what there is."}, 404)

    # Gradio before Streamlit, which answers everything that is left; in the other order Gradio's queue never starts.
    gradio.mount_gradio_app(app, predictor.build_predictor(), "/predictor", **predictor.mount_settings())
    app.mount("/", Shell(pages, Path(streamlit.__file__).parent / "static" / "index.html"))
    return app


def guard(app: FastAPI, settings: HostSettings) -> None:
    """Put everything in front of the app that a request passes first."""
    from pages.server.access import AccessGuard
    from pages.server.accounts import accounts
    from pages.server.capacity import Capacity
    from pages.server.headers import SafeHeaders
    from pages.server.request_limits import RequestLimits
    from seg_core.common.tokens import Tokens

    # The last one sees a request first.
    app.add_middleware(RequestLimits, room=settings.room)
    tokens = Tokens(home() / "tokens")
    app.add_middleware(AccessGuard, accounts=accounts(settings, home()), room=settings.room, tokens=tokens)
    app.add_middleware(Capacity, room=settings.room)
    app.add_middleware(BelowPath, proxies=settings.proxies, root_path=settings.root_path)
    app.add_middleware(SafeHeaders)


def import_gradio() -> ModuleType:
    """Import Gradio without usage reports and with uploads in our own cache; return it.

    A GRADIO_TEMP_DIR of the user's is overridden: old files in that folder are deleted, and the user's may hold other files.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_TEMP_DIR"] = str(home() / "cache" / "gradio")
    return import_gradio_quickly()


def import_gradio_quickly() -> ModuleType:
    """Import Gradio without the type stubs that it writes beside its files whenever it is imported: half of the import's time.

    It leaves them out for classes that come from no file.
    """
    getfile = inspect.getfile
    inspect.getfile = _no_file
    try:
        import gradio
    finally:
        inspect.getfile = getfile
    return gradio


def _no_file(object: object) -> str:
    raise OSError


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C; return the exit status: 0, or 2 if the user has to change something."""
    options = parse(arguments)
    try:
        settings = settings_of(options)
        with listen(options.host, options.port, settings.password) as listener:
            store = RunStore()
            serve(listener, store, settings, show=not (options.no_browser or settings.root_path) and has_browser())
            print(f"\nLesionLab has stopped.{continuing_runs(store)}")
    except InputError as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nLesionLab has stopped.")
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    description = "LesionLab: train skin-lesion segmentation models in the browser and compare their masks."
    parser = argparse.ArgumentParser(prog="lesionlab app" if INSTALLED else "app.py", description=description)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s, this machine only)")
    parser.add_argument("--port", type=int, default=8501, help="port to listen on (default: %(default)s)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the app in a browser")
    parser.add_argument(
        "--root-path",
        default=os.environ.get("LESIONLAB_ROOT_PATH", ""),
        metavar="PATH",
        help="path of a reverse proxy that the app stands below, such as /lesionlab (default: LESIONLAB_ROOT_PATH)",
    )
    parser.add_argument(
        "--proxy",
        default=os.environ.get("FORWARDED_ALLOW_IPS", ""),
        metavar="ADDRESS",
        help="address of a reverse proxy, which is believed who its visitors are; several with commas between them "
        "(default: FORWARDED_ALLOW_IPS, or none)",
    )
    options = parser.parse_args(arguments)
    if not 0 <= options.port < 65536:
        parser.error(f"{options.port} is no port; ports are numbers up to 65535")
    return options


def settings_of(options: argparse.Namespace) -> HostSettings:
    """Return the settings on the command line and in the environment.

    Raises:
        InputError: if one of them cannot be used.
    """
    from pages.server.accounts import check_passwords
    from seg_core.data.decoder import most_megapixels

    settings = HostSettings(
        password=os.environ.get("LESIONLAB_PASSWORD", ""),
        viewer_password=os.environ.get(VIEWER_PASSWORD, ""),
        root_path=checked_path(options.root_path),
        proxies=checked_proxies(options.proxy),
    )
    check_passwords(settings)
    most_megapixels()
    return settings


def listen(host: str, port: int, password: str) -> socket.socket:
    """Open the port.

    Raises:
        InputError: if other machines could reach the app without a password, or the port cannot be opened.
    """
    if not (password or is_loopback(host)):
        raise InputError(
            f"On {host} other machines reach LesionLab; set a password, as in LESIONLAB_PASSWORD=… {command(host=host)}"
        )
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise InputError(why_not(error, host, port)) from error
    # Connections inherit the option. asyncio sets it only on sockets that it makes itself, and without it the second packet of
    # every answer waits 40 ms for the browser to acknowledge the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def is_loopback(host: str) -> bool:
    """True if only this machine can reach an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def why_not(error: OSError, host: str, port: int) -> str:
    """Explain in a sentence why a port could not be opened."""
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken{by_whom(port)}; start LesionLab on another one with `{command(port=port + 1)}`."
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved by the system; choose one above 1023, as in `{command(port=8501)}`."
    option = "--host" if INSTALLED else "HOST"
    return f"LesionLab cannot listen on {host}, port {port} ({error.strerror or error}); leave {option} out to use 127.0.0.1."


def command(**options: object) -> str:
    """The command that starts the app, with one option, as its user would type it."""
    if INSTALLED:
        return " ".join(["lesionlab app", *(f"--{name} {value}" for name, value in options.items())])
    return " ".join(["make app", *(f"{name.upper()}={value}" for name, value in options.items())])


def by_whom(port: int) -> str:
    """Name the process that uses a port, if the system tells."""
    import psutil

    try:
        listening = [each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
        owners = sorted({each.pid for each in listening if getattr(each.laddr, "port", None) == port and each.pid})
        commands = [f"{' '.join(psutil.Process(pid).cmdline())[:80]} (process {pid})" for pid in owners]
    except psutil.Error:  # macOS tells only root
        return ""
    return f" by {', '.join(commands)}" if commands else ""


def serve(listener: socket.socket, store: RunStore, settings: HostSettings, *, show: bool) -> None:
    """Run the web server until Ctrl-C; ``show`` it in the browser."""
    from pages.server.connections import Server, room_for_connections
    from pages.server.log_file import open_log
    from pages.server.terminal import bound_the_output

    bound_the_output(open_log(home() / "app.log"))
    settings = replace(settings, room=room_for_connections())
    host, port = listener.getsockname()[:2]
    shown = "localhost" if is_loopback(host) else socket.gethostname() if ip_address(host).is_unspecified else host
    address = f"http://{shown}:{port}{settings.root_path}"

    os.environ.setdefault(ADDRESS_OF_APP, address)  # for the processes that send alerts, which link to the app

    def ready() -> None:
        print(f"Runs are kept in {home()}\nLesionLab runs at {address} (stop it with Ctrl-C)", flush=True)
        if show:
            open_browser(address)

    # A library that is being imported may swallow the exception that Ctrl-C raises.
    usual = signal.signal(signal.SIGINT, leave)
    print("LesionLab is starting …", flush=True)
    with quick_imports():
        app = create_app(store, settings, on_ready=ready)
    gc.freeze()  # Streamlit looks for garbage after each run of a page; among what is frozen there is none
    signal.signal(signal.SIGINT, usual)

    # uvicorn shuts down in order and then raises the signal again.
    with suppress(KeyboardInterrupt):
        Server(app, settings.room, app.state.events.close).run([listener])


def leave(*_: object) -> NoReturn:
    """Exit at once; nothing is served yet."""
    with suppress(RuntimeError):  # it was just printing something else
        print("\nLesionLab has stopped.", flush=True)
    os._exit(0)


def continuing_runs(store: RunStore) -> str:
    """Return a sentence on the runs that continue after the app has stopped, and the commands to stop them."""
    going_on = [run for run in store.list_runs() if run.is_active]
    if not going_on:
        return ""
    training = sum(run.is_running for run in going_on)
    count = f"{len(going_on)} {'run goes' if len(going_on) == 1 else 'runs go'} on"
    listed = "".join(f"\n  {run.label}, {run.status}: python -m seg_core runs stop {run.id}" for run in reversed(going_on))
    return f" {count} ({training} training, {len(going_on) - training} waiting); to stop one:{listed}"


def __getattr__(name: str) -> NoReturn:
    """Explain how to start the app when `streamlit run app.py` looks for an ASGI application in this module."""
    if "streamlit.web.cli" in sys.modules and not name.startswith("__"):
        sys.exit("LesionLab is more than its Streamlit pages: start it with `python app.py` or `make app`.")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "__main__":
    sys.exit(main())
