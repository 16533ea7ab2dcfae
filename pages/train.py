"""The page Train."""

from __future__ import annotations

import streamlit as st

st.title("Train")
