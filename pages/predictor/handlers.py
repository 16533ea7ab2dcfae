"""What happens in the Predict widget when something is dropped, chosen, moved or clicked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import gradio as gr

from pages.predictor import look
from pages.predictor.files import fresh_folder, mask_name, upload, write_picture
from pages.predictor.session import LOADED, Photo, Session, duration, jpeg, mask_png, percent
from pages.predictor.view import SideView, view
from pages.shared.models import choices, default_pair, model_at, model_name, slug
from seg_core.errors import InputError

NO_MODEL = "There is no trained model yet. Train one on the Train page; it appears here by itself."
NO_SECOND = ("No second model", "")
IDLE = "The photographs were deleted after an hour; drop them again."

THRESHOLDS, OPACITIES = (0.01, 0.99), (0, 100)
"""The ends of the sliders."""
ENDS = (THRESHOLDS, THRESHOLDS, OPACITIES)
"""In the order of `Parts.controls`, of which they are the third to the fifth beside the session."""

Update = dict[Any, Any]
"""New values or settings of some components, by component."""


@dataclass(frozen=True)
class Side:
    """The components of one model: its place (0 or 1), and from its choice to its download."""

    place: int
    choice: gr.Dropdown
    result: gr.Column
    measures: gr.HTML
    picture: gr.Image
    tools: gr.Column
    threshold: gr.Slider
    button: gr.Button
    file: gr.File
    export: gr.Button
    onnx: gr.File


@dataclass(frozen=True)
class Parts:
    """The components that the handlers read and change."""

    session: gr.State
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
    opacity: gr.Slider
    outline: gr.Checkbox
    tta: gr.Checkbox
    sides: list[Side]

    @property
    def controls(self) -> list[Any]:
        """What decides how things are drawn; the order is that of the parameters of `Handlers.show`."""
        first, second = self.sides
        return [
            self.session,
            first.choice,
            second.choice,
            first.threshold,
            second.threshold,
            self.opacity,
            self.outline,
            self.tta,
        ]

    @property
    def shown(self) -> list[Any]:
        """Everything that a handler may change."""
        of_sides = [
            part for side in self.sides for part in (side.result, side.measures, side.picture, side.tools, side.threshold)
        ]
        return [self.session, self.message, self.strip_box, self.strip, self.both, self.agreement, *of_sides]


@dataclass(frozen=True)
class Controls:
    """The values of `Parts.controls`."""

    session: Session
    first: str | None
    second: str | None
    first_threshold: float
    second_threshold: float
    opacity: float
    outline: bool
    tta: bool

    @property
    def chosen(self) -> tuple[str | None, str | None]:
        """What the page names as first and second model: a path, "" for no second one, None where it knows of no model yet."""
        return self.first, self.second

    @cached_property
    def models(self) -> list[str]:
        """Paths of the models to show, none to two: the first two there are where the page knows of none yet."""
        pair = default_pair([path for _, path in choices()]) if self.first is None else self.chosen
        return [path for path in pair if path]

    @property
    def thresholds(self) -> list[float | None]:
        """The threshold of each model; None, for the checkpoint's own, where the slider was set for another model."""
        sliders = zip(self.chosen, (self.first_threshold, self.second_threshold), self.session.thresholds_for, strict=True)
        return [value if path and path == before else None for path, value, before in sliders]

    def view(self, photo: Photo) -> tuple[list[SideView], float | None]:
        """What `pages.predictor.view.view` shows of a photograph for these values."""
        return view(photo, self.models, self.thresholds, opacity=self.opacity / 100, outline=self.outline, tta=self.tta)


