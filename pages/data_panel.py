"""Choosing a dataset: the built-in one or folders, checked on the spot, with a preview of what training sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import streamlit as st

from pages.text import plain
from seg_core.config import Config
from seg_core.data.cache import cache_bytes, cache_limit, clear_cache
from seg_core.data.check import Problem, check_dataset
from seg_core.data.dataset import SAMPLE, Dataset, open_dataset
from seg_core.errors import InputError

SOURCES = {SAMPLE: "Sample photographs", "folders": "My folders"}
LAYOUT_HELP = (
    "A folder in ISIC's layout (…_Training_Data with …_Training_GroundTruth, and Test likewise), or one with images/ and "
    "masks/ of the same names, alone or below train/, val/ and test/. One folder a line; several are joined."
)


def data_panel() -> Dataset | None:
    """Let the user choose a dataset; None while there is none that can be used."""
    st.subheader("Data")
    kind = st.segmented_control("Dataset", list(SOURCES), default=SAMPLE, required=True, format_func=SOURCES.__getitem__)
    sources = [SAMPLE] if kind == SAMPLE else _typed_folders()
    if not sources:
        st.caption("Type or paste a folder to have it checked. Nothing is copied or uploaded.")
        return None
    try:
        dataset = _opened(sources)
    except InputError as error:
        st.error(plain(str(error)))
        return None
    counts = dataset.counts
    split = ", ".join(f"**{count:,}** {part}" for part, count in counts.items() if count)
    st.markdown(f"{split} pairs. " + ("" if counts["val"] else "Validation is split off the training part by seed. "))
    if not counts["test"]:
        st.caption("There is no test part, and none is invented: figures are measured on validation, and labelled so.")
    if not counts["train"]:
        st.error("There are no photographs to train with; the folder holds only a test part.")
        return None
    _show_problems(_problems(_state(dataset), dataset))
    return dataset


def _typed_folders() -> list[str]:
    text = st.text_area("Folders", placeholder="~/data/ISIC2016", help=LAYOUT_HELP, key="folders")
    return [line for line in text.splitlines() if line.strip()]


def _opened(sources: list[str]) -> Dataset:
    with _progress("Drawing the sample photographs") as advance:
        return open_dataset(sources, advance)


def _state(dataset: Dataset) -> tuple[tuple[str, int, int], ...]:
    """Path, size and time of every file, those without a partner too: a mended one is looked at again."""
    files = [file for pair in dataset.pairs for file in (pair.image, pair.mask)]
    files += [file for listing in dataset.listings for file in (*listing.without_mask, *listing.without_photo)]
    return tuple((str(file), facts.st_size, facts.st_mtime_ns) for file in files for facts in [file.stat()])


@st.cache_data(show_spinner=False, max_entries=20)
def _problems(state: tuple[tuple[str, int, int], ...], _dataset: Dataset) -> list[Problem]:
    with _progress("Checking the pairs") as advance:
        return check_dataset(_dataset, advance)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar that is there only while something is done."""
    bar = st.empty()

    def advance(done: int, total: int) -> None:
        if done % 10 == 0:
            bar.progress(done / total, f"{what}, {done} of {total}")

    yield advance
    bar.empty()


def _show_problems(problems: list[Problem]) -> None:
    if not problems:
        st.success("All pairs are in order.", icon=":material/check_circle:")
        return
    errors = sum(problem.is_error for problem in problems)
    kinds = ", ".join(f"{count} × {kind}" for kind, count in Counter(problem.kind for problem in problems).most_common())
    if errors:
        st.error(f"{kinds}. Mend the errors, or skip these pairs under Advanced settings.", icon=":material/error:")
    else:
        st.warning(f"{kinds}. Training is possible.", icon=":material/warning:")
    with st.expander(f"{len(problems):,} to look at"):
        rows = [{"": "error" if p.is_error else "warning", "what to do": p.message} for p in problems]
        st.dataframe(rows, hide_index=True, width="stretch", column_config={"": st.column_config.TextColumn(width="small")})


def preview_panel(dataset: Dataset, config: Config) -> None:
    """Pairs as the training of ``config`` sees them, when asked for."""
    with st.expander("What training sees", icon=":material/visibility:"):
        if st.toggle("Show augmented pairs", help="Photograph and mask are augmented together; each look draws anew."):
            from pages.augmentation_preview import preview_grid

            try:
                st.image(preview_grid(dataset, config), width="stretch")
            except InputError as error:
                st.error(plain(str(error)))
                return
            st.caption("Left: as stored, the mask outlined. Then three draws of the augmentation.")


def cache_panel() -> None:
    """How much disk the image cache takes, and a button that clears it."""
    try:
        used, limit = cache_bytes(), cache_limit()
    except InputError as error:
        st.error(plain(str(error)))
        return
    line, button = st.columns([4, 1], vertical_alignment="center")
    line.caption(f"Image cache: {used / 1e9:.2f} of at most {limit / 1e9:g} GB (LESIONLAB_CACHE_GB sets the limit).")
    if used and button.button("Clear", help="Decoded photographs are made again when a training needs them."):
        clear_cache()
        st.rerun()
