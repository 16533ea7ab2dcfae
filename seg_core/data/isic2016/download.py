"""Download of one file over HTTP, which appears whole or not at all and resumes where an earlier try stopped.

A file is downloaded as FILE.part, beside FILE.part.etag, which names the server's version of the file.
"""

from __future__ import annotations

import hashlib
import re
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from http.client import HTTPException, HTTPResponse, responses
from pathlib import Path
from typing import TypeVar, cast
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, build_opener

from seg_core.common.versions import VERSION
from seg_core.errors import InputError

T = TypeVar("T")

WAITS: tuple[float, ...] = (1, 2, 4, 8, 16)
"""Seconds between tries; when they are used up, the download fails."""
GAIN_BYTES = 1 << 20
"""A try that gained this much was no failure: the waits start over."""
SILENCE_SECONDS = 30.0
"""A connection that is silent for this long counts as broken."""
BLOCK_BYTES = 1 << 20

_LOOK_SECONDS = 0.25
_OK, _PARTIAL, _BEYOND_THE_END = 200, 206, 416
_MAY_PASS = {408, 429, 500, 502, 503, 504}
# The last two are raised for a malformed address of a proxy or server.
_CONNECTION_ERRORS = (OSError, HTTPException, ValueError, OverflowError)
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]+"')
_MD5 = re.compile(r'"([0-9a-f]{32})"')
_CHECK_NETWORK = "check the network connection, and the proxy if there is one, and start again: what was fetched is kept"


class FetchStopped(Exception):
    """The caller asked to stop; what was fetched is kept."""


class _Broken(Exception):
    """A try failed for a reason that may be temporary."""

    def __init__(self, problem: str, advice: str = _CHECK_NETWORK) -> None:
        super().__init__(problem)
        self.problem, self.advice = problem, advice


class Downloader:
    """Fetches files, and tries again when a connection breaks. Proxies are those of the environment.

    A server that cannot be reached at all is tried once: only after it has answered can a failure be temporary.

    Args:
        should_stop: asked before every block, and several times a second while waiting.
        say: gets a line of text whenever a try failed and another one follows.
        advice: what the user can do about a server that refuses or fails; it ends the error message.
        waits: see `WAITS`.
    """

    def __init__(
        self,
        should_stop: Callable[[], bool] = lambda: False,
        say: Callable[[str], None] = lambda text: None,
        advice: str = "try again later",
        waits: Sequence[float] | None = None,
    ) -> None:
        self._should_stop, self._say, self._advice = should_stop, say, advice
        self._waits = WAITS if waits is None else waits
        self._opener = build_opener()
        self._reached = False

    def size_of(self, url: str) -> int | None:
        """Return the size of the file in bytes; None if the server does not state it.

        Raises:
            InputError: if the server cannot be reached, refuses, or keeps failing.
            FetchStopped: if ``should_stop`` returned True.
        """

        def ask() -> int | None:
            with closing(self._open(url, "HEAD", {})) as response:
                return _size(response)

        return self._persist(ask, lambda: 0)

    def fetch(self, url: str, file: Path, on_bytes: Callable[[int], None]) -> None:
        """Fetch a file, or the rest of it; ``on_bytes`` gets the number of bytes fetched so far.

        Its length is compared with what the server states, and its MD5 if the ETag is one (as on S3, for files that were
        uploaded in one piece).

        Raises:
            InputError: as `size_of`, and if the content is not what the server states.
            FetchStopped: if ``should_stop`` returned True.
            OSError: if the file cannot be written.
        """
        part = part_of(file)
        self._persist(lambda: self._receive(url, part, on_bytes), lambda: part.stat().st_size if part.exists() else 0)
        if (stated := _MD5.fullmatch(_kept_etag(part))) and _md5(part) != stated[1]:
            discard_part(file)
            raise InputError(
                f"{file.name} arrived damaged: its MD5 is not the one that {_host(url)} states; it was deleted, so start again."
            )
        part.replace(file)
        discard_part(file)

    def _receive(self, url: str, part: Path, on_bytes: Callable[[int], None]) -> None:
        """Try once: ask for what is missing, and take all if the server has no ranges or has another version by now."""
        etag = _kept_etag(part)
        here = part.stat().st_size if etag and part.exists() else 0
        with closing(self._open(url, "GET", {"Range": f"bytes={here}-", "If-Range": etag} if here else {})) as response:
            total = _size(response)
            if response.status == _OK:
                here = 0
                part.write_bytes(b"")  # before the note, which must never be beside bytes of another version
                _note_of(part).write_text(_etag(response))
            elif response.status == _BEYOND_THE_END and here == total:
                return
            elif not (here and _first_byte(response) == here and _etag(response) in (etag, "")):
                part.unlink(missing_ok=True)
                raise _Broken(f"{_host(url)} sent something other than the rest of the file", self._advice)
            on_bytes(here)
            with part.open("ab") as file:
                while block := self._read(response):
                    file.write(block)
                    here += len(block)
                    on_bytes(here)
        if total is not None and here != total:
            raise _Broken(f"The connection to {_host(url)} broke off")

    def _open(self, url: str, method: str, headers: dict[str, str]) -> HTTPResponse:
        """Send a request and return the answer, if its content can be used."""
        self._stop_if_asked()
        host, name = _host(url), url.rpartition("/")[2]
        try:
            request = Request(url, method=method, headers={"User-Agent": f"LesionLab/{VERSION}", **headers})
            response = cast(HTTPResponse, self._opener.open(request, timeout=SILENCE_SECONDS))
        except HTTPError as error:  # an answer like any other, with a status of 400 or more
            response = cast(HTTPResponse, error)
        except _CONNECTION_ERRORS as error:
            raise _not_reached(host, error) from None
        self._reached = True
        if response.status == _BEYOND_THE_END and "Range" in headers:
            return response
        if response.status not in (_OK, _PARTIAL):
            problem = f"{host} answers {response.status} ({responses.get(response.status, 'unknown')}) to the request for {name}"
        elif response.headers.get_content_type() == "text/html":
            problem = f"{host} sent a web page instead of {name}, as networks do that want you to sign in first"
        else:
            return response
        response.close()
        if response.status in _MAY_PASS:
            raise _Broken(problem, self._advice)
        raise InputError(f"{problem}; {self._advice}.")

    def _read(self, response: HTTPResponse) -> bytes:
        """Return what has arrived, at most one block; nothing at the end."""
        self._stop_if_asked()
        try:
            return response.read1(BLOCK_BYTES)
        except _CONNECTION_ERRORS as error:
            raise _Broken(f"The connection broke off ({_reason(error)})") from None

    def _persist(self, attempt: Callable[[], T], bytes_here: Callable[[], int]) -> T:
        """Try until it works or no wait is left."""
        failures, furthest = 0, bytes_here()
        while True:
            try:
                return attempt()
            except _Broken as broken:
                if bytes_here() >= furthest + GAIN_BYTES:
                    failures = 0
                furthest = max(furthest, bytes_here())
                if not self._reached or failures == len(self._waits):
                    raise InputError(f"{broken.problem}; {broken.advice}.") from None
                self._say(f"{broken.problem}; trying again in {self._waits[failures]:g} s")
                self._wait(self._waits[failures])
                failures += 1

    def _wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._stop_if_asked()
            time.sleep(min(left, _LOOK_SECONDS))

    def _stop_if_asked(self) -> None:
        if self._should_stop():
            raise FetchStopped


