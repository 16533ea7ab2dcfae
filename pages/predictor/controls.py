"""The values of the controls that decide how a photograph and its masks are drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import gradio as gr

from pages.predictor.components import Components, Update, Values
from pages.shared.models import default_pair
from seg_core.prediction.expected_iou import LOOK_BELOW

SIDE_BY_SIDE, WIPE = "Side by side", "Wipe"
VIEWS = SIDE_BY_SIDE, WIPE
MM_PER_PIXEL, MM_ACROSS = "mm per pixel", "mm across the photograph"
SCALE_UNITS = MM_PER_PIXEL, MM_ACROSS


@dataclass(frozen=True)
class ModelControls:
    """The controls of one model."""

    model: str | None = None
    """The path of its file; "" for no second model, None as long as the page knows of no model."""
    threshold: float = 0.5
    """Position of the slider."""
    threshold_of: str | None = None
    """The model that the slider was set for."""

    @property
    def chosen_threshold(self) -> float | None:
        """The threshold to draw at; None, for the checkpoint's own, where the slider was set for another model."""
        return self.threshold if self.model and self.model == self.threshold_of else None

    def at(self, threshold: float) -> ModelControls:
        """The same with the slider set for this model."""
        return replace(self, threshold=threshold, threshold_of=self.model)


@dataclass(frozen=True)
class Controls:
    """Values of all controls: the defaults, or as the page sent them."""

    sides: tuple[ModelControls, ...] = (ModelControls(), ModelControls())
    opacity: float = 0
    """Of the masks, in percent."""
    outline: bool = True
    tta: bool = False
    view: str = SIDE_BY_SIDE
    """One of `VIEWS`."""
    scale: float = 0
    """In the unit `scale_unit`, or 0 where it is not known."""
    scale_unit: str = MM_PER_PIXEL
    """One of `SCALE_UNITS`."""
    look_below: float = LOOK_BELOW
    """Masks whose IoU may be lower are to be looked at."""

    @classmethod
    def of(cls, values: Values, components: Components, before: Controls) -> Controls:
        """Read the controls from what the page sent.

        A number that is being typed may be out of range or missing: a missing one keeps its value from ``before``.
        """

        def number(slider: gr.Slider, last: float) -> float:
            value = values[slider]
            return min(slider.maximum, max(slider.minimum, last if value is None else value))

        sides = (
            ModelControls(values[side.choice], number(side.threshold, last.threshold), last.threshold_of)
            for side, last in zip(components.sides, before.sides, strict=True)
        )
        scale = values[components.scale]
        return cls(
            tuple(sides),
            number(components.opacity, before.opacity),
            values[components.outline],
            values[components.tta],
            values[components.view] if values[components.view] in VIEWS else before.view,
            scale if isinstance(scale, (int, float)) and scale > 0 else 0,
            values[components.scale_unit] if values[components.scale_unit] in SCALE_UNITS else before.scale_unit,
            number(components.look_below, before.look_below),
        )

    def values(self, components: Components) -> Update:
        """Return the controls as values of the page's components, the choices of models left out."""
        thresholds = {side.threshold: own.threshold for side, own in zip(components.sides, self.sides, strict=True)}
        return {
            **thresholds,
            components.opacity: self.opacity,
            components.outline: self.outline,
            components.tta: self.tta,
            components.view: self.view,
            components.scale: self.scale or None,
            components.scale_unit: self.scale_unit,
            components.look_below: self.look_below,
        }

    def square_mm(self, area: int, width: int) -> float | None:
        """Return an area of pixels in mm², in a photograph of this width in pixels; None where the scale is not known."""
        if not self.scale:
            return None
        side = self.scale if self.scale_unit == MM_PER_PIXEL else self.scale / width
        return area * side**2

    def models(self) -> list[str]:
        """Paths of the models to show, none to two: those to begin with as long as the page knows of no model."""
        first, second = (side.model for side in self.sides)
        pair = default_pair() if first is None else (first, second)
        return [path for path in pair if path]
