"""Guessing the password of the real app, and what its log says of that."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.app_process import AppProcess
from tests.helpers import PASSWORD


class Guessed(NamedTuple):
    """What an app answered and wrote from its start to its end."""

    answers: list[int]
    """Status of each guess."""
    signed_in: int
    """Status for a visitor who had signed in before."""
    errors: list[str]
    log: str


@pytest.fixture(scope="module")
def guessed(tmp_path_factory: pytest.TempPathFactory) -> Guessed:
    """An app that gets 400 wrong passwords, each from an address of its own by X-Forwarded-For, after a page of another site."""
    home: Path = tmp_path_factory.mktemp("home")
    app = AppProcess(home, LESIONLAB_PASSWORD=PASSWORD)
    try:
        with httpx.Client(base_url=app.url, timeout=20) as visitor:
            # A page that a proxy without the header Host has sent: the app warns of it once.
            page = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
            page |= {"origin": "http://evil.example", "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA=="}
            visitor.get("/_stcore/stream", headers=page)
            port = visitor.base_url.port
            cookie = visitor.post("/sign-in", data={"password": PASSWORD}).cookies[f"lesionlab_{port}"]
            visitor.cookies.clear()
            answers = [
                visitor.get("/", auth=("", f"guess {number}"), headers={"x-forwarded-for": f"192.0.2.{number % 256}"}).status_code
                for number in range(400)
            ]
            signed_in = visitor.get("/api/health", headers={"cookie": f"lesionlab_{port}={cookie}"}).status_code
    finally:
        errors = app.stop()
    return Guessed(answers, signed_in, errors.splitlines(), (home / "app.log").read_text(encoding="utf-8"))


def test_a_guesser_cannot_choose_an_address_to_guess_from(guessed: Guessed) -> None:
    """Of the guesses all but five are not even looked at."""
    assert guessed.answers.count(401) + guessed.answers.count(429) == 400
    assert 5 <= guessed.answers.count(401) <= 8, "the waits are 1 s, 2 s, 4 s …"
    assert guessed.signed_in == 200
    refused, proxy = guessed.errors
    assert refused.startswith("A page at 'http://evil.example' was refused")
    assert proxy == (
        "A request from 127.0.0.1 has headers of a reverse proxy, which count only from a proxy that is named. "
        "If it is one of yours, start the app with --proxy 127.0.0.1."
    )


def test_the_app_logs_its_start_what_goes_wrong_and_its_end(guessed: Guessed) -> None:
    assert re.search(r"\d  LesionLab runs at http://localhost:\d+ ", guessed.log)
    assert all(f"  {line}\n" in guessed.log for line in guessed.errors)
    assert "LesionLab has stopped." in guessed.log
    assert PASSWORD not in guessed.log
