"""Finds the Chromium that the browser tests drive, and with ``--install`` installs one where there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

COMMANDS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
APPLICATIONS = (
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
"""Flags that Chromium starts with: it runs as root in containers, and fetches nothing of its own."""
ADVICE = (
    "The browser tests need Chromium or Chrome: install one (Debian, Ubuntu: sudo apt install chromium; "
    "macOS: brew install --cask google-chrome) or name it, as in CHROMIUM=/path/to/chrome make test."
)


def find_chromium() -> Path | None:
    """The browser named by ``CHROMIUM``, else one of the machine's own, else Playwright's, else None."""
    if named := os.environ.get("CHROMIUM"):
        return Path(named) if Path(named).is_file() else None
    candidates = [*(Path(found) for command in COMMANDS if (found := shutil.which(command))), *APPLICATIONS]
    return next((path for path in candidates if path.is_file()), None) or _playwrights_own()


def _playwrights_own() -> Path | None:
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if path.is_file() else None


def install() -> Path | None:
    """Install Chromium: Playwright's own where it can be downloaded, else the system's where we may; None if neither works."""
    commands = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        names = ("chromium-headless-shell", "chromium")  # the first, without windows, is a fifth faster; some systems lack it
        commands += [["apt-get", "update", "-qq"], *(["apt-get", "install", "-qq", "--yes", name] for name in names)]
    for command in commands:
        print("Chromium is not here yet:", *command, file=sys.stderr)
        subprocess.run(command, check=False, stdout=sys.stderr)
        if found := find_chromium():
            return found
    return None


def main() -> int:
    """Say where the browser is, or with ``--install`` nothing; gives 2 when there is none and none could be installed."""
    quiet = "--install" in sys.argv
    found = find_chromium() or (install() if quiet and "CHROMIUM" not in os.environ else None)
    if found is None:
        print(ADVICE, file=sys.stderr)
        return 2
    if not quiet:
        print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
