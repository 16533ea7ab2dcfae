"""Guessing the password of the real app."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.app_process import AppProcess
from tests.helpers import PASSWORD


def test_a_guesser_cannot_choose_an_address_to_guess_from(tmp_path: Path) -> None:
    """400 wrong passwords, each from an address of its own by X-Forwarded-For: all but five are not even looked at."""
    app = AppProcess(tmp_path / "home", LESIONLAB_PASSWORD=PASSWORD)
    try:
        with httpx.Client(base_url=app.url, timeout=20) as visitor:
            port = visitor.base_url.port
            cookie = visitor.post("/sign-in", data={"password": PASSWORD}).cookies[f"lesionlab_{port}"]
            visitor.cookies.clear()
            guesses = [
                visitor.get("/", auth=("", f"guess {number}"), headers={"x-forwarded-for": f"192.0.2.{number % 256}"}).status_code
                for number in range(400)
            ]
            assert guesses.count(401) + guesses.count(429) == 400
            assert 5 <= guesses.count(401) <= 8, "the waits are 1 s, 2 s, 4 s …"
            signed_in = visitor.get("/api/health", headers={"cookie": f"lesionlab_{port}={cookie}"})
            assert signed_in.status_code == 200
    finally:
        errors = app.stop()
    assert errors.splitlines() == [
        "A request from 127.0.0.1 has headers of a reverse proxy, which count only from a proxy that is named. "
        "If it is one of yours, start the app with --proxy 127.0.0.1."
    ]
