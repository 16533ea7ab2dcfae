"""What a comparison is judged by, as the visitor chooses it and as the address keeps it."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from seg_core.evaluation.clusters import ALONE


def chosen(threshold: float | None, clusters: bool) -> None:
    import streamlit as st

    from pages.comparison.judging import choose_judging
    from seg_core.evaluation.clusters import Clusters

    beside = {name: Clusters(name, {}) for name in ("p.csv:patient", "p.csv:lesion_id")} if clusters else {}
    judging = choose_judging(threshold, beside)
    st.session_state["found"] = (
        judging.column.name,
        judging.margin,
        judging.clusters.groups if judging.clusters else None,
        judging.note,
    )


def page(address: dict[str, str] | None = None, *, threshold: float | None = None, clusters: bool = False) -> AppTest:
    opened = AppTest.from_function(chosen, args=(threshold, clusters), default_timeout=60)
    for name, value in (address or {}).items():
        opened.query_params[name] = value
    return opened.run()


def test_at_first_the_iou_decides_and_the_widest_clusters_count() -> None:
    assert page().session_state["found"] == ("iou", 0.01, None, "")
    opened = page(clusters=True)
    assert opened.session_state["found"] == ("iou", 0.01, "p.csv:patient", "")
    assert dict(opened.query_params) == {}


def test_the_address_keeps_every_choice() -> None:
    opened = page({"score": "dice", "margin": "0.02", "together": ALONE}, clusters=True)
    assert opened.session_state["found"] == ("dice", 0.02, None, "")
    (together,) = [box for box in opened.selectbox if box.label == "Count as one"]
    assert together.options == ["patients (p.csv:patient)", "lesions (p.csv:lesion_id)", "each photograph by itself"]
    together.select("p.csv:lesion_id").run()
    assert opened.query_params["together"] == "p.csv:lesion_id"
    assert opened.session_state["found"][2] == "p.csv:lesion_id"


@pytest.mark.parametrize("address", [{"score": "nonsense", "margin": "-3", "together": "x"}, {"margin": "nan"}])
def test_an_address_that_says_nothing_is_as_none(address: dict[str, str]) -> None:
    assert page(address, clusters=True).session_state["found"] == ("iou", 0.01, "p.csv:patient", "")


def test_a_score_that_is_not_known_at_the_threshold_waits_and_the_page_says_so() -> None:
    address = {"score": "hausdorff_95", "margin": "0.02"}
    moved = page(address, threshold=0.4)
    assert moved.session_state["found"] == (
        "iou",
        0.02,
        None,
        "HD95 is known at each model's own threshold only, so IoU decides at 0.40.",
    )
    assert moved.query_params["score"] == "hausdorff_95"
    assert page(address).session_state["found"] == ("hausdorff_95", 0.02, None, "")
