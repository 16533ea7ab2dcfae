"""Tokens by which scripts sign in, in place of the password: made, listed and removed by name.

Each is a small file in the folder ``tokens`` of the home folder, named by the SHA-256 of the token, which itself is kept nowhere.
A token has 256 random bits, so nobody finds it by trying, and a slow hash, which protects what people can remember, would only
cost time. A file that is removed is gone for every process at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seg_core.errors import InputError

PREFIX = "lesionlab_"
"""By which people, and programs that look for secrets in files, know a token."""
LONGEST_NAME = 60
USED_EVERY = 60.0
"""Seconds within which a further use of a token is not noted."""

Role = Literal["owner", "viewer"]


@dataclass(frozen=True)
class Token:
    """What is known of a token; times in seconds since 1970."""

    name: str
    role: Role
    made: float
    used: float | None
    """When it was last used, to a minute; None if it never was."""


class Tokens:
    """The tokens of a home folder.

    Args:
        folder: where their files are; made with the first one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, name: str, role: Role) -> str:
        """Make a token with the rights of the owner or of a viewer, and return it; nobody can look at it again.

        Raises:
            InputError: if the name is empty, too long or taken, or nothing can be written.
        """
        name = " ".join(name.split())
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise InputError(f"A token needs a name of 1 to {LONGEST_NAME} characters, by which you know who uses it.")
        if any(token.name == name for token in self.list()):
            raise InputError(f"There is a token {name}; choose another name, or remove that one first.")
        token = PREFIX + secrets.token_urlsafe(32)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._file(token), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump({"name": name, "role": role, "made": time.time()}, stream)
            os.utime(self._file(token), (0, 0))  # the time of a file is that of the last use of its token
        except OSError as error:
            raise InputError(f"No token can be written to {self._folder} ({error.strerror}); correct its permissions.") from None
        return token

    def list(self) -> list[Token]:
        """Return all tokens, the oldest first."""
        try:
            files = list(self._folder.iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(f"The tokens in {self._folder} cannot be read ({error.strerror}).") from None
        return sorted(filter(None, map(_read, files)), key=lambda token: (token.made, token.name))

    def remove(self, name: str) -> None:
        """Remove a token: no request with it is answered any more, and streams of events that are open under it end.

        Raises:
            InputError: if there is none of this name, or its file cannot be removed.
        """
        found = [file for file in self._folder.glob("*") if (token := _read(file)) and token.name == name]
        if not found:
            known = ", ".join(token.name for token in self.list())
            raise InputError(f"There is no token {name}; {f'there are: {known}' if known else 'there are none'}.")
        for file in found:
            try:
                file.unlink(missing_ok=True)
            except OSError as error:
                raise InputError(f"The token {name} cannot be removed ({error.strerror}): delete {file}.") from None

    def find(self, token: str) -> Token | None:
        """Return what is known of a token; None if there is none like it, or it was removed. Notes that it was used."""
        file = self._file(token)
        if (found := _read(file)) and time.time() - (found.used or 0) > USED_EVERY:
            with suppress(OSError):  # a disk that is read-only; or it was just removed
                os.utime(file)
        return found

    def _file(self, token: str) -> Path:
        return self._folder / hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _read(file: Path) -> Token | None:
    """Return a token by its file; None for what is none, and for one that is not whole yet."""
    try:
        used = file.stat().st_mtime
        values = json.loads(file.read_text(encoding="utf-8"))
        role: Role = "owner" if values["role"] == "owner" else "viewer"
        return Token(str(values["name"]), role, float(values["made"]), used or None)
    except (OSError, ValueError, KeyError, TypeError):
        return None
