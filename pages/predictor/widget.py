"""The widget itself: which handler answers which event, and the endpoint ``/predict``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from pages.predictor.api import predict
from pages.predictor.blocks import Widget
from pages.predictor.components import Components
from pages.predictor.files import KEEP, sweeper
from pages.predictor.handlers.correction import MaskCorrection, offered
from pages.predictor.handlers.display import Display
from pages.predictor.handlers.downloads import MaskDownload, TableDownload, model_file
from pages.predictor.handlers.models import ModelChoice, warm_up
from pages.predictor.handlers.photographs import Photographs
from pages.predictor.layout import TTA, lay_out
from pages.predictor.photo import Photo
from pages.predictor.visits import ARRIVAL, VISITS
from pages.shared.turns import MOST_WAITING, in_line
from seg_core.data.decoder import decoder
from seg_core.data.image import read_scaled

EXAMPLES = Path(__file__).parent.parent / "examples"
WHILE_SEEN = """
const refresh = () => document.hidden || trigger("click");
setInterval(refresh, 5000);
document.addEventListener("visibilitychange", refresh);
"""
"""Looks for new checkpoints every five seconds, but not in a hidden tab, as a Timer would."""
IDLE_SECONDS = 0.02
"""Seconds between two polls of the queue; a prediction may begin that much later."""
START_DOWNLOAD = """(file) => {
  const link = document.createElement("a");
  link.href = file.url; link.download = file.orig_name;
  document.body.append(link); link.click(); link.remove();
}"""
OPEN_CORRECT = """(query) => {
  const page = window.parent.document, link = page.createElement("a");  // the frame itself may not leave the page
  link.href = `${window.location.pathname.split("/predictor/")[0]}/correct?${query}`;
  page.body.append(link); link.click(); link.remove();
}"""

VISITORS_AT_ONCE = 8
"""Whose photographs are predicted, in turns: one photograph of each after the other."""

# Without preprocessing Gradio hands over what the page sent: a model that is gone then gets our sentence instead of a list of
# paths, and an upload comes with the name that its owner gave it.
PRIVATE: dict[str, Any] = {"api_visibility": "private", "preprocess": False}
RUNS_MODELS: dict[str, Any] = PRIVATE | {
    "concurrency_id": "model",
    "concurrency_limit": VISITORS_AT_ONCE,
    "trigger_mode": "multiple",
    "show_progress": "hidden",
}
QUICK: dict[str, Any] = PRIVATE | {"queue": False, "show_progress": "hidden"}


def build_predictor() -> gr.Blocks:
    """Build the widget. Its one public endpoint is ``/predict``; everything else is for the page alone."""
    blocks = Widget(analytics_enabled=False, title="LesionLab: Predict", delete_cache=(KEEP // 6, KEEP))
    with blocks:
        examples = [Photo.read(file, file.name, read_scaled) for file in sorted(EXAMPLES.glob("*.jpg"))]
        components = lay_out(examples)
        _connect_photographs(components, examples)
        _connect_models(blocks, components)
        _connect_downloads(blocks, components)
        _connect_table_downloads(components)
        _endpoint()
    blocks.extra_startup_events += [sweeper(VISITS.forget_old), _start_decoder]
    # Its queue, while there is nothing in it, looks a thousand times a second; that alone is 4 % of a processor, day and night.
    blocks._queue.sleep_when_free = IDLE_SECONDS
    blocks._queue.progress_update_sleep_when_free = 0.5  # of progress that no handler reports
    blocks._queue.max_thread_count += MOST_WAITING  # requests that wait in line need none of its threads
    # Gradio refuses files that nobody uploaded, such as /etc/passwd, only after a `launch`, which a mounted app never has.
    blocks.has_launched = True
    return blocks


async def _start_decoder() -> None:
    decoder().start()


def _connect_photographs(components: Components, examples: list[Photo]) -> None:
    controls, shown = components.controls, components.shown
    display = Display(components)
    photographs = Photographs(components, examples, display)
    uploads = components.uploads
    uploads.upload(photographs.add_uploads, controls | {uploads}, [*shown, uploads], **RUNS_MODELS)
    components.examples.click(photographs.add_example, controls, shown, **RUNS_MODELS)
    components.strip.click(photographs.choose_photo, controls, shown, **RUNS_MODELS)
    components.rows.click(photographs.choose_row, controls, shown, **RUNS_MODELS)
    components.clear.click(photographs.clear, components.session, shown, **QUICK)

    # `change`, not `input`: the page chooses a model by itself when the first one appears.
    runs_again = [*(side.choice.change for side in components.sides), components.tta.input]
    gr.on(runs_again, display.show, controls, shown, **RUNS_MODELS)
    drawn_with: tuple[Any, ...] = (components.opacity, components.outline, components.view)
    of_masks = components.scale, components.scale_unit, components.look_below
    measured_with: tuple[Any, ...] = (*(side.threshold for side in components.sides), *of_masks)
    gr.on([each.input for each in drawn_with], display.redraw, controls, shown, trigger_mode="always_last", **QUICK)
    gr.on([each.input for each in measured_with], display.redraw, controls, shown, trigger_mode="always_last", **QUICK).then(
        display.tabulate, components.session, components.rows, trigger_mode="always_last", **QUICK
    )


def _connect_models(blocks: gr.Blocks, components: Components) -> None:
    models = ModelChoice(components)
    told = components.visit, components.asked, components.narrow
    asks: set[Any] = {
        components.session,
        *told,
        components.known,
        *(side.choice for side in components.sides),
    }
    gets = [components.known, components.note, *components.settings]
    clock = gr.HTML("", js_on_load=WHILE_SEEN, elem_classes="unseen")
    clock.click(models.refresh, asks, gets, **QUICK)
    arrived = blocks.load(None, None, [*told], js=ARRIVAL, api_visibility="private")
    offered = arrived.then(models.refresh, asks, gets, **QUICK)
    offered.then(Display(components).show, components.controls, components.shown, **RUNS_MODELS)
    blocks.load(warm_up, None, None, **PRIVATE)


def _connect_downloads(blocks: gr.Blocks, components: Components) -> None:
    blocks.load(offered, None, [side.correct for side in components.sides], **QUICK)
    for side in components.sides:
        shown: set[Any] = {components.session, side.choice, components.tta}
        written = side.download.click(MaskDownload(components, side).mask_file, shown, side.mask, **PRIVATE)
        written.success(None, side.mask, None, js=START_DOWNLOAD)
        taken = side.correct.click(MaskCorrection(components, side).begin, shown, side.corrected, **PRIVATE)
        taken.success(None, side.corrected, None, js=OPEN_CORRECT)
        exported = side.export.click(model_file, side.choice, side.onnx, **PRIVATE)
        exported.success(None, side.onnx, None, js=START_DOWNLOAD)


def _connect_table_downloads(components: Components) -> None:
    download = TableDownload(components)
    written = components.download_csv.click(download.csv_file, components.session, components.csv, **PRIVATE)
    written.success(None, components.csv, None, js=START_DOWNLOAD)
    gets = [components.zip, components.download_zip]
    packed = components.download_zip.click(download.zip_file, components.session, gets, **PRIVATE | {"show_progress": "hidden"})
    packed.success(None, components.zip, None, js=START_DOWNLOAD)


def _endpoint() -> None:
    """Add the components that no one sees; they give the endpoint its types and its documentation."""
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
    endpoint = in_line(predict, partial(gr.Error, print_exception=False))
    button.click(endpoint, takes, gives, api_name="predict", preprocess=False, concurrency_limit=None)
