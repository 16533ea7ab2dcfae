"""Launching from a page: what a double click queues."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


def page() -> None:
    import streamlit as st

    from pages.shared.launch import launch

    def add() -> list[str]:
        st.session_state["count"] = st.session_state.get("count", 0) + 1
        return [str(st.session_state["count"])]

    st.text(launch(add)[0])


def test_the_second_click_of_a_double_one_launches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("pages.shared.launch.monotonic", lambda: now)
    monkeypatch.setattr("pages.shared.launch.store", lambda: None)
    monkeypatch.setattr("pages.shared.launch.dispatch", lambda store: None)
    app = AppTest.from_function(page).run()
    assert app.text[0].value == "1"
    assert app.run().text[0].value == "1"
    now = 103.0
    assert app.run().text[0].value == "2"
