"""The page Predict: the Gradio widget, which the host serves under /predictor/, fills it."""

from __future__ import annotations

import streamlit as st

st.title("Predict")
st.write("Drop photographs and compare the masks of two trained models.")
# The script in the widget's head sets the height to that of its content; this one stands until then.
st.iframe("/predictor/", height=900)
