"""Showing a photograph with the masks of the chosen models, and the table of all photographs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from pages.predictor import markup, table
from pages.predictor.components import HIDDEN, Components, Update, Values
from pages.predictor.controls import Controls
from pages.predictor.files import write_picture
from pages.predictor.photo import Photo, jpeg
from pages.predictor.session import Session
from pages.predictor.view import Marked, Result, chosen_result
from pages.shared.turns import TURNS

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
        """Show a session's photograph with masks, the bare photograph while the models run; then predict the other photographs.

        A request that comes while they run is answered beside this one, and then has the last word.
        """
        turn, photo = session.begin_request(controls), session.photo
        session.filling += 1
        filling = session.filling
        if photo is None:
            if session.on_page:  # else it could hide what is dropped at this moment, and answered first
                yield self.nothing(session)
        else:
            session.on_page = True
            frame, models = self._frame(session, controls), controls.models()
            yield frame if photo.knows(models, tta=controls.tta) else frame | self._waiting(photo, len(models))
            drawn = self._draw(session, controls, photo, turn)
            if drawn:  # with the frame again, and its rows: a page that is still opening may lose an update
                yield self._frame(session, controls) | drawn
            elif rows := self._row_updates(session, filling):
                yield rows
            yield from self._fill(session, filling)
        yield {self.components.session: session}  # Gradio sends the last update of a generator again when it has ended

    def redraw(self, values: Values) -> Update:
        """Draw again after a slider moved."""
        session: Session = values[self.components.session]
        controls = Controls.of(values, self.components, session.controls)
        turn, photo = session.begin_request(controls), session.photo
        if photo is None:
            return self.nothing(session) | {self.components.message: markup.problem([IDLE])}
        return {self.components.session: session} | self._draw(session, controls, photo, turn)

    def tabulate(self, session: Session) -> Update:
        """Show the table as the session is now."""
        return {self.components.rows: self._rows(session)} if session.photos else {}

    def nothing(self, session: Session) -> Update:
        """Hide what needs a photograph."""
        session.on_page = False
        parts = self.components
        places = [parts.strip_box, parts.both, parts.drawing, parts.rows_box, *(side.tools for side in parts.sides)]
        pictures: Update = {side.picture: gr.update(visible=HIDDEN) for side in parts.sides}
        empty: Update = dict.fromkeys([parts.strip, *(side.measures for side in parts.sides)], "")
        return {parts.session: session} | empty | pictures | dict.fromkeys(places, gr.update(visible=False))

    def _frame(self, session: Session, controls: Controls) -> Update:
        """Updates of everything but pictures and measures: the visible components."""
        parts, (one, two), models = self.components, self.components.sides, controls.models()
        pictures = [(photo.name, photo.thumbnail) for photo in session.photos]
        update: Update = {
            parts.session: session,
            parts.strip_box: gr.update(visible=True),
            parts.strip: markup.thumbnails("Your photographs", pictures, chosen=session.place),
            parts.both: gr.update(visible=len(models) > 1),
            parts.drawing: gr.update(visible=bool(models)),
            parts.rows_box: gr.update(visible=True),
            parts.rows: self._rows(session),
            one.picture: gr.update(visible=True),  # without any model it holds the bare photograph
            one.tools: gr.update(visible=bool(models)),
            two.picture: gr.update(visible=len(models) > 1 or HIDDEN),
            two.tools: gr.update(visible=len(models) > 1),
        }
        return update if len(models) > 1 else update | {two.measures: ""}

    def _waiting(self, photo: Photo, models: int) -> Update:
        update: Update = {self.components.agreement: ""}
        for side in self.components.sides[:models]:
            update |= {side.picture: _picture(photo.preview, photo), side.measures: markup.waiting(TURNS.place)}
        return update

    def _draw(self, session: Session, controls: Controls, photo: Photo, turn: int) -> Update:
        """The pictures with masks, and their measures; nothing if another request came while the models ran."""
        result = chosen_result(photo, controls)
        pictures = result.pictures(opacity=controls.opacity / 100, outline=controls.outline)
        if session.turn != turn:
            return {}
        first, _ = self.components.sides
        update: Update = {self.components.agreement: markup.agreement(result.measures) if result.measures else ""}
        if not pictures:
            update |= {first.picture: _picture(photo.preview, photo), first.measures: ""}
        for side, drawn, picture in zip(self.components.sides, result.sides, pictures, strict=False):
            update |= {side.picture: _picture(jpeg(picture), photo), side.measures: _measures(drawn, controls)}
        return update | self._set_sliders(session, controls, result)

    def _fill(self, session: Session, filling: int) -> Iterator[Update]:
        """Predict the photographs that are not shown, and fill the table as they come, until a later request does so."""
        for photo in list(session.photos):
            models, tta = session.controls.models(), session.controls.tta
            if session.filling != filling or photo.knows(models, tta=tta):
                continue
            photo.predict(models, tta=tta)
            if rows := self._row_updates(session, filling):
                yield rows

    def _row_updates(self, session: Session, filling: int) -> Update:
        """The table as it is now; nothing if a later request fills it."""
        return {self.components.rows: self._rows(session)} if session.filling == filling and session.photos else {}

    def _rows(self, session: Session) -> str:
        photos, controls = list(session.photos), session.controls
        names = table.names_of(controls.models())
        return markup.rows(table.results(photos, controls), photos, names, controls, session.place)

    def _set_sliders(self, session: Session, controls: Controls, result: Result) -> Update:
        """Set the threshold of each newly chosen model to its own, on the page and in the session.

        No others: a value sent back while the visitor drags the slider would make it jump.
        """
        update: Update = {}
        settled = list(controls.sides)
        for side, drawn in zip(self.components.sides, result.sides, strict=False):
            asked = controls.sides[side.place]
            if asked.chosen_threshold is None and drawn.prediction is not None:
                update[side.threshold] = drawn.threshold
                settled[side.place] = asked.at(drawn.threshold)
        session.controls = replace(controls, sides=tuple(settled))
        return update


def _picture(content: bytes, photo: Photo) -> Any:
    return gr.update(value=write_picture(content, photo.name), visible=True)


def _measures(drawn: Marked, controls: Controls) -> str:
    return markup.problem([drawn.problem]) if drawn.prediction is None else markup.measures(drawn, drawn.prediction, controls)
