"""The files to download: a mask, or a model for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import gradio as gr

from pages.predictor import table
from pages.predictor.components import Components, Side, Update, Values
from pages.predictor.files import fresh_folder, mask_name, mask_png
from pages.predictor.handlers.display import IDLE
from pages.predictor.layout import ALL_MASKS
from pages.predictor.photo import Photo
from pages.predictor.session import Session
from pages.shared.models import model_at, model_name
from seg_core.common.text import slug
from seg_core.errors import InputError
from seg_core.prediction.predictor import Prediction


@dataclass(frozen=True)
class MaskDownload:
    """Writes the mask of one side."""

    components: Components
    side: Side

    def mask_file(self, values: Values) -> str:
        """Write the mask of the photograph that is shown as a PNG file of its own size, at the threshold of the picture."""
        photo, prediction, threshold = shown_mask(self.components, self.side, values)
        name = mask_name(photo.name, model_name(model_at(values[self.side.choice])))
        return str(mask_png(prediction, threshold, fresh_folder(), name))


def shown_mask(components: Components, side: Side, values: Values) -> tuple[Photo, Prediction, float]:
    """Return the photograph that is shown, the prediction of a side's model, and the threshold of its picture."""
    session: Session = values[components.session]
    model: str | None = values[side.choice]
    if session.photo is None or not model:
        raise gr.Error(IDLE, print_exception=False)
    (prediction,) = session.photo.predict([model], tta=values[components.tta])
    if isinstance(prediction, InputError):
        raise gr.Error(str(prediction), print_exception=False)
    # Before the answer for a newly chosen model has come, the slider still stands for the model before.
    drawn = session.controls.sides[side.place]
    return session.photo, prediction, drawn.threshold if drawn.threshold_of == model else prediction.threshold


@dataclass(frozen=True)
class TableDownload:
    """Writes the table of all photographs, and all masks."""

    components: Components

    def csv_file(self, session: Session) -> str:
        """Write the table; what was not predicted yet is predicted."""
        return table.write_csv(_photos(session), session.controls)

    def zip_file(self, session: Session) -> Iterator[Update]:
        """Write all masks; the button says how many photographs are done."""
        photos, button = _photos(session), self.components.download_zip
        for step in table.write_zip(photos, session.controls):
            if isinstance(step, int):
                yield {button: gr.update(value=f"Writing masks: {step} of {len(photos)}", interactive=False)}
            else:
                yield {self.components.zip: step, button: gr.update(value=ALL_MASKS, interactive=True)}


def _photos(session: Session) -> list[Photo]:
    if not session.photos:
        raise gr.Error(IDLE, print_exception=False)
    return list(session.photos)


def model_file(model: str | None) -> str:
    """Write a model as an ONNX file."""
    from seg_core.prediction.export import onnx_bytes

    try:
        entry = model_at(model or "")
        is_onnx = entry.path.suffix == ".onnx"
        content = entry.path.read_bytes() if is_onnx else onnx_bytes(entry.path, model_name(entry))
    except InputError as error:
        raise gr.Error(str(error), print_exception=False) from None
    file = fresh_folder() / f"{slug(model_name(entry))}.onnx"
    file.write_bytes(content)
    return str(file)
