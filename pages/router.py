"""The frame around the pages, which Streamlit runs on every visit. It imports nothing heavy; each page does that for itself."""

from __future__ import annotations

import os

import streamlit as st

from pages.shared.scripts import ASSETS, run_script
from seg_core.errors import StoreError

# Set before the navigation is made: Streamlit would fetch the page's icon from the internet.
st.set_page_config(page_icon=str(ASSETS / "mark.svg"), layout="wide")
st.logo(str(ASSETS / "wordmark.svg"), size="large")
st.html(ASSETS / "style.css")
for script in ("history", "pressed", "notify"):
    run_script(script)


def sign_out() -> None:
    """Go to the access guard's address for signing out, which Streamlit cannot link to in the same tab."""
    run_script("leave")


pages = [
    st.Page("home.py", title="Home", icon=":material/home:", url_path="home", default=True),
    st.Page("train.py", title="Train", icon=":material/model_training:", url_path="train"),
    st.Page("monitor.py", title="Monitor", icon=":material/monitoring:", url_path="monitor"),
    st.Page("sweeps.py", title="Sweeps", icon=":material/travel_explore:", url_path="sweeps"),
    st.Page("data.py", title="Data", icon=":material/photo_library:", url_path="data"),
    st.Page("report.py", title="Report", icon=":material/description:", url_path="report"),
    st.Page("compare.py", title="Compare", icon=":material/compare:", url_path="compare"),
    st.Page("predict.py", title="Predict", icon=":material/image_search:", url_path="predict"),
    st.Page("correct.py", title="Correct", icon=":material/brush:", url_path="correct"),
    st.Page("about.py", title="About", icon=":material/info:", url_path="about"),
]
if os.environ.get("LESIONLAB_PASSWORD"):
    pages.append(st.Page(sign_out, title="Sign out", icon=":material/logout:", url_path="leave"))
page = st.navigation(pages, position="top")
st.set_page_config(page_title=f"{page.title} · LesionLab")
try:
    page.run()
except StoreError as error:
    st.error(str(error))
