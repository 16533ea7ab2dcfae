"""Who may sign in: the owner and, with a password of their own, viewers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pages.server.sessions import Sessions, signing_key
from pages.server.settings import HostSettings
from pages.shared.visitor import VIEWER_PASSWORD
from seg_core.errors import InputError


@dataclass(frozen=True)
class Account:
    """All visitors who have one password."""

    role: Literal["owner", "viewer"]
    password: str
    sessions: Sessions


def accounts(settings: HostSettings, home: Path) -> list[Account]:
    """Return who may sign in; empty if there is no password, and everyone is let in.

    Args:
        settings: with the passwords.
        home: where the key of the sessions is, and what is kept of those that have ended.
    """
    passwords: list[tuple[Literal["owner", "viewer"], str]] = [("owner", settings.password), ("viewer", settings.viewer_password)]
    return [
        Account(role, password, Sessions(signing_key(home / "session.key", password), home / "ended-sessions"))
        for role, password in passwords
        if password
    ]


def check_passwords(settings: HostSettings) -> None:
    """Check that the passwords can be told apart.

    Raises:
        InputError: if viewers have the password of the owner, or one without that there is one of the owner.
    """
    if settings.viewer_password and not settings.password:
        raise InputError(f"{VIEWER_PASSWORD} is for those who only look; set LESIONLAB_PASSWORD too, for those who may change.")
    if settings.password and settings.viewer_password == settings.password:
        raise InputError(f"LESIONLAB_PASSWORD and {VIEWER_PASSWORD} are the same; choose another password for viewers.")
