"""A web server that receives alerts, and fails in the ways that addresses fail. Nothing leaves the machine."""

from __future__ import annotations

import email
import email.message
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, TCPServer
from typing import Any

SECRET = "s3cr3t-t0ken"
"""A part of every address, which must be found nowhere."""


class _Handler(BaseHTTPRequestHandler):
    server: AlertServer

    def do_POST(self) -> None:
        """Answer with the status in the path, as in /500/…; keep /hang/… waiting until the server ends."""
        fields = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        kind = self.path.split("/")[1]
        self.server.received.append((kind, fields))
        if kind == "hang":
            self.server.ends.wait()
        self.send_response(int(kind) if kind.isdecimal() else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class AlertServer(ThreadingHTTPServer):
    """Keeps what it ``received``: the first part of the path, and the fields."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[tuple[str, dict[str, Any]]] = []
        self.ends = threading.Event()

    def address(self, kind: str = "hook", scheme: str = "http") -> str:
        """Return an address with a secret in it: ``hook``, ``hang``, or a status such as ``500``."""
        return f"{scheme}://127.0.0.1:{self.server_port}/{kind}/{SECRET}"

    def events(self, kind: str = "hook") -> list[str]:
        """Return the events that an address received."""
        return [fields["event"] for to, fields in self.received if to == kind]


@contextmanager
def alert_server() -> Iterator[AlertServer]:
    """A server on a free port, in a thread of its own."""
    with AlertServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.ends.set()
            server.shutdown()
            thread.join()


class _MailHandler(StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        """Speak as much of SMTP (RFC 5321) as delivering one message takes."""
        self.wfile.write(b"220 test\r\n")
        while line := self.rfile.readline():
            word = line.split()[0].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                message = iter(self.rfile.readline, b".\r\n")
                self.server.received.append(email.message_from_bytes(b"".join(message)))
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")


class MailServer(TCPServer):
    """Keeps the e-mails that it ``received``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _MailHandler)
        self.received: list[email.message.Message] = []

    @property
    def address(self) -> str:
        """An address of apprise that leads here."""
        port = self.server_address[1]
        return f"mailto://127.0.0.1:{port}?smtp=127.0.0.1&from=lab@example.org&to=me@example.org&mode=insecure"


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A mail server on a free port, in a thread of its own."""
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
