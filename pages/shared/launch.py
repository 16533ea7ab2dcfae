"""Queue runs from a page."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import streamlit as st

from pages.shared.stores import store
from seg_core.runs.dispatch import dispatch

DOUBLE_CLICK_S = 2.0


def launch(add: Callable[[], list[str]]) -> list[str]:
    """Queue runs by calling ``add``, and return their keys, as ``add`` does.

    The second click of a double click arrives while the page is being left; it queues nothing and returns the same keys.
    """
    at, before = st.session_state.get("launched", (0.0, []))
    if before and monotonic() - at < DOUBLE_CLICK_S:
        return list(before)
    added = add()
    st.session_state["launched"] = (monotonic(), added)
    dispatch(store())
    return added
