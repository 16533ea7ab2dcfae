"""How the curves of Monitor are seen, in the page's address: so that a link shows a colleague the same."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import streamlit as st

AXES = ("epoch", "step", "minutes", "clock")
"""What curves are drawn by."""
BOXES = ("log", "whole", "process", "batches")
"""Logarithmic axis; every value in range; learning rate, gradients and speed too; the loss of every batch."""
MOST_SMOOTHING = 0.95


def view() -> str:
    """Return what the visitor chose, or what the address says, as JSON of what differs from the usual view."""
    chosen: str | None = st.session_state.get("live-charts", {}).get("view")
    return chosen or json.dumps(_read({name: st.query_params[name] for name in _NAMES if name in st.query_params}))


def remember(chosen: str | None) -> None:
    """Make the address one that opens the same view; None where the visitor has chosen nothing."""
    if chosen is None:
        return
    values = _read(json.loads(chosen))
    for name in _NAMES:
        text = {True: "1", None: None}.get(values.get(name), str(values.get(name)))
        if text is None:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != text:
            st.query_params[name] = text


_NAMES = ("smoothing", "x", *BOXES)


def _read(given: dict[str, Any]) -> dict[str, Any]:
    """Return the values that mean something, without those that are usual."""
    values: dict[str, Any] = {name: True for name in BOXES if given.get(name) in (True, "1")}
    if given.get("x") in AXES[1:]:
        values["x"] = given["x"]
    with suppress(ValueError, TypeError):
        smoothing = round(float(given.get("smoothing", 0)), 2)
        if 0 < smoothing <= MOST_SMOOTHING:
            values["smoothing"] = smoothing
    return values
