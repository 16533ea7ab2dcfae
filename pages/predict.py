"""The page Predict."""

from __future__ import annotations

import streamlit as st

st.title("Predict")
