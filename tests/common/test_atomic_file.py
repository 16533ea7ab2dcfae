"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from seg_core.common.atomic_file import atomic_file, partial_suffix, remove_partials


def test_what_was_there_stays_until_all_is_written(tmp_path: Path) -> None:
    file = tmp_path / "new" / "notes.txt"
    with atomic_file(file) as partial:
        partial.write_text("first")
        assert not file.exists()
    assert file.read_text() == "first"

    with pytest.raises(OSError, match="full"), atomic_file(file) as partial:  # noqa: PT012 - what is half written is the point
        partial.write_text("sec")
        raise OSError("the disk is full")
    assert [(each.name, each.read_text()) for each in file.parent.iterdir()] == [("notes.txt", "first")]


def test_what_ended_processes_left_unfinished_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    child, folder = subprocess.Popen([sys.executable, "-c", ""]), tmp_path / "folder"
    child.wait()
    folder.mkdir()
    kept = ["notes.txt", "notes.123.partial", f".mine{partial_suffix()}"]
    for name in [*kept, f".notes.txt.{child.pid}.partial", f".before-this-process{partial_suffix()}"]:
        (folder / name).write_text("half")
    os.utime(folder / f".before-this-process{partial_suffix()}", (1, 1))  # another process had the same number
    (folder / f".folder.{child.pid}.partial" / "inside").mkdir(parents=True)
    remove_partials(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted(kept)
    remove_partials(tmp_path / "nowhere")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the names of open files are asked of Linux")
def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    really = os.fsync

    def fsync(descriptor: int) -> None:
        done.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        really(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with atomic_file(tmp_path / "a", sync=True) as partial:
        partial.write_text("content")
    assert done == [str(partial), str(tmp_path)]
    with atomic_file(tmp_path / "a") as partial:
        partial.write_text("content")
    assert len(done) == 2
