"""Log files that never grow without end."""

from __future__ import annotations

from pathlib import Path

import pytest

from seg_core.common import log_file
from seg_core.common.log_file import bounded, rotate
from tests.helpers import wait_until


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of ten bytes, looked at all the time."""
    monkeypatch.setattr(log_file, "LONGEST", 10)
    monkeypatch.setattr(log_file, "LOOK_SECONDS", 0.01)


def test_a_long_file_is_emptied_and_its_end_kept(tmp_path: Path) -> None:
    file, before = tmp_path / "worker.log", tmp_path / "worker.log.1"
    file.write_text("0123456789")
    rotate(file)
    assert (file.read_text(), before.exists()) == ("0123456789", False)
    with file.open("a", buffering=1) as writer:  # as a worker's output is appended
        writer.write("abc\n")
        rotate(file)
        assert (file.read_text(), before.read_text()) == ("", "456789abc\n")
        writer.write("on it goes\n")
        rotate(file)
        assert (file.read_text(), before.read_text()) == ("", "n it goes\n")


def test_a_file_that_is_gone_is_no_error(tmp_path: Path) -> None:
    rotate(tmp_path / "none.log")
    assert not list(tmp_path.glob("none*"))


def test_a_process_keeps_its_own_output_short(tmp_path: Path) -> None:
    file = tmp_path / "worker.log"
    with file.open("ab", buffering=0) as writer, bounded(file):
        for _ in range(50):
            writer.write(b"x" * 20)
            wait_until(lambda: file.stat().st_size == 0, what="the file is emptied")
    assert (tmp_path / "worker.log.1").stat().st_size == 10
