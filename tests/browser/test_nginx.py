"""The whole app below /lesionlab/ of a real nginx, whether it cuts the path off or passes it on."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from seg_core.common.home import PROJECT
from seg_core.config import Config
from seg_core.runs.store import RunStore
from seg_core.runs.worker import work
from tests.app_process import AppProcess
from tests.fake_worker import fake_train
from tests.helpers import forget_leaving, go_to, wait_until

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed (on Debian: apt-get install nginx-light)"),
]

CONFIG = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; client_max_body_size 200m; client_body_buffer_size 16m;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
  server {{
    listen 127.0.0.1:{port};
    location /lesionlab/ {{
      proxy_pass {app}; proxy_http_version 1.1; proxy_buffering off; proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade; {header}
    }}
  }}
}}
"""


class Nginx:
    """A running nginx; ``url`` is where the app answers through it."""

    def __init__(self, folder: Path, app: str, header: str = "") -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/lesionlab"
        self.folder = folder
        config = folder / "nginx.conf"
        config.write_text(CONFIG.format(folder=folder, port=port, app=app, header=header))
        command = [str(NGINX), "-c", str(config), "-e", str(folder / "error.log")]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_until(self.answers, what="nginx answers")

    def answers(self) -> bool:
        """True once it passes requests on to the app."""
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/api/health").status_code in (200, 401)
        return False

    def __enter__(self) -> Nginx:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    """The app with one run that has ended; it knows where its proxy is, not below which path."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seg_core.runs.worker.dispatch", lambda store: [])
        store = RunStore(home / "lesionlab.db")
        work(store.queue.add("first try", Config.of("report", epochs=3), "sample").id, store, fake_train)
        store.close()
    app = AppProcess(home, ["--proxy", "127.0.0.1"])
    yield app
    assert "Traceback" not in app.stop()


def test_every_page_works_below_a_path_that_the_proxy_cuts_off(
    app: AppProcess, page: Page, tmp_path: Path, problems: list[str]
) -> None:
    address = f"{app.url.replace('localhost', '127.0.0.1')}/"
    with Nginx(tmp_path, address, "proxy_set_header X-Forwarded-Prefix /lesionlab;") as nginx:
        use_every_page(page, nginx.url, problems)
    assert (tmp_path / "error.log").read_text() == ""


def use_every_page(page: Page, url: str, problems: list[str]) -> None:
    """Open all pages from the top of each other and by their addresses; every request has to stay below ``url``."""
    outside: list[str] = []
    page.on("request", lambda asked: outside.append(asked.url) if not asked.url.startswith((url, "data:", "blob:")) else None)

    page.goto(url)
    expect(page).to_have_url(f"{url}/")
    expect(page.locator(".wipe canvas[data-drawn]")).to_have_count(2)
    expect(page.get_by_text("No run trains or waits.")).to_be_visible()
    for name, there in (
        ("Train", page.get_by_text("Every photograph has its mask")),
        ("Monitor", page.locator(".mask-timeline canvas[aria-label]").first),
        ("Data", page.locator(".gallery img").first),
        ("Report", page.locator(".live-charts .main-svg").first),
        ("Compare", page.get_by_role("button", name="Evaluate")),
    ):
        go_to(page, name)
        expect(there).to_be_visible(timeout=90_000)
    page.goto(f"{url}/predict")
    widget = page.frame_locator("iframe")
    widget.locator("#photographs input[type=file]").set_input_files(PROJECT / "pages" / "examples" / "hairs.jpg")
    expect(widget.get_by_text("Lesion area").first).to_be_visible(timeout=90_000)
    page.goto(f"{url}/?clone=1")
    expect(page.get_by_text("Data and settings of")).to_be_visible(timeout=90_000)
    forget_leaving(problems)
    expect(page).to_have_url(f"{url}/train?clone=1")
    page.goto(f"{url}/api/docs")
    expect(page.get_by_text("/api/health")).to_be_visible()
    assert outside == []
    page.goto("about:blank")


def test_the_path_may_be_passed_on_and_named_on_the_command_line(page: Page, tmp_path: Path) -> None:
    app = AppProcess(tmp_path / "home", ["--root-path", "lesionlab/"], LESIONLAB_PASSWORD="open sesame")
    assert app.url.endswith("/lesionlab")
    host = app.url.replace("localhost", "127.0.0.1").removesuffix("/lesionlab")
    try:
        with Nginx(tmp_path, host) as nginx:
            for url in (nginx.url, app.url):  # through the proxy, and beside it
                page.goto(f"{url}/monitor")
                expect(page).to_have_url(f"{url}/sign-in?next=/lesionlab/monitor")
                page.get_by_label("Password").fill("open sesame")
                page.get_by_role("button", name="Sign in").click()
                expect(page).to_have_url(f"{url}/monitor")
                expect(page.get_by_text("No runs yet")).to_be_visible()
                page.get_by_text("Sign out").click()
                expect(page).to_have_url(f"{url}/sign-in")
    finally:
        assert "Traceback" not in app.stop()
