"""A web server with archives like the challenge's, which can fail in the ways that servers and networks fail."""

from __future__ import annotations

import hashlib
import io
import random
import re
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from zipfile import ZIP_DEFLATED, ZipFile

FOUR = [f"ISBI2016_ISIC_Part1_{split}_{kind}.zip" for split in ("Training", "Test") for kind in ("Data", "GroundTruth")]
TRAINING_DATA, TRAINING_MASKS, TEST_DATA, TEST_MASKS = FOUR
PAIRS = {"Training": 3, "Test": 2}


class Seen(NamedTuple):
    """A request that the server received; ``file`` is the last component of its path."""

    method: str
    path: str
    headers: dict[str, str]

    @property
    def file(self) -> str:
        return self.path.rpartition("/")[2]


class Handler(BaseHTTPRequestHandler):
    """Serves the server's files, or the next fault, as long as there is one for the method and file."""

    server: Server

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        seen = Seen(self.command, self.path, dict(self.headers))
        self.server.seen.append(seen)
        faults = self.server.faults.get((self.command, seen.file))
        if faults:
            faults.pop(0)(self)
        else:
            self.serve()

    def serve(self, only: int | None = None) -> None:
        """Answer correctly; with ``only``, announce the whole content but send only that many bytes of it."""
        file = self.path.rpartition("/")[2]
        if file not in self.server.files:
            self.fail(404)
            return
        content, etag = self.server.files[file], self.server.etag(file)
        start, first = 0, re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") in (None, etag) or self.server.ignores_if_range
        if first and same and not self.server.ignores_range:
            start = int(first[1])
            if start >= len(content):
                self.fail(416, {"Content-Range": f"bytes */{len(content)}"})
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if self.server.states_length:
            self.send_header("Content-Length", str(len(content) - start))
        self.send_header("Content-Type", "application/zip")
        if etag:
            self.send_header("ETag", etag)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[start : None if only is None else start + only])

    def fail(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        """Answer with a status, headers and a body of the test's choice."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: tests read `Server.seen`."""


Fault = Callable[[Handler], None]


def breaks_after(count: int) -> Fault:
    """End the connection after ``count`` bytes of the body."""
    return lambda handler: handler.serve(only=count)


def resets_after(count: int) -> Fault:
    """Reset the connection after ``count`` bytes of the body, as the system of a dying server does."""

    def fault(handler: Handler) -> None:
        handler.serve(only=count)
        handler.wfile.flush()
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()

    return fault


def answers(status: int, body: bytes = b"", **headers: str) -> Fault:
    """Give another answer; keywords such as ``Content_Type="…"`` are its headers."""
    return lambda handler: handler.fail(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


class Server(ThreadingHTTPServer):
    """Serves ``files`` by name, with their MD5 as ETag unless ``etags`` has another; records every request in ``seen``."""

    daemon_threads = True

    def __init__(self, files: Mapping[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.etags, self.seen = dict(files), dict[str, str](), list[Seen]()
        self.faults: dict[tuple[str, str], list[Fault]] = {}
        self.ignores_range = self.ignores_if_range = False
        self.states_length = True
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/2016"

    def etag(self, file: str) -> str:
        return self.etags.get(file, f'"{hashlib.md5(self.files[file]).hexdigest()}"')

    def gets(self, file: str | None = None) -> list[Seen]:
        """Return the GET requests for one file, or for all."""
        return [seen for seen in self.seen if seen.method == "GET" and file in (None, seen.file)]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore it: some tests disconnect while they are served."""

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


def content(name: str) -> bytes:
    """Return 2,000 incompressible bytes in place of a photograph or mask, always the same for a name."""
    return random.Random(name).randbytes(2000)


def pack(members: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of the members."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as archive:
        for path, data in members.items():
            archive.writestr(path, data)
    return buffer.getvalue()


def ids(split: str) -> list[str]:
    """Return the ids of a split: 0 to 2 train, 3 and 4 test."""
    return [f"ISIC_{number:07d}" for number in (range(3) if split == "Training" else range(3, 5))]


def challenge_archives() -> dict[str, bytes]:
    """Return small versions of the four archives, each with another layout: a top folder or none, and files that systems add."""
    photos = {split: [f"{id}.jpg" for id in ids(split)] for split in PAIRS}
    masks = {split: [f"{id}_Segmentation.png" for id in ids(split)] for split in PAIRS}
    top = TRAINING_DATA.removesuffix(".zip")
    data = {f"{top}/": b"", **{f"{top}/{name}": content(name) for name in photos["Training"]}}
    data |= {f"__MACOSX/{top}/._{name}": b"attributes" for name in photos["Training"]}
    data |= {f"__MACOSX/{top}/{photos['Training'][0]}": b"thumbnail", f"{top}/.DS_Store": b"finder"}
    test_masks = {f"masks\\of\\the test\\{name}": content(name) for name in masks["Test"]}
    test_masks |= {"ISBI2016_ISIC_Part1_Test_GroundTruth.csv": b"ISIC_0000003,1\n", "LICENSE.txt": b"CC-0"}
    return {
        TRAINING_DATA: pack(data),
        TRAINING_MASKS: pack({name: content(name) for name in masks["Training"]}),
        TEST_DATA: pack({f"a/b/{name}": content(name) for name in photos["Test"]}),
        TEST_MASKS: pack(test_masks),
    }
