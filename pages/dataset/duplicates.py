"""Photographs that a dataset holds more than once, and what that means for its splits."""

from __future__ import annotations

import streamlit as st

from pages.dataset.gallery import gallery_of_twos
from pages.dataset.view import View
from seg_core.data.scan.duplicates import Duplicate
from seg_core.data.scan.similarity import TRANSFORMATIONS

MOST_SHOWN = 12


def duplicates_panel(view: View) -> None:
    """Show leakage into training, photographs in both validation and test, and repeated ones within a split."""
    leaks = [found for found in view.duplicates if found.is_leakage]
    between = [found for found in view.duplicates if not found.is_leakage and found.first.split != found.second.split]
    within = [found for found in view.duplicates if found.first.split == found.second.split]
    if leaks:
        _show_leaks(view, leaks)
    elif "train" in view.splits and {"val", "test"} & set(view.splits):
        st.success("No test or validation photograph looks like a training photograph.", icon=":material/check_circle:")
    if between:
        st.warning("Some photographs are in both validation and test, so the best epoch is chosen on photographs that test it.")
        with st.expander(f"{len(between)} in validation and in test", icon=":material/content_copy:"):
            _show(view, between, "Photographs in validation and in test")
    if within:
        if "val" not in view.splits:
            st.info("Validation is drawn by seed. Repeated photographs stay on one side of the split.")
        with st.expander(f"{len(within)} repeated within a split", icon=":material/content_copy:"):
            _show(view, within, "Photographs that are repeated within a split")


def _show_leaks(view: View, leaks: list[Duplicate]) -> None:
    count = len({photo.index for found in leaks for photo in (found.first, found.second) if photo.split != "train"})
    appear = "photograph also appears" if count == 1 else "photographs also appear"
    st.error(
        f"{count:,} test or validation {appear} in training. Scores on such photographs say nothing; remove one of each pair.",
        icon=":material/warning:",
    )
    _show(view, leaks, "Photographs in training and in test or validation")


def _show(view: View, found: list[Duplicate], label: str) -> None:
    shown = [photo for each in found[:MOST_SHOWN] for photo in (each.first, each.second)]
    captions = [text for each in found[:MOST_SHOWN] for text in _captions(each)]
    st.html(gallery_of_twos([view.pairs[photo.index] for photo in shown], captions, label))
    if len(found) > MOST_SHOWN:
        st.caption(f"The first {MOST_SHOWN} of {len(found)}.")


def _captions(found: Duplicate) -> tuple[str, str]:
    how = "" if found.transformation == TRANSFORMATIONS[0] else f" · {found.transformation}"
    return found.first.split or "", f"{found.second.split or ''}{how} · agreement {found.agreement:.2f}"
