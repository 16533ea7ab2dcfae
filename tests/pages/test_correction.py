"""The page Correct without its editor: what fails there is one sentence, and viewers change nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pages.correction.adding import Adding
from seg_core.data.collection.collection import Collection
from seg_core.data.collection.store import create_collection, delete_collection
from tests.helpers import VIEWER_PASSWORD, write_pair

REFUSED = "You are signed in as a viewer: you see everything, and change nothing."


@pytest.fixture
def clinic(tmp_path: Path) -> Collection:
    """Photographs a and b, which are referred to, with two versions of each mask; b is left out."""
    collection = create_collection("Clinic")
    for seed, id in enumerate("ab"):
        write_pair(tmp_path / f"{id}.jpg", tmp_path / f"{id}.png", (20, 10), seed)
        collection.add_photographs([tmp_path / f"{id}.jpg"], copy=False)
        for base in (0, 1):
            collection.save(id, np.full((10, 20), base > 0), author="Ada", began_as="empty", seconds=1, base=base)
    collection.exclude("b", "blurred", "Ada")
    return collection


def panel() -> None:
    import streamlit as st

    from pages.correction.kept import versions_panel
    from seg_core.common.home import home
    from seg_core.data.collection.collection import Collection

    versions_panel(Collection(home() / "collections" / "Clinic"), st.query_params["photograph"], "Ada")


def pressed(photograph: str, press: str) -> AppTest:
    """The panel of a photograph where a button was pressed, before anything follows from it."""
    page = AppTest.from_function(panel)
    page.query_params["photograph"] = photograph
    page.run(timeout=30)
    for field in page.text_input:
        field.input("two lesions")
    next(button for button in page.button if button.label == press).click()
    return page


def said(page: AppTest) -> list[str]:
    """What the page says of errors, without the signs that keep Markdown out."""
    assert not page.exception
    return [each.value.replace("\\", "") for each in (*page.toast, *page.error)]


def state(collection: Collection) -> list[tuple[int, str | None]]:
    return [(item.versions, item.excluded) for item in collection.items()]


def delete(collection: Collection, _: Path) -> None:
    delete_collection(collection.name)


def lose_photographs(_: Collection, tmp_path: Path) -> None:
    for each in "ab":
        (tmp_path / f"{each}.jpg").unlink()


def damage_list(collection: Collection, _: Path) -> None:
    (collection.folder / "excluded.csv").write_text("name\na\n")


GONE = "The collection Clinic is gone: it was deleted or renamed. Choose another."
NO_ID = "{folder}/excluded.csv has no column id, which names the photographs to leave out; add it or move the file away."


@pytest.mark.parametrize(
    ("photograph", "press", "trouble", "sentences"),
    [
        ("a", "Go back to it", delete, [GONE, GONE]),
        ("a", "Go back to it", lose_photographs, ["The photograph a of Clinic is gone from {place}/a.jpg; put it back there."]),
        ("b", "Take it in again", delete, [GONE, GONE]),
        ("b", "Take it in again", damage_list, [NO_ID, NO_ID]),
        ("a", "Leave out", delete, [GONE]),
        ("a", "Leave out", damage_list, [NO_ID]),
    ],
)
def test_what_fails_is_one_sentence(
    clinic: Collection,
    tmp_path: Path,
    photograph: str,
    press: str,
    trouble: Callable[[Collection, Path], None],
    sentences: list[str],
) -> None:
    page = pressed(photograph, press)
    trouble(clinic, tmp_path)
    assert said(page.run(timeout=30)) == [each.format(folder=clinic.folder, place=tmp_path) for each in sentences]


@pytest.mark.parametrize(
    ("photograph", "press", "refusals"), [("a", "Go back to it", 2), ("b", "Take it in again", 2), ("a", "Leave out", 1)]
)
def test_a_viewer_is_refused_at_the_change_itself(
    clinic: Collection, monkeypatch: pytest.MonkeyPatch, photograph: str, press: str, refusals: int
) -> None:
    """The button was drawn before, for someone who might change masks."""
    before, page = state(clinic), pressed(photograph, press)
    with monkeypatch.context() as patch:
        patch.setenv("LESIONLAB_VIEWER_PASSWORD", VIEWER_PASSWORD)
        page.run(timeout=30)
        assert [*said(page), *(each.value for each in page.caption)] == [REFUSED] * refusals
        assert state(clinic) == before
    assert said(pressed(photograph, press).run(timeout=30)) == []
    assert state(clinic) != before


def add() -> None:
    import streamlit as st

    from pages.correction.choose import PHOTOS, _add
    from seg_core.common.home import home
    from seg_core.data.collection.store import open_collection

    if "collection-added" not in st.session_state:  # which draws the page anew
        _add("Clinic", lambda: open_collection("Clinic"), PHOTOS, str(home() / "more"), copy=True)


def test_a_viewer_adds_nothing(clinic: Collection, lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pair(lab_home / "more" / "c.jpg", lab_home / "c.png", seed=2)
    monkeypatch.setenv("LESIONLAB_VIEWER_PASSWORD", VIEWER_PASSWORD)
    assert said(AppTest.from_function(add).run(timeout=30)) == [REFUSED]
    assert len(clinic.items()) == 2
    monkeypatch.delenv("LESIONLAB_VIEWER_PASSWORD")
    assert said(AppTest.from_function(add).run(timeout=30)) == []
    assert len(clinic.items()) == 3


def choose() -> None:
    from pages.correction.choose import choose_collection

    choose_collection()


def test_what_is_added_is_not_interrupted_by_a_click(clinic: Collection, lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws the page anew while photographs are added: it waits for them, and says how many there are."""
    begun, go_on = threading.Event(), threading.Event()
    for number in range(3):
        write_pair(lab_home / "more" / f"c{number}.jpg", lab_home / "masks" / f"c{number}.png", seed=number)

    def opened() -> Collection:
        begun.set()
        assert go_on.wait(30)
        return clinic

    page = AppTest.from_function(choose)
    page.session_state["collection-adding"] = Adding("Clinic", opened, str(lab_home / "more"), with_masks=False, copy=True)
    assert begun.wait(30)
    with pytest.raises(RuntimeError, match="timed out"):  # which ends the page as a click would
        page.run(timeout=1)
    go_on.set()
    page.run(timeout=30)
    assert [each.value for each in page.success] == ["Added 3 photographs."]
    assert "collection-adding" not in page.session_state
    assert len(clinic.items()) == 5
