"""The host: its routes, start and stop, and its messages when it cannot start."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from app import continuing_runs, listen, main
from pages.live.plotly import PLOTLY_URL
from pages.server.browser import has_browser
from pages.shared.theme import DARK, FONT, LIGHT, RADIUS
from seg_core.common.home import PROJECT
from seg_core.config import Config
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess
from tests.pages.server.test_headers import script_sources


@pytest.fixture(scope="module")
def client(app_server: AppProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=app_server.url, timeout=30) as client:
        yield client


# Routes


def test_health_answers(client: httpx.Client) -> None:
    answer = client.get("/api/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_unknown_api_addresses_are_404_in_json(client: httpx.Client, method: str) -> None:
    answer = client.request(method, "/api/typo/42")
    assert answer.status_code == 404
    assert answer.json() == {"detail": "There is no /api/typo/42; /api/docs lists what there is."}


def test_predictor_is_found_without_its_slash(client: httpx.Client) -> None:
    answer = client.get("/predictor", follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (200, "/predictor/")
    assert "gradio" in answer.text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/?clone=3&x=a%20b", "/train?clone=3&x=a%20b"),  # Train once was the first page
        ("/?form=2&clone=g3", "/train?form=2&clone=g3"),
        ("/?clone=", "/train?clone="),
        ("/home", "/"),  # Streamlit serves it at / alone
        ("/home?x=1", "/?x=1"),
    ],
)
def test_older_addresses_lead_on(client: httpx.Client, old: str, new: str) -> None:
    answer = client.get(old)
    assert (answer.status_code, answer.headers["location"]) == (307, new)


@pytest.mark.parametrize("path", ["/", "/?x=1", "/train?clone=3", "/monitor", "/predict", "/report"])
def test_pages_are_served(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    ("terminal", "platform", "environment", "there"),
    [
        (True, "linux", {"DISPLAY": ":0"}, True),
        (True, "linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        (True, "darwin", {}, True),
        (True, "linux", {}, False),
        (True, "linux", {"DISPLAY": ":0", "CI": "true"}, False),
        (True, "linux", {"DISPLAY": "localhost:10", "SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}, False),
        (True, "darwin", {"SSH_TTY": "/dev/ttys1"}, False),
        (False, "linux", {"DISPLAY": ":0"}, False),
    ],
)
def test_a_browser_opens_on_a_desktop_alone(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, platform: str, environment: dict[str, str], there: bool
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    assert has_browser(environment, platform) is there


def test_plotly_is_our_own_and_kept(client: httpx.Client) -> None:
    assert PLOTLY_URL.endswith(f"?v={version('plotly')}")
    answer = client.get(PLOTLY_URL)
    assert answer.status_code == 200
    assert "max-age=31536000" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "plotly.js v" in answer.text[:300]


def test_drawings_are_served_and_nothing_else(client: httpx.Client) -> None:
    assert client.get("/assets/mark.svg").headers["content-type"].startswith("image/svg+xml")
    assert client.get("/assets/nothing.svg").status_code == 404
    assert client.get("/assets/..%2F..%2Fdocs.svg").status_code in (400, 404)


def test_api_documentation_loads_nothing_from_elsewhere(client: httpx.Client) -> None:
    text = client.get("/api/docs").text
    assert re.findall(r'(?:src|href)="(?!/|\.\./assets/)[^"]*"', text) == []
    for asset in re.findall(r'(?:src|href)="(/[^"]*)"', text):
        assert client.get(asset).status_code == 200
    assert "/api/health" in client.get("/api/openapi.json").json()["paths"]


def test_torch_is_not_loaded(client: httpx.Client, app_server: AppProcess) -> None:
    assert client.get("/api/health").json()["torch_loaded"] is False
    if hasattr(psutil.Process, "memory_maps"):
        assert not [file.path for file in psutil.Process(app_server.process.pid).memory_maps() if "libtorch" in file.path]


# Headers


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


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_answer_keeps_other_sites_out(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
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
def test_refusals_carry_them_too(client: httpx.Client, headers: dict[str, str]) -> None:
    answer = client.get("/api/runs", headers=headers)
    assert (answer.status_code, answer.headers["cross-origin-resource-policy"]) == (403, "same-origin")


# Start and end


def test_ctrl_c_ends_it_well_even_with_an_open_page(app_server: AppProcess) -> None:
    # The last of the tests that ask this app.
    with httpx.stream("GET", f"{app_server.url}/predictor/gradio_api/heartbeat/one", timeout=30):  # an open page does this
        status, printed = app_server.interrupt()
    assert (status, printed.strip(), app_server.errors()) == (0, "LesionLab has stopped.", "")


def test_ctrl_c_while_it_starts_ends_it_without_a_traceback(lab_home: Path) -> None:
    app = subprocess.Popen([sys.executable, "-u", "app.py", "--port", "0"], cwd=PROJECT, stdout=-1, stderr=-1, text=True)
    assert app.stdout
    assert app.stdout.readline() == "LesionLab is starting …\n"
    app.send_signal(signal.SIGINT)
    printed, errors = app.communicate(timeout=30)
    assert (app.returncode, printed.strip(), errors) == (0, "LesionLab has stopped.", "")


def test_the_terminal_names_the_runs_that_go_on(lab_home: Path) -> None:
    store = RunStore()
    assert continuing_runs(store) == ""
    run = store.queue.add("first try", Config.of("report"), "sample")
    store.queue.add("second try", Config.of("report"), "sample")
    assert store.claims.claim(run.id)
    said = continuing_runs(store)
    store.close()
    assert said == (
        " 2 runs go on (1 training, 1 waiting); to stop one:"
        "\n  #1 first try, running: python -m seg_core runs stop 1"
        "\n  #2 second try, queued: python -m seg_core runs stop 2"
    )


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Output of an app that does not start: one sentence, with exit status 2."""
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    return line


