"""Scripts that a page adds to itself. They are files: a browser runs only those whose digests `pages.server.headers` lists."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

ASSETS = Path(__file__).parents[1] / "assets"


def run_script(name: str) -> None:
    """Run ``assets/NAME.js`` in the page, each time the page is drawn."""
    st.html(f"<script>{(ASSETS / f'{name}.js').read_text(encoding='utf-8')}</script>", unsafe_allow_javascript=True)
