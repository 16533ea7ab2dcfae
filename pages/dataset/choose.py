"""Choosing the folders of a dataset: the built-in one or one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from pages.shared.markdown import plain
from pages.shared.visit import begin_visit, opened_dataset
from seg_core.data.dataset import Dataset
from seg_core.data.folders import SAMPLE
from seg_core.errors import InputError

SOURCES = {SAMPLE: "Sample photographs", "folders": "My folders"}
LAYOUT_HELP = (
    "A folder in ISIC's layout (…_Training_Data with …_Training_GroundTruth, and Test likewise), or one with images/ and "
    "masks/ of the same names, alone or below train/, val/ and test/. One folder a line; several are joined."
)


def choose_dataset(start: Sequence[str], key: str, *, kept: bool = False) -> Dataset | None:
    """Let the user choose a dataset, beginning with the sources ``start``; None while there is none that can be opened.

    ``key`` tells one beginning, and one page, from another. If ``kept``, the choice outlasts a look at other pages.
    """
    begin_visit(key)
    begins_with_sample = list(start) == [SAMPLE]
    kind = st.segmented_control(
        "Dataset",
        list(SOURCES),
        default=SAMPLE if begins_with_sample else "folders",
        required=True,
        format_func=SOURCES.__getitem__,
        key=f"dataset-{key}",
        persist_state="session" if kept else None,
    )
    sources = [SAMPLE] if kind == SAMPLE else _typed_folders("" if begins_with_sample else "\n".join(start), key, kept)
    if not sources:
        st.caption("Type or paste a folder to have it checked. Nothing is copied or uploaded.")
        return None
    try:
        with progress_bar("Drawing the sample photographs") as advance:
            return opened_dataset(sources, advance)
    except InputError as error:
        st.error(plain(str(error)))
        return None


def _typed_folders(start: str, key: str, kept: bool) -> list[str]:
    text = st.text_area(
        "Folders",
        start,
        placeholder="~/data/ISIC2016",
        help=LAYOUT_HELP,
        key=f"folders-{key}",
        persist_state="session" if kept else "page",
    )
    return [line for line in text.splitlines() if line.strip()]


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar that is there only while something is done."""
    bar = st.empty()

    def advance(done: int, total: int) -> None:
        if done % 10 == 0:
            bar.progress(done / total, f"{what}, {done} of {total}")

    yield advance
    bar.empty()
