"""Folders that may have been meant: of a similar name, within, or beside."""

from __future__ import annotations

from pathlib import Path

import pytest

from seg_core.data.suggest import suggest_folders
from tests.helpers import make_dataset


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("data/isic2016", ["data/isic2016-256"]),  # only begun
        ("data/ISIC2016-265", ["data/isic2016-256"]),  # letters swapped, other case
        ("dta/isic2016-256", ["data/isic2016-256"]),  # misspelt further up
        ("data/notes", ["data/isic2016-256"]),  # there, but no dataset: beside it is one
        ("data/isic2016-256", []),  # right as it is
        ("sample", []),
        ("nothing/like/it", []),
    ],
)
def test_the_dataset_that_was_meant_is_found(typed: str, meant: list[str], tmp_path: Path) -> None:
    make_dataset(tmp_path / "data" / "isic2016-256", train=2)
    (tmp_path / "data" / "notes").mkdir()
    (tmp_path / "other").mkdir()
    source = typed if typed == "sample" else tmp_path / typed
    assert suggest_folders(source)[: len(meant) or None] == [str(tmp_path / each) for each in meant]
