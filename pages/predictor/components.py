"""The Gradio components that the handlers read and change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import gradio as gr

Values = Mapping[Any, Any]
"""Values of some components as the page sends them, by component."""
Update = dict[Any, Any]
"""New values or settings of some components, by component."""
HIDDEN: Literal["hidden"] = "hidden"
"""Out of sight, but there: a picture that Gradio has yet to make loses values that come while it does so."""


@dataclass(frozen=True)
class Side:
    """The components of one model: its place (0 or 1), and from its choice to its download."""

    place: int
    choice: gr.Dropdown
    measures: gr.HTML
    picture: gr.Image
    tools: gr.Column
    threshold: gr.Slider
    download: gr.Button
    mask: gr.File
    correct: gr.Button
    corrected: gr.Textbox
    """The query of the page Correct, for the script that goes there."""
    export: gr.Button
    onnx: gr.File


@dataclass(frozen=True)
class Components:
    """All components of the widget, except those of the endpoint."""

    session: gr.State
    visit: gr.Textbox
    """Token of the browser tab."""
    asked: gr.Textbox
    """Name of the model in the page's address; empty for none."""
    narrow: gr.Checkbox
    """Whether the page is as narrow as a phone."""
    known: gr.State
    note: gr.HTML
    uploads: gr.File
    examples: gr.HTML
    message: gr.HTML
    strip_box: gr.Column
    strip: gr.HTML
    clear: gr.Button
    both: gr.Row
    agreement: gr.HTML
    view: gr.Radio
    drawing: gr.Row
    opacity: gr.Slider
    outline: gr.Checkbox
    tta: gr.Checkbox
    scale: gr.Number
    scale_unit: gr.Radio
    look_below: gr.Slider
    rows_box: gr.Column
    rows: gr.HTML
    download_csv: gr.Button
    csv: gr.File
    download_zip: gr.Button
    zip: gr.File
    sides: tuple[Side, Side]

    @property
    def settings(self) -> list[Any]:
        """The components whose values a session keeps (see `pages.predictor.controls.Controls`)."""
        of_sides = [component for side in self.sides for component in (side.choice, side.threshold)]
        return [*of_sides, self.opacity, self.outline, self.tta, self.view, self.scale, self.scale_unit, self.look_below]

    @property
    def controls(self) -> set[Any]:
        """The components that `pages.predictor.controls.Controls` reads, and the session."""
        return {self.session, *self.settings}

    @property
    def shown(self) -> list[Any]:
        """The components in which a photograph and its masks are shown, and the session."""
        of_sides = [component for side in self.sides for component in (side.measures, side.picture, side.tools, side.threshold)]
        places = [self.message, self.strip_box, self.strip, self.both, self.agreement, self.drawing, self.rows_box, self.rows]
        return [self.session, *places, *of_sides]
