"""Sessions and wrong passwords: the memory of the access guard."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
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
    """Signed session cookies, made of a random name and the time; only the names of sessions that have ended are stored.

    Args:
        key: signs the cookies; see `signing_key`.
        ended: folder with an empty file for each session that has ended, which all processes with this home look at and which
            outlives them. It is made when the first one ends.
    """

    def __init__(self, key: bytes, ended: Path) -> None:
        self._signer = TimestampSigner(key, digest_method=hashlib.sha256, key_derivation="hmac")
        self._ended = ended
        self._not_written: set[str] = set()

    def begin(self) -> str:
        """Begin a session and return its cookie."""
        return self._signer.sign(secrets.token_urlsafe(16)).decode()

    def check(self, cookie: str) -> str | None:
        """Return the name of a cookie's session; None if the cookie is forged or expired, or the session has ended."""
        try:
            name = self._signer.unsign(cookie, max_age=SESSION_SECONDS).decode()
        except BadSignature:
            return None
        return None if name in self._not_written or (self._ended / name).exists() else name

    def end(self, name: str) -> None:
        """End a session: its cookie is no longer accepted. Those whose cookies have expired by now are forgotten."""
        try:
            self._ended.mkdir(mode=0o700, exist_ok=True)
            (self._ended / name).touch()
        except OSError:  # a full disk, for instance: until the app restarts it remembers by itself
            self._not_written.add(name)
            return
        expired = time.time() - SESSION_SECONDS
        for file in self._ended.iterdir():
            with suppress(FileNotFoundError):  # another process forgets it too
                if file.stat().st_mtime < expired:
                    file.unlink()


@dataclass
class _Record:
    wrong: int = 0
    locked_until: float = 0.0


class Guesses:
    """Count of wrong passwords, by address and in all.

    From an address's fifth on, each doubles the time until it may try again, up to four minutes. From the twentieth of all
    addresses on, each does so for all addresses that have guessed wrong. One that never did may always try once: whoever
    knows the password comes in, however many others guess.
    """

    FREE = 5
    FREE_IN_ALL = 20
    DOUBLINGS = 8
    FORGET_AFTER = 3600.0
    MOST_ADDRESSES = 10_000

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: dict[str, _Record] = {}  # the one whose last wrong password is longest ago stands first
        self._all = _Record()

    def wait(self, address: str) -> float:
        """Return the seconds until an address may try again; 0 if it may now."""
        if (record := self._records.get(guesser(address))) is None:
            return 0.0
        return max(0.0, max(record.locked_until, self._all.locked_until) - self._clock())

    def wrong(self, address: str) -> None:
        """Count a wrong password."""
        now = self._clock()
        if self._is_forgotten(self._all, now):
            self._all = _Record()
        record = self._records.pop(guesser(address), None)
        if record is None or self._is_forgotten(record, now):
            record = _Record()
        self._records[guesser(address)] = record
        self._count(record, self.FREE, now)
        self._count(self._all, self.FREE_IN_ALL, now)
        while len(self._records) > self.MOST_ADDRESSES or self._is_forgotten(next(iter(self._records.values())), now):
            del self._records[next(iter(self._records))]

    def right(self, address: str) -> None:
        """Forget the wrong passwords of an address that gave the right one."""
        self._records.pop(guesser(address), None)

    def _count(self, record: _Record, free: int, now: float) -> None:
        record.wrong += 1
        record.locked_until = now + (2.0 ** min(record.wrong - free, self.DOUBLINGS) if record.wrong >= free else 0)

    def _is_forgotten(self, record: _Record, now: float) -> bool:
        return record.wrong > 0 and record.locked_until + self.FORGET_AFTER < now


def guesser(address: str) -> str:
    """Return what wrong passwords of an address are counted by: of IPv6, a visitor has a whole network of 2**64 addresses."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address
