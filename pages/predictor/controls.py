"""The values of the controls that decide how a photograph and its masks are drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import gradio as gr

from pages.predictor.components import Components, Update, Values
from pages.shared.models import choices, default_pair


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
    opacity: float = 40
    """Of the masks, in percent."""
    outline: bool = True
    tta: bool = False

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
        opacity = number(components.opacity, before.opacity)
        return cls(tuple(sides), opacity, values[components.outline], values[components.tta])

    def values(self, components: Components) -> Update:
        """Return the controls as values of the page's components, the choices of models left out."""
        thresholds = {side.threshold: own.threshold for side, own in zip(components.sides, self.sides, strict=True)}
        return {**thresholds, components.opacity: self.opacity, components.outline: self.outline, components.tta: self.tta}

    def models(self) -> list[str]:
        """Paths of the models to show, none to two: the first two available ones as long as the page knows of no model."""
        first, second = (side.model for side in self.sides)
        pair = default_pair([path for _, path in choices()]) if first is None else (first, second)
        return [path for path in pair if path]
