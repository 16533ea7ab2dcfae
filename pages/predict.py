"""The page Predict: the Gradio widget, which the host serves under /predictor/, fills it."""

from __future__ import annotations

from urllib.parse import quote

import streamlit as st

from pages.shared.address import address
from pages.shared.foreign_models import add_foreign_models, warn_of_unusable_models
from seg_core.prediction.catalogue import available_checkpoints

st.title("Predict")
st.write("Drop photographs and compare the masks of two trained models.")
if not available_checkpoints():
    st.page_link("train.py", label="Train a model", icon=":material/model_training:")
warn_of_unusable_models()
model = st.query_params.get("model")
# The last slash is needed. The script in the widget's head sets the height to that of its content; this one stands until then.
st.iframe(address(f"/predictor/?model={quote(model)}" if model else "/predictor/"), height=900)
with st.expander("Models of other programs"):
    add_foreign_models()
