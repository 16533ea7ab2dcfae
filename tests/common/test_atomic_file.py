"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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


posix = pytest.mark.skipif(os.name != "posix", reason="Windows has no such files")


@posix
def test_a_link_is_followed_and_mode_and_owner_stay(tmp_path: Path) -> None:
    file, link = tmp_path / "real" / "file", tmp_path / "link"
    file.parent.mkdir()
    file.write_text("old")
    file.chmod(0o640)
    if os.getuid() == 0:
        os.chown(file, 12345, 54321)
    before = file.stat()
    link.symlink_to("real/file")
    with atomic_file(link) as partial:
        partial.write_text("new")
    after = file.stat()
    assert (link.is_symlink(), file.read_text()) == (True, "new")
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    (tmp_path / "dangling").symlink_to("real/later")
    with atomic_file(tmp_path / "dangling") as partial:
        partial.write_text("made")
    assert (tmp_path / "real" / "later").read_text() == "made"


@posix
def test_a_device_is_written_to_and_stays_a_device(tmp_path: Path) -> None:
    null = Path("/dev/null")
    before = null.stat()
    with atomic_file(null) as partial:
        partial.write_text("gone")
    assert (stat.S_ISCHR(null.stat().st_mode), null.stat().st_ino) == (True, before.st_ino)


@posix
def test_a_pipe_is_written_to_while_it_is_read_and_else_refused(tmp_path: Path) -> None:
    pipe, content = tmp_path / "pipe", os.urandom(300_000)  # more than a pipe holds
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="No such device or address"), atomic_file(pipe):
        pass
    with ThreadPoolExecutor(1) as pool:
        descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(descriptor, True)
        with os.fdopen(descriptor, "rb") as reader:
            with atomic_file(pipe) as partial:
                partial.write_bytes(content)
                read = pool.submit(reader.read)
            assert read.result(30) == content
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.glob("*pipe*")) == [pipe]


def test_what_is_no_place_for_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), atomic_file(tmp_path):
        pass
    with pytest.raises(OSError, match="too long"), atomic_file(tmp_path / ("a" * 300)) as partial:
        partial.write_text("")
    with atomic_file(tmp_path / ("a" * 250)) as partial:
        partial.write_text("long")
    assert [path.name for path in tmp_path.glob("*aa*")] == ["a" * 250]


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
