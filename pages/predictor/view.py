"""The masks of one photograph by the chosen models: drawn for the page, and as a row of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from pages.predictor.controls import Controls
from pages.predictor.photo import Photo
from pages.shared.models import path_key
from seg_core.common.colours import RUN_COLOURS, colours_of
from seg_core.errors import InputError
from seg_core.prediction.expected_iou import ExpectedIou
from seg_core.prediction.measures import Measures
from seg_core.prediction.overlay import draw_mask
from seg_core.prediction.predictor import Prediction

_SAME = 1e-6
"""Sliders add up hundredths."""


@dataclass(frozen=True)
class Marked:
    """The mask of one model: its prediction at a threshold; or the sentence that says why there is none."""

    prediction: Prediction | None = None
    threshold: float = 0.5
    area: int = 0
    """Pixels of lesion, at the photograph's own size."""
    problem: str = ""
    colour: str = RUN_COLOURS[0]
    """That of the model's run, as on the other pages."""

    @property
    def expected_iou(self) -> ExpectedIou | None:
        """Of the mask; None where the model cannot tell, and at another threshold than its own."""
        made = self.prediction
        return made.expected_iou if made is not None and abs(self.threshold - made.threshold) < _SAME else None


@dataclass(frozen=True)
class Result:
    """The masks of one photograph by one or two models."""

    photo: Photo
    sides: tuple[Marked, ...]
    measures: Measures | None
    """Of the masks that there are; None for no mask."""

    def pictures(self, *, opacity: float = 0, outline: bool = True) -> list[Image.Image]:
        """Draw each mask over the photograph's preview; without a mask it is the bare preview."""
        plain = self.photo.drawable()
        return [
            plain
            if side.prediction is None
            else draw_mask(plain, side.prediction.mask(side.threshold, plain.size), side.colour, opacity=opacity, outline=outline)
            for side in self.sides
        ]


def result_of(photo: Photo, models: Sequence[str], thresholds: Sequence[float | None], *, tta: bool = False) -> Result:
    """Predict a photograph with one or two models, given by path, and measure the masks at full size; a model runs only once.

    A threshold of None is that of the checkpoint.
    """
    keys = [path_key(Path(model)) for model in models]
    colours = colours_of(keys)
    sides = [
        Marked(problem=str(prediction))
        if isinstance(prediction, InputError)
        else Marked(prediction, prediction.threshold if wanted is None else wanted, colour=colours[key])
        for prediction, wanted, key in zip(photo.predict(models, tta=tta), thresholds, keys, strict=False)
    ]
    made = [(side.prediction, side.threshold) for side in sides if side.prediction is not None]
    if not made:
        return Result(photo, tuple(sides), None)
    measures = photo.measures(made)
    areas = iter(measures.areas)
    measured = (side if side.prediction is None else replace(side, area=next(areas)) for side in sides)
    return Result(photo, tuple(measured), measures)


def chosen_result(photo: Photo, controls: Controls) -> Result:
    """The result for the models and thresholds that are chosen."""
    return result_of(photo, controls.models(), [side.chosen_threshold for side in controls.sides], tta=controls.tta)
