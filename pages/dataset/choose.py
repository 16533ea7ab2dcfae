"""Choosing a dataset: the built-in sample or the visitor's folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import streamlit as st

from pages.dataset.choose_truth import choose_truth
from pages.dataset.name_folders import name_folders
from pages.shared.markdown import plain
from pages.shared.scripts import run_script
from pages.shared.stores import store
from pages.shared.visit import begin_visit, opened_dataset
from seg_core.data.collection.store import collection_at
from seg_core.data.dataset import Dataset
from seg_core.data.folders import Pair
from seg_core.data.source import SAMPLE, Source
from seg_core.data.suggest import suggest_folders
from seg_core.data.verdicts import source_of
from seg_core.errors import InputError

SOURCES = {SAMPLE: "Sample photographs", "folders": "My folders"}
PHOTOGRAPHS, DOUBTFUL = "Photographs", "Masks that may be wrong"
LAYOUT_HELP = (
    "Type or paste a folder, or a zip archive: one a line, several are joined. Folders of photographs and of masks are known by "
    "their names, such as images/ and masks/, also below train/, val/ and test/. Nothing is copied or uploaded."
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
        return None
    try:
        with _progress_bar("Drawing the sample photographs") as advance:
            dataset = opened_dataset(sources, advance)
    except InputError as error:
        st.error(plain(str(error)))
        _did_you_mean(sources, key)
        name_folders(sources, f"folders-{key}", is_open=True)
        return None
    with st.container():
        choose_truth(dataset, sources, f"folders-{key}")
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


def shown_part() -> str:
    """Let the visitor choose which part of the Data page is shown; the address names it."""
    start = DOUBTFUL if st.query_params.get("show") == "doubtful" else PHOTOGRAPHS
    part: str = st.segmented_control("Show", [PHOTOGRAPHS, DOUBTFUL], default=start, required=True, key="data-part")
    if part == DOUBTFUL:
        st.query_params["show"] = "doubtful"
    else:
        st.query_params.pop("show", None)
    return part


def correct_link(sources: Sequence[str]) -> None:
    """Show a link to the page Correct: to the collection that a dataset is, or to a new one of its photographs."""
    if len(sources) != 1 or SAMPLE in sources:
        return
    st.page_link("correct.py", label="Correct its masks", icon=":material/brush:", query_params=_correct_query(sources[0]))


def correct_query(dataset: Dataset, pair: Pair) -> dict[str, str]:
    """Return the query of the page Correct that opens a photograph there: in the collection of its source, or in a new one."""
    return _correct_query(str(source_of(dataset, pair))) | {"photograph": pair.id}


def _correct_query(source: str) -> dict[str, str]:
    name = collection_at(source)
    return {"collection": name} if name else {"data": source}


def _typed_folders(start: str, key: str, kept: bool) -> list[str]:
    field = f"folders-{key}"
    text = st.text_area(
        "Folders",
        "" if field in st.session_state else start,  # a button may have typed there
        placeholder="~/data/ISIC2016",
        help=LAYOUT_HELP,
        key=field,
        persist_state="session" if kept else "page",
    )
    run_script("paste")
    if recent := _recent_folders():
        picked = f"recent-{key}"

        def use() -> None:
            if name := st.session_state.get(picked):
                st.session_state[field] = name
            st.session_state[picked] = None

        st.pills("Recent folders", recent, format_func=_short, key=picked, on_change=use)
    return [line for line in text.splitlines() if line.strip()]


def _recent_folders(most: int = 4) -> list[str]:
    """Return the datasets of the newest runs, one line a source, without the sample."""
    used = dict.fromkeys(run.sources for run in store().list_runs() if SAMPLE not in run.sources)
    there = (sources for sources in used if all(Path(Source.parse(source).folder).exists() for source in sources))
    return ["\n".join(sources) for sources in islice(there, most)]


def _short(text: str) -> str:
    """Return the names of folders with that of the one above, which tells them apart."""
    return " + ".join("/".join(Path(Source.parse(line).folder).parts[-2:]).lstrip("/") for line in text.split("\n"))


def _did_you_mean(sources: Sequence[str], key: str) -> None:
    """Offer folders near those that are no dataset, as buttons that replace them."""
    for place, source in enumerate(sources):
        for near in suggest_folders(source):
            meant = "\n".join([*sources[:place], near, *sources[place + 1 :]])

            def use(text: str = meant) -> None:
                st.session_state[f"folders-{key}"] = text

            label = plain(f"Did you mean {near}?")
            st.button(label, icon=":material/folder_open:", key=f"meant-{place}-{near}-{key}", on_click=use)


@contextmanager
def _progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar while the block runs."""
    bar = st.empty()

    def advance(done: int, total: int) -> None:
        if done % 10 == 0:
            bar.progress(done / total, f"{what}, {done} of {total}")

    yield advance
    bar.empty()
