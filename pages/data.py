"""The Data page: look through a dataset, see what it holds and what is wrong with it, and fetch the official one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import streamlit as st

from pages.dataset.choose import choose_dataset
from pages.dataset.gallery import gallery, gallery_of_twos
from pages.dataset.histograms import histogram
from pages.dataset.panel import preview_panel, show_problems
from pages.dataset.scan import scanned
from pages.dataset.view import PROBLEM_FILTERS, Filter, View
from pages.shared.job_panel import ask, job_panel
from pages.shared.markdown import plain
from pages.shared.stores import jobs
from seg_core.config import RECIPES, Config
from seg_core.data.dataset import Dataset
from seg_core.data.folders import SAMPLE, SplitName
from seg_core.data.scan.duplicates import Duplicate
from seg_core.data.scan.similarity import TRANSFORMATIONS
from seg_core.errors import InputError
from seg_core.jobs.requests import fetch_request

A_PAGE = 24
MOST_SHOWN = 12


def fetch_panel() -> None:
    """Fetching the official data into a folder, and using it."""
    with st.expander("Get the official ISIC 2016 data", icon=":material/cloud_download:"):
        st.write(
            "The four archives of the challenge, 900 pairs to train with and 379 to test on, below 1 GB. Only this leaves the "
            "machine, and only when you ask for it; an interrupted download goes on where it was."
        )
        folder = st.text_input("Folder for the data", str(Path("~/lesionlab-data/ISIC2016").expanduser()), key="fetch-folder")
        try:
            request = fetch_request(folder)
        except InputError as error:
            st.error(plain(str(error)))
            return
        if job_panel({"Official data": request}):
            return
        job = jobs().latest(request)
        if job is not None and job.status == "finished":
            st.success(plain(job.message), icon=":material/check_circle:")
            if st.button("Look at it", icon=":material/visibility:"):
                st.query_params["data"] = request.arguments["folder"]
                st.session_state["data-looks"] = st.session_state.get("data-looks", 0) + 1
                st.rerun()
        if st.button("Fetch" if job is None else "Fetch what is missing", icon=":material/download:"):
            ask([request])
            st.rerun()


def leakage(view: View) -> None:
    """Photographs that stand in the dataset more than once."""
    leaks = [found for found in view.duplicates if found.is_leakage]
    between = [found for found in view.duplicates if not found.is_leakage and found.first.split != found.second.split]
    within = [found for found in view.duplicates if found.first.split == found.second.split]
    if leaks:
        count = len({photo.index for found in leaks for photo in (found.first, found.second) if photo.split != "train"})
        which = "photograph that tests or validates trains" if count == 1 else "photographs that test or validate train"
        st.error(
            f"Leakage: {count:,} {which} too. Scores on such photographs say nothing; remove one of each two.",
            icon=":material/warning:",
        )
        duplicates(view, leaks, "Photographs in training and in test or validation")
    elif "train" in view.parts and {"val", "test"} & set(view.parts):
        st.success("No photograph that tests or validates looks like one that trains.", icon=":material/check_circle:")
    if between:
        st.warning("Some photographs validate and test, so the epoch that is best is chosen on what tests it.")
        with st.expander(f"{len(between)} in validation and in test", icon=":material/content_copy:"):
            duplicates(view, between, "Photographs in validation and in test")
    if within:
        if "val" not in view.parts:
            st.warning("Validation is split off by seed, so photographs that are repeated may train and validate at once.")
        with st.expander(f"{len(within)} repeated within a part", icon=":material/content_copy:"):
            duplicates(view, within, "Photographs that are repeated within a part")


def duplicates(view: View, found: list[Duplicate], label: str) -> None:
    """Pairs of photographs side by side."""
    shown = [photo for each in found[:MOST_SHOWN] for photo in (each.first, each.second)]
    words = [text for each in found[:MOST_SHOWN] for text in _captions(each)]
    st.html(gallery_of_twos([view.pairs[photo.index] for photo in shown], words, label))
    if len(found) > MOST_SHOWN:
        st.caption(f"The first {MOST_SHOWN} of {len(found)}.")


def _captions(found: Duplicate) -> tuple[str, str]:
    how = "" if found.transformation == TRANSFORMATIONS[0] else f" · {found.transformation}"
    return found.first.split or "", f"{found.second.split or ''}{how} · agreement {found.agreement:.2f}"


def charts(view: View) -> None:
    """How lesion areas and photograph sizes are distributed."""
    sides = view.by_part(view.longest_sides)
    known = np.unique(np.concatenate([*sides.values(), []]))
    areas_box, sizes_box = st.columns(2) if len(known) > 1 else (st.container(), None)
    with areas_box:
        histogram(view.by_part(view.areas * 100), "Lesion area", "% of the photograph")
    if sizes_box:
        with sizes_box:
            histogram(sides, "Size of the photographs", "pixels on the longer side")
    elif len(known):
        st.caption(f"All photographs are {known[0]:,.0f} pixels on the longer side.")


def browse(view: View) -> None:
    """The photographs, filtered, some at a time."""
    part_box, problem_box, area_box, page_box = st.columns([2, 2, 2, 1], vertical_alignment="bottom")
    parts: dict[str, SplitName | None] = {"all": None, **{part: part for part in view.parts}}
    part = part_box.segmented_control("Part", list(parts), default="all", required=True)
    problem = problem_box.selectbox("Problem", [*PROBLEM_FILTERS, *view.problem_kinds])
    low, high = area_box.slider("Lesion area, %", 0, 100, (0, 100))
    rows = view.rows(Filter(parts[part], problem, low / 100, high / 100))
    pages = max(1, -(-len(rows) // A_PAGE))
    page = int(page_box.number_input(f"Page of {pages}", 1, pages, 1, key=f"page-{part}-{problem}-{low}-{high}"))
    st.caption(f"{len(rows):,} of {len(view.pairs):,} pairs")
    shown = rows[(page - 1) * A_PAGE : page * A_PAGE]
    if not shown:
        st.info("No pair matches; widen the filter.", icon=":material/filter_alt_off:")
        return
    st.html(gallery([view.pairs[row] for row in shown], [view.caption(row) for row in shown], "Photographs with their masks"))


def choose_by_address() -> Dataset | None:
    """Let the visitor choose, beginning with what the address names. It follows the choice, and is then no new beginning."""
    linked, start = st.query_params.get_all("data"), st.session_state.get("data-start", [])
    looks = st.session_state.get("data-looks", 0)  # to look at the same folder again is a new beginning too
    if linked != st.session_state.get("data-shown") or f"dataset-data-{looks}-{'|'.join(start)}" not in st.session_state:
        start = st.session_state["data-start"] = linked
    dataset = choose_dataset(start or [SAMPLE], f"data-{looks}-{'|'.join(start)}")
    if dataset is not None:
        shown = st.session_state["data-shown"] = list(dataset.sources)
        if linked != shown:
            st.query_params["data"] = shown
    return dataset


st.title("Data")
with st.container():  # a place that stays: what is open below it stays open
    dataset = choose_by_address()
fetch_panel()
if dataset is None:
    st.stop()
view = scanned(dataset)
if view is None:
    st.stop()
counts = ", ".join(f"**{count:,}** {part}" for part, count in dataset.counts.items() if count)
areas = view.areas[view.scan.readable]
middle = f", median lesion area **{np.median(areas) * 100:.1f} %** of the photograph" if len(areas) else ""
st.markdown(f"{counts or '**0**'} pairs{middle}")
show_problems(view.scan.problems)
if not view.pairs:
    st.stop()
leakage(view)
charts(view)
st.header("Photographs")
browse(view)
st.header("Augmentation")
recipe = st.segmented_control("Recipe", list(RECIPES), default="best", required=True)
preview_panel(dataset, Config.of(recipe))