class Handlers:
    """The handlers of one widget. They give new values for `Parts.shown`; where models have to run, the bare photograph first."""

    def __init__(self, parts: Parts, examples: list[Photo]) -> None:
        self.parts = parts
        self.examples = examples

    def refresh(self, known: list[tuple[str, str]] | None, first: str | None, second: str | None) -> Update:
        """Bring the choices up to date with the checkpoints there are; what is chosen stays while it is there."""
        there = choices()
        if there == known:
            return {self.parts.known: known}
        paths = [path for _, path in there]
        default_first, default_second = default_pair(paths)
        new_first = first if first in paths else default_first
        new_second = second
        if second not in paths and (second is None or second or len(known or []) < 2):
            new_second = next((path for path in (default_second, default_first) if path not in (None, new_first)), "")
        one, two = self.parts.sides
        return {
            self.parts.known: there,
            self.parts.note: gr.update(visible=not there),
            one.choice: _offered(there, new_first, first),
            two.choice: _offered([*there, NO_SECOND], new_second, second),
        }

    def warm_up(self) -> None:
        """Load the models to begin with while the visitor still looks for a photograph."""
        for path in default_pair([path for _, path in choices()]):
            if path:
                try:
                    LOADED.get(model_at(path))
                except InputError:
                    continue  # said where its mask would stand, once a photograph is there

    def add_uploads(self, files: list[dict[str, Any]] | None, *values: Any) -> Iterator[Update]:
        """Take in what was dropped, pasted or picked, and give the drop zone back for more."""
        updates = self._add([upload(file) for file in files or []], *values)
        yield next(updates) | {self.parts.uploads: None}
        yield from updates

    def add_example(self, event: gr.EventData, *values: Any) -> Iterator[Update]:
        """Take in an example; one that is there already is shown again."""
        example = self.examples[event.index]
        session = Controls(*values).session
        there = [photo.file for photo in session.photos]
        if example.file in there:
            session.shown = there.index(example.file)
            yield from self.show(*values)
        else:
            yield from self._add([(example.file, example.name)], *values)

    def choose_photo(self, event: gr.EventData, *values: Any) -> Iterator[Update]:
        """Show another of the visitor's photographs."""
        session = Controls(*values).session
        if event.index in range(len(session.photos)):
            session.shown = event.index
        yield from self.show(*values)

    def show(self, *values: Any) -> Iterator[Update]:
        """Show the chosen photograph with the masks of the chosen models; the bare photograph while they run.

        What is asked for while they run is answered beside it, and then has the last word.
        """
        controls, turn = _asked(*values)
        session, photo = controls.session, controls.session.photo
        if photo is None:
            yield self._nothing(session)
        else:
            frame = self._frame(controls, photo)
            yield frame if photo.knows(controls.models, tta=controls.tta) else frame | self._waiting(controls, photo)
            seen = controls.view(photo)
            if session.turn == turn:
                yield self._drawn(controls, photo, *seen)
        yield {self.parts.session: session}  # Gradio sends the last update of a generator again when it has ended

    def redraw(self, *values: Any) -> Update:
        """Draw again after a slider moved."""
        controls, turn = _asked(*values)
        session, photo = controls.session, controls.session.photo
        if photo is None:
            return self._nothing(session) | {self.parts.message: look.problem([IDLE])}
        seen = controls.view(photo)
        return {self.parts.session: session} | (self._drawn(controls, photo, *seen) if session.turn == turn else {})

    def clear(self, session: Session) -> Update:
        """Forget all photographs."""
        session.clear()
        return self._nothing(session) | {self.parts.message: ""}

    def mask_file(self, place: int, session: Session, model: str | None, tta: bool) -> str:
        """The mask of the photograph that is shown, as a PNG file of its own size, at the threshold at which it is drawn."""
        if session.photo is None or not model:
            raise gr.Error(IDLE, print_exception=False)
        (prediction,) = session.photo.predict([model], tta=tta)
        if isinstance(prediction, InputError):
            raise gr.Error(str(prediction), print_exception=False)
        name = mask_name(session.photo.name, model_name(model_at(model)))
        # Before the answer for a newly chosen model is there, the slider still stands for the model before.
        drawn = session.thresholds_for[place] == model
        threshold = session.asked[2 + place] if drawn else prediction.threshold
        return str(mask_png(prediction, threshold, fresh_folder(), name))

    def model_file(self, model: str | None) -> str:
        """A model as an ONNX file, for other programs."""
        from seg_core.prediction.export import onnx_bytes

        try:
            entry = model_at(model or "")
            content = onnx_bytes(entry.path, model_name(entry))
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from None
        file = fresh_folder() / f"{slug(model_name(entry))}.onnx"
        file.write_bytes(content)
        return str(file)

    def _add(self, files: list[tuple[Path, str]], *values: Any) -> Iterator[Update]:
        controls, _ = _asked(*values)
        problems = controls.session.add(files)
        yield {self.parts.message: look.problem(problems)}
        yield from self.show(controls.session, *controls.session.asked)  # something else may have been asked for meanwhile

    def _nothing(self, session: Session) -> Update:
        hidden = gr.update(visible=False)
        places = [self.parts.strip_box, self.parts.both, *(side.result for side in self.parts.sides)]
        return {self.parts.session: session} | dict.fromkeys(places, hidden)

    def _frame(self, controls: Controls, photo: Photo) -> Update:
        """All but pictures and measures: which parts are there."""
        session, (one, two) = controls.session, self.parts.sides
        pictures = [(each.name, each.thumbnail) for each in session.photos]
        return {
            self.parts.session: session,
            self.parts.strip_box: gr.update(visible=True),
            self.parts.strip: look.thumbnails(pictures, chosen=session.shown, heading="Your photographs"),
            self.parts.both: gr.update(visible=bool(controls.models)),
            one.result: gr.update(visible=True),  # without any model it holds the bare photograph
            one.tools: gr.update(visible=bool(controls.models)),
            two.result: gr.update(visible=len(controls.models) > 1),
        }

    def _waiting(self, controls: Controls, photo: Photo) -> Update:
        update: Update = {self.parts.agreement: ""}
        for side in self.parts.sides:
            update |= {
                side.picture: write_picture(photo.preview, photo.name),
                side.measures: look.measures("Computing the mask …"),
            }
        return update

    def _drawn(self, controls: Controls, photo: Photo, sides: list[SideView], agreement: float | None) -> Update:
        wanted = controls.thresholds
        update: Update = {self.parts.agreement: "" if agreement is None else look.agreement(agreement)}
        if not sides:
            first = self.parts.sides[0]
            update |= {first.picture: write_picture(photo.preview, photo.name), first.measures: ""}
        for drawn, side, model in zip(sides, self.parts.sides, controls.chosen, strict=False):
            update |= {side.picture: write_picture(jpeg(drawn.picture), photo.name), side.measures: _measures(drawn)}
            # Only for a newly chosen model: a value sent back while the visitor drags the slider would make it jump.
            if wanted[side.place] is None and drawn.threshold is not None:
                update[side.threshold] = drawn.threshold
                controls.session.thresholds_for[side.place] = model
                controls.session.asked[2 + side.place] = drawn.threshold  # where the slider stands from now on
        return update


def _asked(*values: Any) -> tuple[Controls, int]:
    """What a visitor asks for with the values of `Parts.controls`, and its turn: after a later one it is not answered."""
    session, *asked = values
    for place, (least, most) in enumerate(ENDS, start=2):
        # A number that is being typed may be beyond the ends, or not there: then what it was before holds.
        before = session.asked[place] if session.asked else (least + most) / 2
        asked[place] = min(most, max(least, before if asked[place] is None else asked[place]))
    session.asked = asked
    session.turn += 1
    return Controls(session, *asked), session.turn


def _offered(there: list[tuple[str, str]], value: str | None, before: str | None) -> Update:
    """The choices of a model; a value only if it has to change: the visitor may be choosing another just now."""
    update: Update = gr.update(choices=there) if value == before else gr.update(choices=there, value=value)
    return update


def _measures(side: SideView) -> str:
    if side.area is None or side.seconds is None:
        return look.problem([side.problem])
    area = f"Lesion area <b>{percent(side.area)}</b>" if side.area else "No lesion at this threshold"
    return look.measures(area, f"computed in {duration(side.seconds)}")
