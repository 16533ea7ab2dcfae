"""Choosing a dataset: the built-in sample or the visitor's folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from pages.dataset.name_folders import name_folders
from pages.shared.markdown import plain
from pages.shared.visit import begin_visit, opened_dataset
from seg_core.data.dataset import Dataset
from seg_core.data.source import SAMPLE
from seg_core.errors import InputError

SOURCES = {SAMPLE: "Sample photographs", "folders": "My folders"}
LAYOUT_HELP = (
    "A folder or a zip archive: one a line, several are joined. Folders of photographs and of masks are known by the words in "
    "their names, such as images/ and masks/, also below train/, val/ and test/."
)


def choose_dataset(start: Sequence[str], key: str, *, kept: bool = False) -> Dataset | None:
    """Let the visitor choose a dataset, beginning with the sources ``start``; return None while none can be opened.

    It is opened once a visit (`pages.shared.visit`). ``key`` names the page and its form; another key is another visit, and
    begins with ``start`` again. If ``kept``, the choice stays when the visitor goes to other pages and returns.
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
        with _progress_bar("Drawing the sample photographs") as advance:
            dataset = opened_dataset(sources, advance)
    except InputError as error:
        st.error(plain(str(error)))
        name_folders(sources, f"folders-{key}", is_open=True)
        return None
    name_folders(sources, f"folders-{key}", is_open=False)
    return dataset


def choose_by_address() -> Dataset | None:
    """Let the visitor choose the dataset of the Data page.

    The address names the choice, and follows it. Where the visitor opens another address, the form begins with that.
    """
    linked, start = st.query_params.get_all("data"), st.session_state.get("data-start", [])
    looks = st.session_state.get("data-looks", 0)  # increases to open the same folder again from the beginning
    if linked != st.session_state.get("data-shown") or f"dataset-data-{looks}-{'|'.join(start)}" not in st.session_state:
        start = st.session_state["data-start"] = linked
    dataset = choose_dataset(start or [SAMPLE], f"data-{looks}-{'|'.join(start)}")
    if dataset is not None:
        shown = st.session_state["data-shown"] = list(dataset.sources)
        if linked != shown:
            st.query_params["data"] = shown
    return dataset


def _typed_folders(start: str, key: str, kept: bool) -> list[str]:
    text = st.text_area(
        "Folders",
        "" if f"folders-{key}" in st.session_state else start,  # a button may have typed there
        placeholder="~/data/ISIC2016",
        help=LAYOUT_HELP,
        key=f"folders-{key}",
        persist_state="session" if kept else "page",
    )
    return [line for line in text.splitlines() if line.strip()]


@contextmanager
def _progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar while the block runs."""
    bar = st.empty()

    def advance(done: int, total: int) -> None:
        if done % 10 == 0:
            bar.progress(done / total, f"{what}, {done} of {total}")

    yield advance
    bar.empty()
