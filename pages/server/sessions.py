"""Sessions and wrong passwords: the memory of the access guard."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from itsdangerous import BadSignature, TimestampSigner

SESSION_SECONDS = 7 * 24 * 3600


def signing_key(file: Path, password: str) -> bytes:
    """Return the key that signs sessions, derived from the password and a secret file, which is made when missing (mode 600).

    Visitors stay signed in when the app restarts. Another password, or deleting the file, signs everyone out.
    """
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secrets.token_bytes(32))
    return hmac.digest(file.read_bytes(), password.encode(), "sha256")


class Sessions:
    """Signed session cookies, made of a random name and the time; only the names of sessions that have ended are stored."""

    def __init__(self, key: bytes) -> None:
        self._signer = TimestampSigner(key, digest_method=hashlib.sha256, key_derivation="hmac")
        self._ended: dict[str, float] = {}

    def begin(self) -> str:
        """Begin a session and return its cookie."""
        return self._signer.sign(secrets.token_urlsafe(16)).decode()

    def check(self, cookie: str) -> str | None:
        """Return the name of a cookie's session; None if the cookie is forged or expired, or the session has ended."""
        try:
            name = self._signer.unsign(cookie, max_age=SESSION_SECONDS).decode()
        except BadSignature:
            return None
        return None if name in self._ended else name

    def end(self, name: str) -> None:
        """End a session: its cookie is no longer accepted."""
        now = time.monotonic()
        self._ended = {other: until for other, until in self._ended.items() if until > now}
        self._ended[name] = now + SESSION_SECONDS


@dataclass
class _Record:
    wrong: int = 0
    locked_until: float = 0.0


class Guesses:
    """Count of wrong passwords by address. From the fifth on, each doubles the wait, up to four minutes."""

    FREE = 5
    DOUBLINGS = 8
    FORGET_AFTER = 3600.0

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: dict[str, _Record] = {}

    def wait(self, address: str) -> float:
        """Return the seconds until an address may try again; 0 if it may now."""
        record = self._records.get(address)
        return max(0.0, record.locked_until - self._clock()) if record else 0.0

    def wrong(self, address: str) -> None:
        """Count a wrong password."""
        now = self._clock()
        self._records = {name: record for name, record in self._records.items() if record.locked_until + self.FORGET_AFTER > now}
        record = self._records.setdefault(address, _Record(locked_until=now))
        record.wrong += 1
        if record.wrong >= self.FREE:
            record.locked_until = now + 2.0 ** min(record.wrong - self.FREE, self.DOUBLINGS)

    def right(self, address: str) -> None:
        """Forget the wrong passwords of an address that gave the right one."""
        self._records.pop(address, None)
