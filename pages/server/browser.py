"""Open the app in the browser of the one who started it, where there is such a browser."""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from collections.abc import Mapping

ELSEWHERE = ("CI", "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")
"""Variables of a terminal whose user sits at another machine, or at none."""
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")


def has_browser(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """True if the app was started from a terminal on a desktop, where a browser can appear."""
    if not sys.stdout.isatty() or any(environment.get(name) for name in ELSEWHERE):
        return False
    return platform in ("darwin", "win32") or any(environment.get(name) for name in DISPLAYS)


def open_browser(address: str) -> None:
    """Show an address in the default browser, without waiting for it."""
    threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()
