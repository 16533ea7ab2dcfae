"""The first page: one photograph with two masks, three ways in, and what runs now."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image

from pages.live.components import MaskModel, runs_now, wipe
from pages.shared.markdown import plain
from seg_core.common.colours import colours_of
from seg_core.common.home import SHIPPED_CHECKPOINTS
from seg_core.errors import InputError
from seg_core.prediction.checkpoint import load_checkpoint

PHOTO = Path(__file__).parent / "examples" / "two-colours.jpg"
"""Painted by a program, like all photographs that ship."""
MODELS = {"trainable-decoder-report": "Model 1 · recipe report", "fine-tune-best-plus": "Model 2 · recipe best"}
"""Two of the models that ship, and their names here. Their masks differ so much that everyone sees it."""
SIDE = 640
"""Side of the pictures, in pixels."""
WAYS_IN = (
    ("predict.py", "Try a photograph", ":material/image_search:", "Drop one, and see the masks of two models."),
    ("train.py", "Train", ":material/model_training:", "On the built-in sample or a folder of yours, and watch it live."),
    ("compare.py", "Compare", ":material/compare:", "Which model is better, and is that statistically significant?"),
)


@st.cache_resource(show_spinner=False)
def two_masks() -> tuple[str, list[tuple[MaskModel, str]]]:
    """Predict the photograph, once while the app runs; return it, and the probabilities of each model, as addresses of pictures.

    Raises:
        InputError: if a model that ships is missing.
    """
    size = (SIDE, SIDE)
    masks = []
    colours = colours_of(MODELS)
    for name, label in MODELS.items():
        model = load_checkpoint(SHIPPED_CHECKPOINTS / f"{name}.safetensors")
        grey = np.rint(model.predict(PHOTO).probability(size) * 255).astype(np.uint8)
        masks.append((MaskModel(label, colours[name], model.threshold), address(Image.fromarray(grey), "PNG")))
    with Image.open(PHOTO) as photo:
        return address(photo.convert("RGB").resize(size, Image.Resampling.BICUBIC), "JPEG"), masks


def address(picture: Image.Image, kind: str) -> str:
    """Return a picture as an address that holds all of it."""
    file = io.BytesIO()
    picture.save(file, kind, quality=88)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


st.title("Train models that outline skin lesions, and see which one is better")
picture, words = st.columns([4, 5], gap="large")
with words, st.container(key="ways-in"):
    for page, label, icon, text in WAYS_IN:
        with st.container(border=True, gap="xxsmall"):
            st.page_link(page, label=f"**{label}**", icon=icon)
            st.caption(text)
    st.write("Everything runs on this machine. For research and teaching; **not a medical device**.")
with words:
    st.header("What runs now")
    if run := runs_now():
        st.switch_page("monitor.py", query_params={"run": run})
with picture:  # last: in a new app the models run for a second or two
    try:
        with st.spinner("Two models look at a photograph …"):
            photo, masks = two_masks()
        wipe(photo, masks)
    except InputError as error:
        st.caption(plain(str(error)))