def part_of(file: Path) -> Path:
    """Return the place of a file while it is fetched."""
    return file.with_name(f"{file.name}.part")


def discard_part(file: Path) -> None:
    """Delete what was fetched of a file; the whole file, if there is one, stays."""
    for path in (part_of(file), _note_of(part_of(file))):
        path.unlink(missing_ok=True)


def _note_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.etag")


def _kept_etag(part: Path) -> str:
    """Return the version of the bytes in ``part``; empty if unknown, so that nothing is appended to them."""
    note = _note_of(part)
    return _strong(note.read_text("ascii", "replace")) if note.exists() else ""


def _etag(response: HTTPResponse) -> str:
    return _strong(response.headers.get("ETag", ""))


def _strong(etag: str) -> str:
    """Return a strong ETag, or nothing: a weak one (``W/"…"``) does not promise the same bytes (RFC 9110, 13.1.5)."""
    return etag if _STRONG_ETAG.fullmatch(etag) else ""


def _size(response: HTTPResponse) -> int | None:
    """Return the length of the whole file, also if this answer holds only the rest of it."""
    if response.status == _OK:
        stated = re.fullmatch(r"(\d+)", response.headers.get("Content-Length", ""))
    else:
        stated = re.fullmatch(r"bytes [^/]+/(\d+)", response.headers.get("Content-Range", ""))
    return int(stated[1]) if stated else None


def _first_byte(response: HTTPResponse) -> int | None:
    stated = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(stated[1]) if stated else None


def _md5(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _not_reached(host: str, error: Exception) -> Exception:
    cause = error.reason if isinstance(error, URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return InputError(
            f"The certificate of {host} cannot be verified ({cause.verify_message}); if there is a proxy in between, "
            "set SSL_CERT_FILE to its certificate, and on macOS run Install Certificates.command of your Python."
        )
    return _Broken(f"{host} cannot be reached ({_reason(error)})")


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, URLError) else error
    return " ".join(str(getattr(cause, "strerror", None) or cause or type(cause).__name__).split())
