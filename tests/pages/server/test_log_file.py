"""The app's log file: what it prints, with the time, in two short files."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pages.server import log_file
from pages.server.log_file import Logged, open_log

Open = Callable[[Path], logging.Logger]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens log files, and closes them at the end."""
    logs: list[logging.Logger] = []

    def make(file: Path) -> logging.Logger:
        logs.append(open_log(file))
        return logs[-1]

    yield make
    for log in logs:
        for handler in log.handlers:
            handler.close()


def test_whole_lines_are_logged_with_the_time(tmp_path: Path, opened: Open) -> None:
    terminal, file = io.StringIO(), tmp_path / "app.log"
    stream = Logged(terminal, opened(file))
    for text in ("LesionLab ", "starts\n\nTrace", "back: …\n  line 1\n", "unfinished"):
        stream.write(text)
    assert terminal.getvalue() == "LesionLab starts\n\nTraceback: …\n  line 1\nunfinished"
    lines = file.read_text(encoding="utf-8").splitlines()
    assert [line[25:] for line in lines] == ["LesionLab starts", "Traceback: …", "  line 1"]
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}  ", line) for line in lines)


def test_it_is_begun_anew_when_it_is_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Open) -> None:
    monkeypatch.setattr(log_file, "LONGEST", 1000)
    stream = Logged(io.StringIO(), opened(tmp_path / "app.log"))
    for number in range(500):
        stream.write(f"line {number}\n")
    assert sorted(file.name for file in tmp_path.glob("app*")) == ["app.log", "app.log.1"]
    assert all(file.stat().st_size <= 1000 for file in tmp_path.glob("app*"))
    assert (tmp_path / "app.log").read_text().endswith("line 499\n")


def test_a_log_that_cannot_be_written_silences_nothing(tmp_path: Path, opened: Open) -> None:
    terminal = io.StringIO()
    Logged(terminal, opened(tmp_path / "none" / "app.log")).write("still here\n")
    assert terminal.getvalue() == "still here\n"
