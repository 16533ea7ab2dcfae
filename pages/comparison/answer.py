"""What a comparison found, in a few sentences, above its figures."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from pages.shared.html import render

_ANSWER = """
<div class="answer" role="status">
{% for claim, rest in sentences %}
<p><strong>{{ claim }}</strong>{{ rest }}</p>
{% endfor %}
</div>
"""


def show_answer(sentences: Sequence[str], claim_ends: str) -> None:
    """Show sentences; of each, the claim stands out, which ends with the first ``claim_ends``, and the figures follow."""
    parts = [sentence.partition(claim_ends) for sentence in sentences]
    st.html(render(_ANSWER, sentences=[(claim + end, rest) for claim, end, rest in parts]))
