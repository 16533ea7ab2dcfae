"""The layout of the widget: its components, from top to bottom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from pages.predictor import markup
from pages.predictor.components import HIDDEN, Components, Side
from pages.predictor.controls import SCALE_UNITS, VIEWS, Controls, ModelControls
from pages.predictor.files import KEEP
from pages.predictor.photo import Photo
from pages.predictor.session import MOST_PHOTOS, Session

NO_MODEL = "There is no trained model yet. Train one on the Train page; it appears here by itself."
ALL_MASKS = "Download all masks (ZIP)"
TTA = "Test-time augmentation"
LOOK_LABEL = "“Look at this one” if the IoU may be below"


def lay_out(examples: list[Photo]) -> Components:
    """Create the components, from top to bottom."""
    parts: dict[str, Any] = {"session": gr.State(Session(), time_to_live=KEEP), "known": gr.State(None)}
    parts |= {name: gr.Textbox(show_label=False, elem_classes="unseen") for name in ("visit", "asked")}
    parts["narrow"] = gr.Checkbox(False, show_label=False, elem_classes="unseen")
    parts["note"] = gr.HTML(markup.note(NO_MODEL), visible=False, elem_id="note")
    parts |= _intake(examples)
    parts["message"] = gr.HTML("", elem_id="message")
    with gr.Row(visible=False, elem_id="both") as parts["both"]:
        parts["agreement"] = gr.HTML("", elem_id="agreement")
        parts["view"] = gr.Radio(
            list(VIEWS), value=Controls().view, label="View", show_label=False, container=False, elem_id="view"
        )
    with gr.Row(elem_id="sides"):
        parts["sides"] = _side(0, "first"), _side(1, "second")
        gr.HTML(markup.wipe(), js_on_load=markup.WIPE, elem_id="wipe")
    parts |= _drawing(Controls()) | _table()
    gr.HTML(markup.small_print(), elem_classes="small")
    return Components(**parts)


def _intake(examples: list[Photo]) -> dict[str, Any]:
    """Where photographs come from; the style makes it small once there are some."""
    parts: dict[str, Any] = {}
    with gr.Row(elem_id="intake"):
        parts["uploads"] = gr.File(
            label=f"Photographs (up to {MOST_PHOTOS})", file_count="multiple", elem_id="photographs", height=150, min_width=160
        )
        with gr.Column(visible=False, elem_id="strip-box", min_width=160) as parts["strip_box"]:
            parts["strip"] = gr.HTML("", js_on_load=markup.CLICK, elem_id="strip")
        pictures = [(Path(example.name).stem.replace("-", " "), example.thumbnail) for example in examples]
        row = markup.thumbnails("Or click an example (painted by a program)", pictures)
        parts["examples"] = gr.HTML(row, js_on_load=markup.CLICK, elem_id="examples")
    return parts


def _drawing(start: Controls) -> dict[str, Any]:
    """How masks are drawn and measured."""
    parts: dict[str, Any] = {}
    with gr.Row(visible=False, elem_id="drawing") as parts["drawing"]:
        parts["outline"] = gr.Checkbox(start.outline, label="Outline", container=False, elem_id="outline", min_width=100)
        parts["opacity"] = gr.Slider(
            0, 100, start.opacity, step=5, label="Filled, opacity in percent", elem_id="opacity", min_width=240, buttons=[]
        )
        parts["scale"] = gr.Number(
            None, label="Scale, for areas in mm²", placeholder="such as 0.02", elem_id="scale", min_width=160, buttons=[]
        )
        parts["scale_unit"] = gr.Radio(
            list(SCALE_UNITS), value=start.scale_unit, label="Unit of the scale", show_label=False, elem_id="scale-unit"
        )
        parts["look_below"] = gr.Slider(
            0, 1, start.look_below, step=0.05, label=LOOK_LABEL, elem_id="look-below", min_width=240, buttons=[]
        )
        parts["tta"] = gr.Checkbox(start.tta, label=TTA, container=False, elem_id="tta", min_width=200)
    return parts


def _table() -> dict[str, Any]:
    """The table of all photographs, and what can be downloaded of them."""
    parts: dict[str, Any] = {}
    with gr.Column(visible=False, elem_id="rows-box") as parts["rows_box"]:
        parts["rows"] = gr.HTML("", js_on_load=markup.CLICK, elem_id="rows")
        with gr.Row(elem_id="of-all"):
            parts["download_csv"] = gr.Button("Download the table (CSV)", size="sm", elem_id="download-csv")
            parts["download_zip"] = gr.Button(ALL_MASKS, size="sm", elem_id="download-zip")
            parts["clear"] = gr.Button("Remove all photographs", size="sm", elem_id="clear")
        # Not visible=False: the page has to hold the files for a moment, to hand them to the browser.
        parts["csv"], parts["zip"] = (
            gr.File(label=name, interactive=False, elem_classes="unseen") for name in ("The table", "All masks")
        )
    return parts


def _side(place: int, ordinal: str) -> Side:
    number = place + 1
    with gr.Column(min_width=120, elem_id=f"side-{number}"):
        choice = gr.Dropdown(
            [], label=f"{ordinal.capitalize()} model", interactive=True, filterable=False, elem_id=f"model-{number}"
        )
        measures = gr.HTML("", elem_id=f"measures-{number}")
        picture = gr.Image(
            label=f"Photograph with the mask of the {ordinal} model",
            alt_text=f"The photograph with the mask of the {ordinal} model",
            show_label=False,
            interactive=False,
            visible=HIDDEN,
            buttons=["fullscreen", "download"],
            elem_id=f"picture-{number}",
        )
        with gr.Column(visible=False, min_width=120, elem_id=f"tools-{number}") as tools:
            threshold = gr.Slider(
                0.01,
                0.99,
                ModelControls().threshold,
                step=0.01,
                label=f"Threshold of the {ordinal} model",
                info="Probability from which a pixel counts as lesion",
                elem_id=f"threshold-{number}",
                buttons=[],  # none that resets it: it would not know the model's own threshold
            )
            download = gr.Button("Download this mask (PNG)", size="sm", elem_id=f"download-{number}")
            mask = gr.File(label=f"Mask of the {ordinal} model", interactive=False, elem_classes="unseen")
            correct = gr.Button("Correct this mask", size="sm", elem_id=f"correct-{number}")
            corrected = gr.Textbox(show_label=False, elem_classes="unseen")
            export = gr.Button("Download this model (ONNX)", size="sm", elem_id=f"export-{number}")
            onnx = gr.File(label=f"The {ordinal} model as ONNX", interactive=False, elem_classes="unseen")
    return Side(
        place=place,
        choice=choice,
        measures=measures,
        picture=picture,
        tools=tools,
        threshold=threshold,
        download=download,
        mask=mask,
        correct=correct,
        corrected=corrected,
        export=export,
        onnx=onnx,
    )
