"""The endpoint ``/predict`` of the Gradio widget, for `gradio_client` and other programs."""

from __future__ import annotations

import math
from typing import Any

import gradio as gr

from pages.predictor.files import fresh_folder, mask_name, mask_png, upload
from pages.predictor.photo import predict_upload
from pages.shared.models import default_pair, find_model, model_name
from seg_core.data.decoder import decoder
from seg_core.data.image import read_once
from seg_core.errors import InputError
from seg_core.prediction.measures import BOTH_EMPTY, measure


def predict(
    photo: dict[str, Any] | None,
    model: str | None = None,
    second_model: str | None = None,
    threshold: float | None = None,
    tta: bool | None = False,
) -> tuple[str, str | None, dict[str, Any]]:
    """Segment the lesion on one photograph with one or two models.

    Takes a photograph (a file), the names of the models as the Predict page shows them ("fine-tune-best" will do for a file that
    ships, "3" for run 3; with no name given, the first two there are), the probability from which a pixel counts as lesion
    (each model's own if left out), and whether to average over the eight symmetries of the square (test-time augmentation).

    Gives the masks as PNG files of 0 and 255 at the photograph's own size (the second is None for one model), and a JSON object:
    "models" (names), "thresholds", "lesion_area" (shares of the photograph, 0 to 1), "lesion_pixels" (the same in pixels),
    "agreement" (IoU of the masks; null for one mask, and where both are empty), "note" (says that both are empty, else ""),
    "expected_iou" and "expected_iou_at_least" (of each mask, the latter a bound that 90 % of such masks reach) and
    "unlike_training" (true for a photograph unlike those that trained the model; all three null where it cannot tell, at another
    threshold than its own, and with test-time augmentation), "seconds" (of each model), "size" ([width, height]).
    """
    try:
        return _predict(photo, [str(name) for name in (model, second_model) if name], threshold, bool(tta))
    except InputError as error:
        raise gr.Error(str(error), print_exception=False) from None


def _predict(
    photo: dict[str, Any] | None, names: list[str], threshold: float | None, tta: bool
) -> tuple[str, str | None, dict[str, Any]]:
    if not photo:
        raise InputError("There is no photograph; send one as a file.")
    file, name = upload(photo)
    entries = [find_model(model) for model in names or _defaults()]
    limit = _threshold(threshold)
    read = read_once(decoder().read_scaled)
    predictions = [predict_upload(entry, file, name, read, tta=tta) for entry in entries]
    thresholds = [prediction.threshold if limit is None else limit for prediction in predictions]
    files = [
        str(mask_png(prediction, value, fresh_folder(), mask_name(name, model_name(entry))))
        for prediction, value, entry in zip(predictions, thresholds, entries, strict=True)
    ]
    measured = measure([prediction.mask(value) for prediction, value in zip(predictions, thresholds, strict=True)])
    expected = [prediction.expected_iou if limit in (None, prediction.threshold) else None for prediction in predictions]
    measures = {
        "models": [model_name(entry) for entry in entries],
        "thresholds": thresholds,
        "lesion_area": list(measured.shares),
        "lesion_pixels": list(measured.areas),
        "agreement": measured.agreement,
        "note": BOTH_EMPTY if measured.both_empty else "",
        "expected_iou": [each and round(each.mean, 4) for each in expected],
        "expected_iou_at_least": [each and round(each.low, 4) for each in expected],
        "unlike_training": [each and each.unlike for each in expected],
        "seconds": [round(prediction.seconds, 3) for prediction in predictions],
        "size": list(predictions[0].size),
    }
    return files[0], files[1] if len(files) > 1 else None, measures


def _defaults() -> list[str]:
    return [path for path in default_pair() if path] or [""]


def _threshold(value: Any) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number < 1:
        raise InputError(f"The threshold cannot be {value!r}; give a number between 0 and 1.")
    return number
