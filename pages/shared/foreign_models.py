"""Adding models of other programs, which every page then offers beside the checkpoints, and naming files that are no models."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

import streamlit as st

from pages.shared.markdown import plain
from pages.shared.visitor import tells_viewer
from seg_core.common.text import slug
from seg_core.errors import InputError
from seg_core.prediction.catalogue import added_models, models_folder, unusable_models
from seg_core.prediction.checkpoint_file import read_metadata
from seg_core.prediction.foreign import SUFFIX, keep_foreign
from seg_core.prediction.foreign_file import LARGEST_SIDE, LONGEST_LABEL, OUTPUTS, SCALINGS, ForeignFacts, ForeignSettings
from seg_core.prediction.trial import try_foreign

HELP = (
    "An ONNX file of any segmentation model that takes one image. In PyTorch: "
    "`torch.onnx.export(model.eval(), (torch.zeros(1, 3, 256, 256),), 'model.onnx', dynamo=False)`."
)


MOST_NAMED = 5
"""Unusable files that a page names; of more it says how many."""


def warn_of_unusable_models() -> None:
    """Name the files that would be models and are left out of the choices, in one box."""
    if sentences := list(unusable_models().values()):
        more = [f"… and {len(sentences) - MOST_NAMED} more files."] if len(sentences) > MOST_NAMED else []
        st.warning("These models are left out:\n" + "\n".join(f"- {plain(text)}" for text in [*sentences[:MOST_NAMED], *more]))


def add_foreign_models() -> None:
    """Let the visitor add ONNX models, and remove these and calibrated ones."""
    looks_only = tells_viewer()
    if not looks_only:
        _choose_file()
    for path in added_models():
        name, remove = st.columns([5, 1], vertical_alignment="center")
        name.markdown(plain(path.stem))
        if not looks_only:
            # A callback, so that a page that is drawn again meanwhile does not lose the click.
            remove.button("Remove", key=f"remove-{path.name}", on_click=_remove, args=(path,))


def _remove(model: Path) -> None:
    for file in (model, model.with_suffix(".md")):  # the card of a calibrated one
        file.unlink(missing_ok=True)


def _choose_file() -> None:
    file = st.file_uploader(
        "Model of another program (ONNX)", type=["onnx", "pth", "pt", "ckpt", "bin"], help=HELP, key="foreign-model"
    )
    if file is not None:
        _add(file.name, file.getvalue())


def _add(name: str, content: bytes) -> None:
    try:
        facts = _facts(name, hashlib.sha256(content).hexdigest(), content)
    except InputError as error:
        st.error(plain(str(error)))
        return
    with st.form("foreign-settings"):
        st.write(plain(facts.words))
        settings = _ask(facts)
        added = st.form_submit_button("Add this model", type="primary")
    if added:
        target = models_folder() / f"{slug(settings.label)}{SUFFIX}"
        try:
            try_foreign(content, name, settings)
            keep_foreign(content, name, settings, target)
        except InputError as error:
            st.error(plain(str(error)))
            return
        st.success(f"{plain(settings.label)} is now among the models of Predict and Compare.")


def _ask(facts: ForeignFacts) -> ForeignSettings:
    """Ask for what the file does not say, and show the rest as it is read."""
    start = facts.settings
    label = st.text_input("Name", start.label, max_chars=LONGEST_LABEL).strip() or start.label
    width, height = (
        side.number_input(
            name,
            1,
            LARGEST_SIDE,
            value,
            disabled=fixed,
            help="Photographs are scaled to this size. Take the size that the model was trained at.",
        )
        for side, name, value, fixed in zip(
            st.columns(2),
            ("Input width, pixels", "Input height, pixels"),
            (start.width, start.height),
            facts.fixed,
            strict=True,
        )
    )
    scaling = st.selectbox(
        "Colours of its input",
        list(SCALINGS),
        list(SCALINGS).index(start.scaling),
        format_func=SCALINGS.__getitem__,
        disabled="scaling" not in facts.unknown,
        help="segmentation-models-pytorch and torchvision train with ImageNet's mean and standard deviation.",
    )
    output = st.selectbox("Its output", list(OUTPUTS), list(OUTPUTS).index(start.output), format_func=OUTPUTS.__getitem__)
    lesion = start.lesion
    if facts.classes > 1 or start.output == "classes":
        last = 255 if start.output == "classes" else facts.classes - 1
        lesion = st.number_input("Number of the class that is lesion, counted from 0", 0, last, start.lesion)
    threshold = st.slider("Threshold", 0.01, 0.99, start.threshold, help="Probability from which a pixel counts as lesion.")
    return replace(
        start,
        label=label,
        width=int(width),
        height=int(height),
        scaling=scaling,
        output=output,
        lesion=int(lesion),
        threshold=threshold,
    )


@st.cache_data(max_entries=8, show_spinner="Reading the model …")
def _facts(name: str, digest: str, _content: bytes) -> ForeignFacts:
    """Read a file once for all reruns of the page; ``digest`` stands for its content."""
    if Path(name).suffix.lower() != SUFFIX:
        raise _no_onnx(name, _content)
    return try_foreign(_content, name)


def _no_onnx(name: str, content: bytes) -> InputError:
    """Return the sentence about a file of weights, as a checkpoint's reader says it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "weights")
        file.write_bytes(content)
        try:
            read_metadata(file, name)
        except InputError as error:
            return error
    return InputError(f"{name} is a checkpoint of LesionLab; upload it on Compare.")
