"""A dataset to train with: chosen, checked, with a preview of its augmentation; and the image cache."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import streamlit as st

from pages.dataset.choose import choose_dataset
from pages.dataset.scan import scanned
from pages.shared.markdown import plain
from pages.shared.visit import refresh
from pages.shared.visitor import is_viewer
from seg_core.common.text import legible
from seg_core.config import Config
from seg_core.data.cache.storage import cache_bytes, cache_limit, clear_cache
from seg_core.data.check import Problem, check_names, refused
from seg_core.data.dataset import Dataset
from seg_core.data.scan.duplicates import leakage
from seg_core.errors import InputError, some_of
from seg_core.runs.launch import NOTHING_TO_TRAIN


def data_panel(
    start: Sequence[str], key: str, skip: Callable[[], None] | None = None, *, skips: bool = False
) -> tuple[Dataset | None, list[Problem]]:
    """Let the visitor choose a dataset to train with; ``start`` and ``key`` are those of `choose_dataset`.

    Return it, or None while there is none to train with, and those of its known problems that stop a training which skips none.
    The choice stays when the visitor goes to other pages and returns. ``skip`` is called by a button beside these problems;
    ``skips`` says that it was pressed.
    """
    st.header("Data")
    dataset = choose_dataset(start, key, kept=True)
    if dataset is None:
        return None, []
    counts = dataset.counts
    st.markdown(
        f"**{plain(dataset.name)}**: {counted(dataset)}.",
        help=None if counts["val"] else "Validation photographs are drawn from the training photographs by seed.",
    )
    if not counts["train"]:
        if problems := check_names(dataset):
            show_problems(problems, dataset)
        else:
            st.error(NOTHING_TO_TRAIN)
        return None, []
    view = scanned(dataset)
    if view is None:
        show_problems(check_names(dataset), dataset, checked=False)
        return dataset, []
    problems = view.scan.problems + leakage(dataset, view.duplicates)
    show_problems(problems, dataset, skip=skip, skips=skips)
    return dataset, refused(dataset, view.scan.problems)


def counted(dataset: Dataset) -> str:
    """Return how many pairs each split has, such as ``749 training, 146 test photographs``."""
    named = {"train": "training", "val": "validation", "test": "test"}
    listed = ", ".join(f"{count:,} {named[split]}" for split, count in dataset.counts.items() if count)
    return f"{listed or '0'} photographs"


# By kind: what to say of one file, and of several.
WORDS: dict[str, tuple[str, str]] = {
    "missing mask": ("photograph has no mask", "photographs have no mask"),
    "orphan mask": ("mask belongs to no photograph", "masks belong to no photograph"),
    "different sizes": ("mask differs in size from its photograph", "masks differ in size from their photographs"),
    "no lesion": ("mask marks no lesion", "masks mark no lesion"),
    "unreadable": ("file cannot be read", "files cannot be read"),
    "duplicate id": ("photograph or mask is there twice", "photographs or masks are there twice"),
    "grey mask": ("mask has grey values", "masks have grey values"),
    "test without masks": ("test split has photographs without masks", "test splits have photographs without masks"),
    "unclear mask": ("mask does not say what is lesion", "masks do not say what is lesion"),
    "nothing to train on": ("folder holds nothing to train on", "folders hold nothing to train on"),
    "mask values": ("folder of masks has unusual values", "folders of masks have unusual values"),
    "full mask": ("mask marks nearly everything", "masks mark nearly everything"),
    "marked corners": ("mask may be inverted", "masks may be inverted"),
    "other size": ("mask is scaled to its photograph", "masks are scaled to their photographs"),
    "turned mask": ("mask is turned with its photograph", "masks are turned with their photographs"),
    "missing end": ("photograph lacks the end of its file", "photographs lack the end of their files"),
    "leakage": ("HELD-OUT photograph also appears in training", "HELD-OUT photographs also appear in training"),
}


def in_words(problems: Sequence[Problem], held_out: str = "test") -> str:
    """Return how many files have each kind of problem, such as ``2 files cannot be read``; the most frequent first.

    ``held_out`` names the splits that photographs of the training split should not be in.
    """
    kinds = Counter(kind for kind, _ in {(problem.kind, problem.file) for problem in problems}).most_common()
    words = {kind: WORDS.get(kind, (f"× {kind}", f"× {kind}")) for kind, _ in kinds}
    return ", ".join(f"{count:,} {words[kind][count > 1]}" for kind, count in kinds).replace("HELD-OUT", held_out)


def show_problems(
    problems: list[Problem],
    dataset: Dataset,
    *,
    skip: Callable[[], None] | None = None,
    skips: bool = False,
    checked: bool = True,
) -> None:
    """Show what is wrong with a dataset, and what to do about each file; above it how its pairs were found.

    Args:
        problems: all that are known.
        dataset: it has notes on how pairs were found, and a test split, whose problems stop no training.
        skip: called by the button that leaves out the pairs with errors.
        skips: True if they are left out.
        checked: False while the photographs themselves are still looked at.
    """
    for note in dataset.notes:
        st.info(plain(note), icon=":material/info:")
    if not problems:
        if checked:
            st.success("Every photograph has its mask, and all can be read.", icon=":material/check_circle:")
        return
    errors = refused(dataset, problems)
    others = [problem for problem in problems if problem not in errors]
    if errors:
        _show_errors(errors, skip, skips=skips)
    if others:
        held_out = "validation or test" if dataset.counts["val"] else "test"
        st.warning(f"{in_words(others, held_out)}. You can still train.", icon=":material/warning:")
    with st.expander(f"{len(problems):,} to look at"):
        rows = [{"": "error" if p.is_error else "warning", "what to do": legible(p.message)} for p in problems]
        st.button("Check again", icon=":material/refresh:", help="Finds files that were edited.", on_click=refresh)
        st.dataframe(rows, hide_index=True, width="stretch", column_config={"": st.column_config.TextColumn(width="small")})


def _show_errors(errors: list[Problem], skip: Callable[[], None] | None, *, skips: bool) -> None:
    """Name the files that keep their pairs from training, with the button that leaves these out inside the same box."""
    named = some_of([legible(error.file.name) for error in errors])
    pairs = f"{len(errors):,} pair{'s' if len(errors) > 1 else ''}"
    if skips:
        st.warning(plain(f"{in_words(errors)} ({named}). Training leaves out {pairs}."), icon=":material/warning:")
        return
    text = plain(f"{in_words(errors)}: {named}. Fix these files, or skip them when you train.")
    if skip is None:
        st.error(text, icon=":material/error:")
        return
    with st.container(key="errors-of-data"):
        st.error(text, icon=":material/error:")
        these = "this pair" if len(errors) == 1 else f"these {pairs}"
        st.button(f"Skip {these}", icon=":material/skip_next:", on_click=skip, key="skip-errors")


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
    line.caption(f"Image cache: {used / 1e9:.2f} of at most {limit / 1e9:g} GB", help="LESIONLAB_CACHE_GB sets the limit.")
    if used and not is_viewer() and button.button("Clear", help="Photographs are decoded again when a training needs them."):
        clear_cache()
        st.rerun()
