"""A page reads the sizes and times of a dataset's files once a visit, and notices changed files when it should."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pages.shared import visit
from seg_core.common.home import PROJECT
from seg_core.data import fingerprint
from tests.helpers import make_dataset, write_pair


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files whose size and time are read from now on, once for each read."""
    files: list[Path] = []
    ask = fingerprint._size_and_time

    def counting(file: Path) -> tuple[int, int]:
        files.append(file)
        return ask(file)

    monkeypatch.setattr(fingerprint, "_size_and_time", counting)
    return files


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_dataset(tmp_path / "data", train=3, test=4)


FILES = 2 * (3 + 4)


def opened(data: Path, *, masks: Path | None = None) -> AppTest:
    """The Compare page with a model on a dataset, as a browser that loads it gets it."""
    page = AppTest.from_file(str(PROJECT / "pages" / "compare.py"), default_timeout=60)
    page.query_params["data"] = str(data)
    page.query_params["model"] = ["fine-tune-report", "frozen-decoder-report"]
    if masks:
        page.query_params["masks"] = str(masks)
    return shown(page)


def shown(page: AppTest) -> AppTest:
    page.run()
    assert [*page.exception, *page.error] == []
    return page


def said(page: AppTest) -> str:
    return next(button.label for button in page.button if button.label.startswith("Evaluate"))


def test_each_file_is_asked_for_once_a_visit(data: Path, asked: list[Path]) -> None:
    page = opened(data)
    assert (len(asked), len(set(asked))) == (FILES, FILES)
    asked.clear()
    for _ in range(2):
        shown(page)
    page.checkbox(key="compare-tta").check()
    shown(page)
    assert asked == []


def test_a_folder_of_masks_is_read_once_a_visit(data: Path, tmp_path: Path, asked: list[Path]) -> None:
    masks = Path(shutil.copytree(data / "test" / "masks", tmp_path / "masks"))
    page = opened(data, masks=masks)
    assert len(asked) == FILES + 4
    asked.clear()
    shown(page)
    assert asked == []
    next(masks.iterdir()).unlink()
    shown(page)
    assert len(asked) == 3


def test_files_that_are_added_or_removed_are_noticed_at_the_next_click(data: Path, asked: list[Path]) -> None:
    page = opened(data)
    assert said(page) == "Evaluate 2 models on 4 photographs"
    write_pair(data / "test" / "images" / "more.jpg", data / "test" / "masks" / "more.png")
    assert said(shown(page)) == "Evaluate 2 models on 5 photographs"
    (data / "test" / "masks" / "more.png").unlink()
    assert said(shown(page)) == "Evaluate 2 models on 4 photographs"
    (data / "train").rename(data / "val")
    asked.clear()
    shown(page)
    assert len(asked) == FILES + 1  # the photograph without a mask too


def load_anew(page: AppTest, data: Path) -> None:
    opened(data)


def ask(page: AppTest, data: Path) -> None:
    page.button(key="evaluate").click()
    shown(page)


def wait(page: AppTest, data: Path) -> None:
    shown(page)


@pytest.mark.parametrize("how", [load_anew, ask, wait])
def test_files_that_are_edited_are_noticed(
    how: Callable[[AppTest, Path], None], data: Path, asked: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[str] = []
    monkeypatch.setattr(
        "pages.comparison.evaluating.queue_jobs", lambda requests: keys.extend(request.key for request in requests)
    )
    page = opened(data)
    os.utime(next((data / "test" / "masks").iterdir()), (1, 1))
    shown(page)
    asked.clear()
    if how is wait:
        monkeypatch.setattr(visit, "LONGEST_VISIT", 0.0)
    how(page, data)
    assert set(asked) == {file for file in data.rglob("*") if file.is_file()}
    assert len(set(keys)) == (3 if how is ask else 0)  # two models and the scan