def test_a_port_that_is_taken_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refusal(capsys, "--port", str(port))
    assert line.startswith(f"Port {port} is taken")
    assert f"(process {psutil.Process().pid})" in line
    assert line.endswith(f"`make app PORT={port + 1}`.")


def test_answers_do_not_wait_for_the_browser_to_confirm_their_beginning() -> None:
    with listen("127.0.0.1", 0, "") as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "myhost"])
def test_other_machines_are_let_in_with_a_password_only(capsys: pytest.CaptureFixture[str], host: str) -> None:
    line = refusal(capsys, "--host", host)
    assert line == f"On {host} other machines reach LesionLab; set a password, as in LESIONLAB_PASSWORD=… make app HOST={host}"


def test_an_address_of_another_machine_is_explained(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONLAB_PASSWORD", "open sesame")
    assert refusal(capsys, "--host", "192.0.2.1").startswith("LesionLab cannot listen on 192.0.2.1, port 8501 (")


def test_a_broken_run_database_is_explained(capsys: pytest.CaptureFixture[str], lab_home: Path) -> None:
    (lab_home / "lesionlab.db").write_bytes(b"no database at all" * 100)
    assert "lesionlab.db" in refusal(capsys, "--port", "0")


def test_streamlit_run_says_what_to_type(lab_home: Path) -> None:
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", "0", "--server.headless", "true"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 1
    assert (
        done.stderr.splitlines()[-1] == "LesionLab is more than its Streamlit pages: start it with `python app.py` or `make app`."
    )


def test_importing_the_host_imports_no_face(fresh_app: dict[str, Any]) -> None:
    assert fresh_app["loaded_by_the_host"] == []


def test_building_the_app_imports_no_torch(fresh_app: dict[str, Any]) -> None:
    assert fresh_app["app_loads_torch"] is False


# Settings


@pytest.fixture(scope="module")
def streamlit_toml() -> dict[str, Any]:
    return tomllib.loads((PROJECT / "pages" / ".streamlit" / "config.toml").read_text())


def test_streamlit_reads_our_settings(streamlit_toml: dict[str, Any], fresh_app: dict[str, Any]) -> None:
    sections: dict[str, Any] = {}
    for section, values in streamlit_toml.items():
        for name, value in values.items():
            if isinstance(value, dict):
                sections |= {f"{section}.{name}.{inner}": each for inner, each in value.items()}
            else:
                sections[f"{section}.{name}"] = value
    read = fresh_app["streamlit_settings"]
    assert {name: read[name] for name in sections} == sections
    assert sections["browser.gatherUsageStats"] is False
    assert sections["server.fileWatcherType"] == "none"


def test_streamlit_has_the_colours_of_the_theme(streamlit_toml: dict[str, Any]) -> None:
    theme = streamlit_toml["theme"]
    for name, palette in (("light", LIGHT), ("dark", DARK)):
        keys = ("backgroundColor", "secondaryBackgroundColor", "textColor", "borderColor", "primaryColor")
        assert dict(zip(asdict(palette), (theme[name][key] for key in keys), strict=True)) == asdict(palette)
    assert (theme["font"], theme["baseRadius"]) == (FONT, RADIUS)
    assert "base" not in theme
