"""How the curves are seen, as the address says it and as the page keeps it."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest


def shown(chosen: str | None) -> None:
    import streamlit as st

    from pages.runs.view import remember, view

    st.session_state["found"] = view()
    remember(chosen)


def page(address: dict[str, str], chosen: str | None = None) -> AppTest:
    opened = AppTest.from_function(shown, args=(chosen,), default_timeout=60)
    for name, value in address.items():
        opened.query_params[name] = value
    return opened.run()


@pytest.mark.parametrize(
    ("address", "view"),
    [
        ({}, {}),
        ({"smoothing": "0.6", "x": "minutes", "log": "1"}, {"log": True, "x": "minutes", "smoothing": 0.6}),
        ({"smoothing": "0", "x": "epoch", "log": "0", "whole": "yes"}, {}),
        ({"smoothing": "1", "x": "<b>"}, {}),
        ({"smoothing": "nan", "x": "", "run": "3"}, {}),
        ({"smoothing": "much", "process": "1", "batches": "1"}, {"process": True, "batches": True}),
    ],
)
def test_an_address_says_what_is_seen_and_nonsense_says_nothing(address: dict[str, str], view: dict[str, object]) -> None:
    assert json.loads(page(address).session_state["found"]) == view


def test_what_is_chosen_stands_in_the_address() -> None:
    opened = page({"x": "step", "whole": "1", "run": "3"}, '{"smoothing":0.35,"x":"clock","log":true}')
    assert dict(opened.query_params) == {"run": "3", "smoothing": "0.35", "x": "clock", "log": "1"}
    assert dict(page({"x": "step", "run": "3"}, "{}").query_params) == {"run": "3"}
    assert dict(page({"x": "step"}).query_params) == {"x": "step"}
