"""The layout of the widget: its components, from top to bottom."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from pages.predictor import markup
from pages.predictor.components import Components, Side
from pages.predictor.controls import Controls, ModelControls
from pages.predictor.files import KEEP
from pages.predictor.photo import Photo
from pages.predictor.session import MOST_PHOTOS, Session

NO_MODEL = "There is no trained model yet. Train one on the Train page; it appears here by itself."
TTA = "Test-time augmentation"


def lay_out(examples: list[Photo]) -> Components:
    """Create the components, from top to bottom."""
    session, known = gr.State(Session(), time_to_live=KEEP), gr.State(None)
    visit, asked = (gr.Textbox(show_label=False, elem_classes="unseen") for _ in range(2))
    note = gr.HTML(markup.note(NO_MODEL), visible=False, elem_id="note")
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            uploads = gr.File(
                label=f"Photographs (up to {MOST_PHOTOS})", file_count="multiple", elem_id="photographs", height=150
            )
        with gr.Column(scale=2, min_width=320):
            pictures = [(Path(example.name).stem.replace("-", " "), example.thumbnail) for example in examples]
            row = markup.thumbnails("Or click an example (painted by a program)", pictures)
            example_row = gr.HTML(row, js_on_load=markup.CLICK, elem_id="examples")
    message = gr.HTML("", elem_id="message")
    with gr.Column(visible=False) as strip_box:
        strip = gr.HTML("", js_on_load=markup.CLICK, elem_id="strip")
        clear = gr.Button("Remove all photographs", size="sm", elem_id="clear")
    with gr.Row(visible=False, elem_id="both", equal_height=True) as both:
        agreement = gr.HTML("", elem_id="agreement")
        opacity, outline, tta = _drawing_controls(Controls())
    with gr.Row():
        sides = _side(0, "first"), _side(1, "second")
    gr.HTML(markup.small_print(), elem_classes="small")
    return Components(
        session=session,
        visit=visit,
        asked=asked,
        known=known,
        note=note,
        uploads=uploads,
        examples=example_row,
        message=message,
        strip_box=strip_box,
        strip=strip,
        clear=clear,
        both=both,
        agreement=agreement,
        opacity=opacity,
        outline=outline,
        tta=tta,
        sides=sides,
    )


def _drawing_controls(start: Controls) -> tuple[gr.Slider, gr.Checkbox, gr.Checkbox]:
    opacity = gr.Slider(
        0, 100, start.opacity, step=5, label="Mask opacity (percent)", elem_id="opacity", min_width=240, buttons=[]
    )
    outline = gr.Checkbox(start.outline, label="Outline", container=False, elem_id="outline", min_width=120)
    tta = gr.Checkbox(start.tta, label=TTA, container=False, elem_id="tta", min_width=220)
    return opacity, outline, tta


def _side(place: int, ordinal: str) -> Side:
    number = place + 1
    with gr.Column(min_width=300, elem_id=f"side-{number}"):
        choice = gr.Dropdown(
            [], label=f"{ordinal.capitalize()} model", interactive=True, filterable=False, elem_id=f"model-{number}"
        )
        with gr.Column(visible=False) as result:
            measures = gr.HTML("", elem_id=f"measures-{number}")
            picture = gr.Image(
                label=f"Photograph with the mask of the {ordinal} model",
                alt_text=f"The photograph with the mask of the {ordinal} model",
                show_label=False,
                interactive=False,
                buttons=["fullscreen", "download"],
                elem_id=f"picture-{number}",
            )
            with gr.Column() as tools:
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
                download = gr.Button("Download this mask (PNG)", elem_id=f"download-{number}")
                # Not visible=False: the page has to hold the file for a moment, to hand it to the browser.
                mask = gr.File(label=f"Mask of the {ordinal} model", interactive=False, elem_classes="unseen")
                export = gr.Button("Download this model (ONNX)", elem_id=f"export-{number}")
                onnx = gr.File(label=f"The {ordinal} model as ONNX", interactive=False, elem_classes="unseen")
    return Side(
        place=place,
        choice=choice,
        result=result,
        measures=measures,
        picture=picture,
        tools=tools,
        threshold=threshold,
        download=download,
        mask=mask,
        export=export,
        onnx=onnx,
    )
