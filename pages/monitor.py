"""The page Monitor."""

from __future__ import annotations

import streamlit as st

st.title("Monitor")
