"""Strangers who open connections, send too much or too slowly: the app goes on serving everyone else."""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from collections.abc import Iterator

import httpx
import psutil
import pytest

from tests.app_process import AppProcess
from tests.helpers import PASSWORD, wait_until

pytestmark = pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4096, reason="opens 2,000 connections itself")


@contextlib.contextmanager
def connections(app: AppProcess, count: int, begin: bytes) -> Iterator[list[socket.socket]]:
    """Open connections that send the beginning of a request and then nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    port = httpx.URL(app.url).port or 0
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(count):
            opened.append(stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20)))
            with contextlib.suppress(ConnectionError):  # cut off already
                opened[-1].sendall(begin)
        yield opened


def sign_in(app: AppProcess) -> float:
    """Sign in as a visitor does, and return the seconds it took."""
    begin = time.monotonic()
    with httpx.Client(base_url=app.url, timeout=20) as visitor:
        assert "Password" in visitor.get("/sign-in").text
        assert visitor.post("/sign-in", data={"password": PASSWORD}).status_code == 303
        assert visitor.get("/api/health").json()["status"] == "ok"
    return time.monotonic() - begin


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(b"", id="silent", marks=pytest.mark.slow),
        pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ", id="headers"),
        # Answered, and kept open:
        pytest.param(b"GET /sign-in HTTP/1.1\r\nHost: localhost\r\n\r\n", id="idle", marks=pytest.mark.slow),
        pytest.param(
            b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\npassword=",
            id="form",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            b"POST /predictor/gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n\r\n", id="upload"
        ),
    ],
)
def test_1500_connections_that_hang_keep_nobody_out(attacked_app: AppProcess, begin: bytes) -> None:
    with connections(attacked_app, 1500, begin):
        assert sign_in(attacked_app) < 5


@pytest.mark.parametrize(
    "path",
    [
        "/predictor/gradio_api/queue/join",
        "/api/runs/1/stop",
        *(pytest.param(path, marks=pytest.mark.slow) for path in ("/predictor/gradio_api/run/predict", "/")),
    ],
)
def test_a_json_of_300_mb_is_refused(attacked_app: AppProcess, path: str) -> None:
    """Sent by someone who is signed in, with its length and without; what a stranger sends is not read at all."""
    process = psutil.Process(attacked_app.process.pid)
    # It imports SciPy in the background after it has started.
    wait_until(lambda: any("scipy/ndimage/_ni_label" in each.path for each in process.memory_maps()))
    memory = process.memory_info().rss
    headers: dict[str, str]
    for headers in ({"content-length": str(300 * 2**20)}, {}):
        answer = httpx.post(f"{attacked_app.url}{path}", content=megabytes(300), auth=("", PASSWORD), timeout=60, headers=headers)
        assert (answer.status_code, answer.json()) == (413, {"detail": "This request is too large: at most 1 MB are read here."})
    assert httpx.post(f"{attacked_app.url}{path}", content=megabytes(300), timeout=60).status_code == 401
    assert process.memory_info().rss < memory + 50 * 2**20


@pytest.mark.parametrize(
    "folder", ["assets", "assets/pictures", "predictor/assets", "predictor/static", "predictor/svelte", "static"]
)
def test_an_address_that_no_file_can_have_is_refused(attacked_app: AppProcess, folder: str) -> None:
    for name in ("a" * 5000, "%C3%BC" * 200, "/".join(["a"] * 2000)):
        answer = httpx.get(f"{attacked_app.url}/{folder}/{name}.svg", auth=("", PASSWORD))
        assert (answer.status_code, answer.json()) == (414, {"detail": "This address is too long."})


def megabytes(count: int) -> Iterator[bytes]:
    yield from [b" " * 2**20] * count
