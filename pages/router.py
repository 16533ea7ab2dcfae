"""What Streamlit runs on every visit: the frame around the pages. It imports nothing heavy; each page does that for itself."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

ASSETS = Path(__file__).parent / "assets"

st.set_page_config(page_title="LesionLab", page_icon=str(ASSETS / "mark.svg"), layout="wide")
st.logo(str(ASSETS / "wordmark.svg"), icon_image=str(ASSETS / "mark.svg"), size="large")

st.navigation(
    [
        st.Page("train.py", title="Train", icon=":material/model_training:", url_path="train", default=True),
        st.Page("monitor.py", title="Monitor", icon=":material/monitoring:", url_path="monitor"),
        st.Page("predict.py", title="Predict", icon=":material/image_search:", url_path="predict"),
    ],
    position="top",
).run()
