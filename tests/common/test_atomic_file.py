"""Files that appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from seg_core.common.atomic_file import atomic_file


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
