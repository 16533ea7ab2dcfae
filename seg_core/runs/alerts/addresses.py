"""The addresses that alerts go to. They hold tokens and passwords, so they are named by their kind wherever people look."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from seg_core.common.atomic_file import atomic_file
from seg_core.errors import InputError

VARIABLE = "LESIONLAB_ALERTS"
"""Environment variable with addresses, separated by blanks or commas."""
FILE = "alerts.txt"
"""File in the home folder with one address a line; lines that begin with # are comments."""
MOST_ADDRESSES, LONGEST_ADDRESS = 20, 2_000

_KINDS = {
    "discord": "Discord",
    "http": "Webhook",
    "https": "Webhook",
    "json": "Webhook",
    "jsons": "Webhook",
    "mailto": "E-mail",
    "mailtos": "E-mail",
    "msteams": "Teams",
    "ntfy": "ntfy",
    "ntfys": "ntfy",
    "slack": "Slack",
    "tgram": "Telegram",
    "workflows": "Teams",
}
_KINDS_BY_HOST = {"hooks.slack.com": "Slack", "discord.com": "Discord", "discordapp.com": "Discord", "ntfy.sh": "ntfy"}
_BEGINNING = re.compile(r"([a-z][a-z0-9+.-]{1,19})://\S+", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,]+(?=[a-z][a-z0-9+.-]{1,19}://)", re.IGNORECASE)
"""A comma may also be part of an address, such as one of several recipients; a new address begins with its kind."""


@dataclass(frozen=True)
class Address:
    """One address, and the name that it is shown by, such as ``ntfy``, or ``Slack 2`` where there are several of one kind."""

    name: str
    url: str = field(repr=False)
    is_in_file: bool
    """True if it is in the home folder's file, False if in the environment."""

    @property
    def key(self) -> str:
        """16 hex digits by which deliveries know it: its name changes when another one of its kind comes or goes."""
        return hashlib.sha256(self.url.encode(errors="surrogateescape")).hexdigest()[:16]


def addresses(home: Path) -> list[Address]:
    """Return all addresses: those in the environment first, then those in the file. A file that cannot be read has none."""
    given = dict.fromkeys(_split(os.environ.get(VARIABLE, "")), False)
    for url in _in_file(home):
        given.setdefault(url, True)
    urls = list(given.items())[:MOST_ADDRESSES]
    kinds = [_kind(url) for url, _ in urls]
    seen: Counter[str] = Counter()
    found = []
    for kind, (url, is_in_file) in zip(kinds, urls, strict=True):
        seen[kind] += 1
        name = f"{kind} {seen[kind]}" if kinds.count(kind) > 1 else kind
        found.append(Address(name, url, is_in_file))
    return found


def has_addresses(home: Path) -> bool:
    """True if there is an address."""
    return bool(addresses(home))


def add_address(home: Path, text: str) -> None:
    """Add an address to the home folder's file, which only its owner can read.

    Raises:
        InputError: if it does not look like an address, is there already, there are too many, or the file cannot be written.
    """
    url = text.strip()
    if not _BEGINNING.fullmatch(url) or len(url) > LONGEST_ADDRESS:
        raise InputError("This is no address; begin it with https:// or the kind of service, as in ntfy://…")
    known = addresses(home)
    if any(url == address.url for address in known):
        raise InputError("This address is there already.")
    if len(known) >= MOST_ADDRESSES:
        raise InputError(f"There are {MOST_ADDRESSES} addresses, and more are not kept; remove one first.")
    _write(home, [*_lines(home), url])


def remove_address(home: Path, address: Address) -> None:
    """Remove an address from the home folder's file; nothing happens if it is not there.

    Raises:
        InputError: if the file cannot be written.
    """
    _write(home, [line for line in _lines(home) if line.strip() != address.url])


def _split(text: str) -> list[str]:
    return [part for part in (each.strip(" \t\r\n,") for each in _BETWEEN.split(text)) if part]


def _lines(home: Path) -> list[str]:
    try:
        file = home / FILE
        return file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []
    except OSError:
        return []


def _in_file(home: Path) -> list[str]:
    stripped = (line.strip() for line in _lines(home))
    return [line for line in stripped if line and not line.startswith("#")]


def _write(home: Path, lines: Sequence[str]) -> None:
    try:
        with atomic_file(home / FILE, sync=True) as partial:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.writelines(f"{line}\n" for line in lines)
        (home / FILE).chmod(0o600)  # a file that was there has passed its mode on
    except OSError as error:
        raise InputError(f"{FILE} in the home folder cannot be written ({error.strerror}); correct its permissions.") from None


def _kind(url: str) -> str:
    """What an address is called: never a part of it that may be secret, such as a host that only its owner knows."""
    if not (found := _BEGINNING.fullmatch(url)):
        return "Address"
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        host = ""
    scheme = found[1].lower()
    known_host = _KINDS_BY_HOST.get(host) if scheme in ("http", "https") else None
    return known_host or _KINDS.get(scheme, "Address")
