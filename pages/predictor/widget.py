"""The widget itself: its components, which handler answers to what, and the endpoint ``/predict``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from pages.predictor import look
from pages.predictor.api import predict
from pages.predictor.files import KEEP, sweeper
from pages.predictor.handlers import NO_MODEL, OPACITIES, THRESHOLDS, Handlers, Parts, Side
from pages.predictor.session import MOST_PHOTOS, Photo, Session

EXAMPLES = Path(__file__).parent.parent / "examples"
WHILE_SEEN = """
const lookAgain = () => document.hidden || trigger("click");
setInterval(lookAgain, 5000);
document.addEventListener("visibilitychange", lookAgain);
"""
"""Asks for new checkpoints every five seconds, but not in a hidden tab, as a Timer would."""
IDLE_SECONDS = 0.02
"""Seconds between two looks of the queue; a prediction may begin so much later."""
PRIVACY = (
    "Photographs stay on this machine; they are kept in a temporary folder and deleted after an hour. Masks are computed at the "
    "resolution of the model's network and scaled to the photograph. For research and teaching: not a medical device."
)
TTA = "Test-time augmentation"
START_DOWNLOAD = """(file) => {
  const link = document.createElement("a");
  link.href = file.url; link.download = file.orig_name;
  document.body.append(link); link.click(); link.remove();
}"""


def build_predictor() -> gr.Blocks:
    """The widget. Its one public endpoint is ``/predict``; everything else is for the page alone."""
    blocks = gr.Blocks(analytics_enabled=False, title="LesionLab: Predict", delete_cache=(KEEP // 6, KEEP))
    with blocks:
        examples = [Photo.read(file, file.name) for file in sorted(EXAMPLES.glob("*.jpg"))]
        parts = _layout(examples)
        _connect(blocks, parts, Handlers(parts, examples))
        _endpoint()
    blocks.extra_startup_events.append(sweeper(KEEP, KEEP / 6))
    # Its queue, while there is nothing in it, looks a thousand times a second; that alone is 4 % of a processor, day and night.
    blocks._queue.sleep_when_free = IDLE_SECONDS
    blocks._queue.progress_update_sleep_when_free = 0.5  # of progress that no handler reports
    # Gradio refuses files that nobody uploaded, such as /etc/passwd, only after a `launch`, which a mounted app never has.
    blocks.has_launched = True
    return blocks


def _layout(examples: list[Photo]) -> Parts:
    session, known = gr.State(Session(), time_to_live=KEEP), gr.State(None)
    note = gr.HTML(look.note(NO_MODEL), visible=False, elem_id="note")
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            uploads = gr.File(
                label=f"Photographs (up to {MOST_PHOTOS})", file_count="multiple", elem_id="photographs", height=150
            )
        with gr.Column(scale=2, min_width=320):
            pictures = [(Path(example.name).stem.replace("-", " "), example.thumbnail) for example in examples]
            painted = look.thumbnails(pictures, heading="Or click an example (painted by a program)")
            example_row = gr.HTML(painted, js_on_load=look.CLICK, elem_id="examples")
    message = gr.HTML("", elem_id="message")
    with gr.Column(visible=False) as strip_box:
        strip = gr.HTML("", js_on_load=look.CLICK, elem_id="strip")
        clear = gr.Button("Remove all photographs", size="sm", elem_id="clear")
    with gr.Row(visible=False, elem_id="both", equal_height=True) as both:
        agreement = gr.HTML("", elem_id="agreement")
        opacity = gr.Slider(*OPACITIES, 40, step=5, label="Mask opacity (percent)", elem_id="opacity", min_width=240, buttons=[])
        outline = gr.Checkbox(True, label="Outline", container=False, elem_id="outline", min_width=120)
        tta = gr.Checkbox(False, label=TTA, container=False, elem_id="tta", min_width=220)
    with gr.Row():
        sides = [_side(0, "first"), _side(1, "second")]
    gr.HTML(f"<p>{PRIVACY}</p>", elem_classes="small")
    drawing = opacity, outline, tta
    return Parts(session, known, note, uploads, example_row, message, strip_box, strip, clear, both, agreement, *drawing, sides)


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
                    *(*THRESHOLDS, 0.5),
                    step=0.01,
                    label=f"Threshold of the {ordinal} model",
                    info="Probability from which a pixel counts as lesion",
                    elem_id=f"threshold-{number}",
                    buttons=[],  # none that resets it: it would not know the model's own threshold
                )
                button = gr.Button("Download this mask (PNG)", elem_id=f"download-{number}")
                # Not visible=False: the page has to hold the file for a moment, to hand it to the browser.
                file = gr.File(label=f"Mask of the {ordinal} model", interactive=False, elem_classes="unseen")
                export = gr.Button("Download this model (ONNX)", elem_id=f"export-{number}")
                onnx = gr.File(label=f"The {ordinal} model as ONNX", interactive=False, elem_classes="unseen")
    return Side(place, choice, result, measures, picture, tools, threshold, button, file, export, onnx)


def _connect(blocks: gr.Blocks, parts: Parts, handlers: Handlers) -> None:
    # Without preprocessing Gradio hands over what the page sent: a model that is gone then gets our sentence instead of a list of
    # paths, and an upload comes with the name that its owner gave it.
    private: dict[str, Any] = {"api_visibility": "private", "preprocess": False}
    running = private | {"concurrency_id": "model", "concurrency_limit": 2, "trigger_mode": "multiple", "show_progress": "hidden"}
    quick = private | {"queue": False, "show_progress": "hidden"}
    controls, shown = parts.controls, parts.shown
    first, second = parts.sides
    choices = [first.choice, second.choice]
    look_again = [blocks.load, gr.HTML("", js_on_load=WHILE_SEEN, elem_classes="unseen").click]
    redraws = [first.threshold.input, second.threshold.input, parts.opacity.input, parts.outline.input]

    gr.on(look_again, handlers.refresh, [parts.known, *choices], [parts.known, parts.note, *choices], **quick)
    blocks.load(handlers.warm_up, None, None, **private)
    parts.uploads.upload(handlers.add_uploads, [parts.uploads, *controls], [parts.uploads, *shown], **running)
    parts.examples.click(handlers.add_example, controls, shown, **running)
    parts.strip.click(handlers.choose_photo, controls, shown, **running)
    # `change`, not `input`: the page chooses a model by itself when the first one appears.
    gr.on([*(choice.change for choice in choices), parts.tta.input], handlers.show, controls, shown, **running)
    gr.on(redraws, handlers.redraw, controls, shown, trigger_mode="always_last", **quick)
    parts.clear.click(handlers.clear, parts.session, shown, **quick)
    for side in parts.sides:
        chosen = [parts.session, side.choice, parts.tta]
        made = side.button.click(partial(handlers.mask_file, side.place), chosen, side.file, **private)
        made.success(None, side.file, None, js=START_DOWNLOAD)
        exported = side.export.click(handlers.model_file, side.choice, side.onnx, **private)
        exported.success(None, side.onnx, None, js=START_DOWNLOAD)


def _endpoint() -> None:
    """Components that no one sees give the endpoint its types and its documentation."""
    with gr.Column(visible=False):
        takes = [
            gr.File(label="Photograph"),
            gr.Textbox(label="Model (empty: the first there is)"),
            gr.Textbox(label="Second model (empty: none, or the second there is)"),
            gr.Number(label="Threshold (empty: the model's own)", value=None),
            gr.Checkbox(label=TTA),
        ]
        gives = [gr.File(label="Mask"), gr.File(label="Second mask"), gr.JSON(label="Measures")]
        button = gr.Button("Predict")
    button.click(predict, takes, gives, api_name="predict", preprocess=False, concurrency_id="model", concurrency_limit=2)
