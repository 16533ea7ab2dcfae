"""Choosing what counts as the truth where several experts outlined the photographs."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from seg_core.data.dataset import Dataset
from seg_core.data.pair import STAPLE
from seg_core.data.source import MAJORITY, Source

TITLES = {MAJORITY: "What most experts mark", STAPLE: "STAPLE of the experts"}
HELP = (
    "Models learn from this truth and are scored by it. Most: a pixel that more than half of the experts mark is lesion; where "
    "exactly half do, the middle between their outlines decides. STAPLE weighs each expert by how well the others agree."
)


def choose_truth(dataset: Dataset, sources: Sequence[str], field: str) -> None:
    """Let the visitor choose what counts of the experts' masks, where a dataset has several; it becomes part of the source.

    Args:
        dataset: the one of these sources.
        sources: what is typed.
        field: the key of the text area that they are typed into.
    """
    with_experts = [any(pair.experts for pair in listing.pairs) for listing in dataset.listings]
    if not any(with_experts):
        return
    options = [MAJORITY, STAPLE, *dataset.experts]
    chosen = next((pair.truth for pair in dataset.pairs if pair.experts), MAJORITY)
    key = f"truth-{field}-{' '.join(sources)}"

    def use() -> None:
        # Each source's own spelling stays, and those without experts have nothing to choose.
        lines = [
            str(Source.parse(source).with_choices(truth=st.session_state[key])) if has_experts else source
            for source, has_experts in zip(sources, with_experts, strict=True)
        ]
        st.session_state[field] = "\n".join(lines)

    st.selectbox(
        f"Truth of {len(dataset.experts)} experts",
        options,
        options.index(chosen),
        format_func=lambda name: TITLES.get(name, f"What {name} marks"),
        help=HELP,
        key=key,
        on_change=use,
    )
