"""A dataset to train with: chosen, checked, with a preview of its augmentation; and the image cache."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from pages.dataset.choose import choose_dataset
from pages.dataset.scan import scanned
from pages.shared.markdown import plain
from pages.shared.visit import refresh
from seg_core.common.text import legible
from seg_core.config import Config
from seg_core.data.cache.storage import cache_bytes, cache_limit, clear_cache
from seg_core.data.check import Problem, check_names, refused
from seg_core.data.dataset import Dataset
from seg_core.data.scan.duplicates import leakage
from seg_core.errors import InputError


def data_panel(start: Sequence[str], key: str) -> tuple[Dataset | None, list[Problem]]:
    """Let the visitor choose a dataset to train with; ``start`` and ``key`` are those of `choose_dataset`.

    Return it, or None while there is none to train with, and those of its known problems that stop a training which skips none.
    The choice stays when the visitor goes to other pages and returns.
    """
    st.header("Data")
    dataset = choose_dataset(start, key, kept=True)
    if dataset is None:
        return None, []
    counts = dataset.counts
    listed = ", ".join(f"**{count:,}** {split}" for split, count in counts.items() if count)
    st.markdown(f"{listed} pairs. " + ("" if counts["val"] else "Validation is split off the training split by seed. "))
    if not counts["test"]:
        st.caption("There is no test split, so scores are measured on validation, and labelled so.")
    if not counts["train"]:
        if problems := check_names(dataset):
            show_problems(problems, dataset.notes)
        else:
            st.error("There are no pairs to train with; name a folder that has more than a test split.")
        return None, []
    view = scanned(dataset)
    if view is None:
        return dataset, []
    show_problems(view.scan.problems + leakage(dataset, view.duplicates), dataset.notes)
    return dataset, refused(dataset, view.scan.problems)


def show_problems(problems: list[Problem], notes: Sequence[str] = ()) -> None:
    """Show how many problems of each kind there are, and what to do about each; above them notes on how pairs were found."""
    for note in notes:
        st.info(plain(note), icon=":material/info:")
    if not problems:
        st.success("Every photograph has its mask, and all can be read.", icon=":material/check_circle:")
        return
    errors = sum(problem.is_error for problem in problems)
    kinds = ", ".join(f"{count} × {kind}" for kind, count in Counter(problem.kind for problem in problems).most_common())
    if errors:
        st.error(f"{kinds}. Fix these files, or skip these pairs in the advanced settings of Train.", icon=":material/error:")
    else:
        st.warning(f"{kinds}. Training is possible.", icon=":material/warning:")
    with st.expander(f"{len(problems):,} to look at"):
        rows = [{"": "error" if p.is_error else "warning", "what to do": legible(p.message)} for p in problems]
        st.button("Check again", icon=":material/refresh:", help="Finds files that were edited.", on_click=refresh)
        st.dataframe(rows, hide_index=True, width="stretch", column_config={"": st.column_config.TextColumn(width="small")})


def preview_panel(dataset: Dataset, config: Config) -> None:
    """Show pairs as the training of ``config`` sees them, on request."""
    with st.expander("What training sees", icon=":material/visibility:"):
        if st.toggle("Show augmented pairs", help="Photograph and mask are augmented together, differently each time."):
            from seg_core.training.augmentation_preview import preview_grid

            try:
                st.image(preview_grid(dataset, config), width="stretch")
            except InputError as error:
                st.error(plain(str(error)))
                return
            st.caption("Left: as stored, the mask outlined. Then three draws of the augmentation.")


def cache_panel() -> None:
    """Show how much disk space the image cache takes, and a button that clears it."""
    try:
        used, limit = cache_bytes(), cache_limit()
    except InputError as error:
        st.error(plain(str(error)))
        return
    line, button = st.columns([4, 1], vertical_alignment="center")
    line.caption(f"Image cache: {used / 1e9:.2f} of at most {limit / 1e9:g} GB (LESIONLAB_CACHE_GB sets the limit).")
    if used and button.button("Clear", help="Photographs are decoded again when a training needs them."):
        clear_cache()
        st.rerun()
