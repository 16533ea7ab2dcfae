"""Fixtures of all tests: a home folder for each test, the running app, and a browser that reports everything that goes wrong."""

from __future__ import annotations

import atexit
import gc
import os
import sys

# One thread for torch, in the tests and in what they start: on tiny images several only wait for each other. torch reads this
# when it is imported, so it stands before all other imports.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
import typer
from hypothesis import settings
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from seg_core.data import check
from seg_core.data.check import LoadedPair
from seg_core.data.folders import Pair
from seg_core.data.isic2016 import download, fetch
from tests.app_process import AppProcess
from tests.archive_server import PAIRS, Server, challenge_archives
from tests.find_chromium import ADVICE, FLAGS, find_chromium
from tests.helpers import thin_networks

if TYPE_CHECKING:
    from tests.postgres import Postgres

pytest_plugins = ["tests.fixtures"]

settings.register_profile("lesionlab", deadline=None)  # a busy machine is no failure
settings.load_profile("lesionlab")

PATIENCE = 60_000
"""Milliseconds that a page has, on a busy machine, to show what it should."""

# Reports every exception box that Streamlit shows, however briefly, as an error of the page.
WATCH_FOR_EXCEPTIONS = """
new MutationObserver(() => {
  for (const box of document.querySelectorAll('[data-testid="stException"]:not([data-seen])')) {
    box.dataset.seen = "yes"; console.error("stException: " + box.innerText);
  }
}).observe(document, { childList: true, subtree: true });
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests of stores run on a database server too."""
    parser.addoption("--store", choices=["sqlite", "postgres"], default="sqlite", help="what keeps the runs of each test")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the tests of several machines out, where none of their servers runs."""
    return True if collection_path.name == "cluster" and config.getoption("--store") == "sqlite" else None


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[Postgres | None]:
    """The database server that keeps the runs of all tests, if one does."""
    if request.config.getoption("--store") == "sqlite":
        yield None
        return
    from tests.postgres import Postgres

    with Postgres() as server:
        yield server


def pytest_collection() -> None:
    """Look for no garbage while test files are imported: there is none, and looking takes a quarter of the time."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Leave what was imported out of all later searches for garbage; Streamlit searches after each run of a page."""
    gc.freeze()
    gc.enable()
    atexit.register(gc.unfreeze)  # the end of the process frees what was imported


@pytest.fixture(scope="session", autouse=True)
def looked_up_once() -> Iterator[None]:
    """Keep what libraries would look up again for each page or training of a test, or compile again for each model.

    Streamlit's `AppTest` looks for components in all installed packages, which takes 0.2 s, and Fabric for callbacks. What no
    test file has imported is not needed.
    """
    with pytest.MonkeyPatch.context() as patch:
        if "streamlit.testing.v1" in sys.modules:
            from streamlit.components.v2 import manifest_scanner

            patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        if "lightning_fabric" in sys.modules:
            patch.setattr("lightning_fabric.utilities.registry.entry_points", cache(entry_points))
        if "seg_core.prediction.checkpoint" in sys.modules:
            from seg_core.prediction import engine

            patch.setattr(engine, "compiled", lru_cache(16)(engine.compiled))
        if "seg_core.cli" in sys.modules:
            patch.setattr("typer.main.get_command", cache(typer.main.get_command))
        if "httpx" in sys.modules:
            patch.setattr("httpx._transports.default.create_ssl_context", cache(httpx.create_ssl_context))
        yield


@pytest.fixture(autouse=True)
def lab_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: Postgres | None) -> Path:
    """An empty LESIONLAB_HOME for each test, and an empty store, so that no test touches the user's runs."""
    home = tmp_path / "lesionlab-home"
    home.mkdir()
    monkeypatch.setenv("LESIONLAB_HOME", str(home))
    monkeypatch.delenv("LESIONLAB_PASSWORD", raising=False)
    monkeypatch.delenv("LESIONLAB_VIEWER_PASSWORD", raising=False)
    monkeypatch.delenv("LESIONLAB_ALERTS", raising=False)
    monkeypatch.delenv("LESIONLAB_STORE", raising=False)
    if postgres:
        monkeypatch.setenv("LESIONLAB_STORE", postgres.new_store())
    return home


@pytest.fixture(scope="module")
def thin_network() -> Iterator[None]:
    """Networks of few channels, for a whole test file."""
    with thin_networks():
        yield


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Pair]:
    """The pairs that this process decodes from now on; a pair decoded twice is listed twice."""
    pairs: list[Pair] = []
    load = check.load_pair

    def counting(pair: Pair, size: int) -> LoadedPair:
        pairs.append(pair)
        return load(pair, size)

    monkeypatch.setattr(check, "load_pair", counting)
    return pairs


@pytest.fixture
def archives(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server with small versions of the challenge's archives, which downloads use without a proxy and without waiting."""
    server = Server(challenge_archives())
    monkeypatch.setenv("LESIONLAB_ISIC_URL", server.url)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(fetch, "PAIRS", PAIRS)
    monkeypatch.setattr(download, "WAITS", (0, 0))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def app_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """The running app, one for each test file; a traceback on its terminal is a failure."""
    app = AppProcess(tmp_path_factory.mktemp("app-home"))
    try:
        yield app
    finally:
        errors = app.stop()
    assert "Traceback" not in errors, errors


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, with generous timeouts for a busy machine."""
    expect.set_options(timeout=PATIENCE)
    if (executable := find_chromium()) is None:
        pytest.fail(ADVICE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def problems() -> list[str]:
    """Complaints of the browser; a test that provokes one removes it from this list."""
    return []


@pytest.fixture(scope="module")
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile for a test file, which loads the app's scripts once."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    context.add_init_script(WATCH_FOR_EXCEPTIONS)
    yield context
    context.close()


@pytest.fixture
def page(profile: BrowserContext, problems: list[str]) -> Iterator[Page]:
    """A page in a browser that remembers nothing. Any complaint, and any request to another machine, fails the test."""
    watches: dict[str, Callable[[Any], None]] = {
        "console": lambda message: problems.extend(_complaint(message)),
        "weberror": lambda error: problems.append(f"script error: {error.error}"),
        "request": lambda request: problems.extend(_leak(request)),
    }
    for event, watch in watches.items():
        profile.on(event, watch)  # type: ignore[call-overload] # its stubs name each event apart
    yield profile.new_page()
    for page in profile.pages:
        if page.url.startswith("http"):
            page.evaluate("() => localStorage.clear()")
        page.close()
    profile.clear_cookies()
    for event, watch in watches.items():
        profile.remove_listener(event, watch)
    assert not problems, "\n".join(problems)


def _complaint(message: ConsoleMessage) -> list[str]:
    return [f"console: {message.text} ({message.location['url']})"] if message.type == "error" else []


def _leak(request: Request) -> list[str]:
    address = urlsplit(request.url)
    at_home = address.scheme in ("data", "blob", "about") or address.hostname in ("localhost", "127.0.0.1")
    return [] if at_home else [f"a request left this machine: {request.url}"]
