"""Showing a photograph with the masks of the chosen models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import gradio as gr

from pages.predictor import markup
from pages.predictor.components import Components, Update, Values
from pages.predictor.controls import Controls
from pages.predictor.files import write_picture
from pages.predictor.photo import Photo, jpeg
from pages.predictor.session import Session
from pages.predictor.view import SideView, view

IDLE = "The photographs were deleted after an hour; drop them again."


@dataclass(frozen=True)
class Display:
    """Answers with new values for `Components.shown`; where models have to run, with the bare photograph first."""

    components: Components

    def show(self, values: Values) -> Iterator[Update]:
        """Show the chosen photograph with the masks of the chosen models, for the values of `Components.controls`."""
        session: Session = values[self.components.session]
        yield from self.answer(session, Controls.of(values, self.components, session.controls))

    def answer(self, session: Session, controls: Controls) -> Iterator[Update]:
        """Show a session's photograph with masks; the bare photograph while the models run.

        A request that comes while they run is answered beside this one, and then has the last word.
        """
        turn, photo = session.begin_request(controls), session.photo
        if photo is None:
            yield self.nothing(session)
        else:
            models = controls.models()
            frame = self._frame(session, models)
            yield frame if photo.knows(models, tta=controls.tta) else frame | self._waiting(photo)
            drawn = self._draw(session, controls, photo, models, turn)
            if drawn:
                yield drawn
        yield {self.components.session: session}  # Gradio sends the last update of a generator again when it has ended

    def redraw(self, values: Values) -> Update:
        """Draw again after a slider moved."""
        session: Session = values[self.components.session]
        controls = Controls.of(values, self.components, session.controls)
        turn, photo = session.begin_request(controls), session.photo
        if photo is None:
            return self.nothing(session) | {self.components.message: markup.problem([IDLE])}
        return {self.components.session: session} | self._draw(session, controls, photo, controls.models(), turn)

    def nothing(self, session: Session) -> Update:
        """Hide what needs a photograph."""
        hidden = gr.update(visible=False)
        places = [self.components.strip_box, self.components.both, *(side.result for side in self.components.sides)]
        return {self.components.session: session} | dict.fromkeys(places, hidden)

    def _frame(self, session: Session, models: list[str]) -> Update:
        """Updates of everything but pictures and measures: the visible components."""
        one, two = self.components.sides
        pictures = [(photo.name, photo.thumbnail) for photo in session.photos]
        return {
            self.components.session: session,
            self.components.strip_box: gr.update(visible=True),
            self.components.strip: markup.thumbnails("Your photographs", pictures, chosen=session.shown),
            self.components.both: gr.update(visible=bool(models)),
            one.result: gr.update(visible=True),  # without any model it holds the bare photograph
            one.tools: gr.update(visible=bool(models)),
            two.result: gr.update(visible=len(models) > 1),
        }

    def _waiting(self, photo: Photo) -> Update:
        update: Update = {self.components.agreement: ""}
        for side in self.components.sides:
            update |= {side.picture: write_picture(photo.preview, photo.name), side.measures: markup.waiting()}
        return update

    def _draw(self, session: Session, controls: Controls, photo: Photo, models: list[str], turn: int) -> Update:
        """The pictures with masks, and their measures; nothing if another request came while the models ran."""
        views, measures = view(
            photo,
            models,
            [side.chosen_threshold for side in controls.sides],
            opacity=controls.opacity / 100,
            outline=controls.outline,
            tta=controls.tta,
        )
        if session.turn != turn:
            return {}
        update: Update = {self.components.agreement: "" if measures is None else markup.agreement(measures)}
        if not views:
            first, _ = self.components.sides
            update |= {first.picture: write_picture(photo.preview, photo.name), first.measures: ""}
        for side, drawn in zip(self.components.sides, views, strict=False):
            update |= {side.picture: write_picture(jpeg(drawn.picture), photo.name), side.measures: _measures(drawn, photo)}
        return update | self._set_sliders(session, controls, views)

    def _set_sliders(self, session: Session, controls: Controls, views: list[SideView]) -> Update:
        """Set the threshold of each newly chosen model to its own, on the page and in the session.

        No others: a value sent back while the visitor drags the slider would make it jump.
        """
        update: Update = {}
        settled = list(controls.sides)
        for side, drawn in zip(self.components.sides, views, strict=False):
            asked = controls.sides[side.place]
            if asked.chosen_threshold is None and drawn.threshold is not None:
                update[side.threshold] = drawn.threshold
                settled[side.place] = asked.at(drawn.threshold)
        session.controls = replace(controls, sides=tuple(settled))
        return update


def _measures(drawn: SideView, photo: Photo) -> str:
    if drawn.area is None or drawn.seconds is None:
        return markup.problem([drawn.problem])
    return markup.measures(drawn.area, photo.size, drawn.seconds)
