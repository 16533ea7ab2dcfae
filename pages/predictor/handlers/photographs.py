"""Adding, choosing and removing photographs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from pages.predictor import markup
from pages.predictor.components import Components, Update, Values
from pages.predictor.controls import Controls
from pages.predictor.files import upload
from pages.predictor.handlers.display import Display
from pages.predictor.photo import Photo
from pages.predictor.session import Session


@dataclass(frozen=True)
class Photographs:
    """Adds, chooses and removes a visitor's photographs, and shows the result."""

    components: Components
    examples: list[Photo]
    display: Display

    def add_uploads(self, values: Values) -> Iterator[Update]:
        """Add what was dropped, pasted or picked, and give the drop zone back for more."""
        updates = self._add([upload(file) for file in values[self.components.uploads] or []], values)
        yield next(updates) | {self.components.uploads: None}
        yield from updates

    def add_example(self, event: gr.EventData, values: Values) -> Iterator[Update]:
        """Add an example; one that was added before is shown again."""
        example, session = self.examples[event.index], self._session(values)
        files = [photo.file for photo in session.photos]
        if example.file in files:
            session.shown = files.index(example.file)
            yield from self.display.show(values)
        else:
            yield from self._add([(example.file, example.name)], values)

    def choose_row(self, event: gr.EventData, values: Values) -> Iterator[Update]:
        """Show or remove the photograph of a row of the table."""
        if event.remove:
            self._session(values).remove(event.index)
            yield from self.display.show(values)
        else:
            yield from self.choose_photo(event, values)

    def choose_photo(self, event: gr.EventData, values: Values) -> Iterator[Update]:
        """Show another of the visitor's photographs."""
        session = self._session(values)
        if event.index in range(len(session.photos)):
            session.shown = event.index
        yield from self.display.show(values)

    def clear(self, session: Session) -> Update:
        """Forget all photographs."""
        session.clear()
        return self.display.nothing(session) | {self.components.message: ""}

    def _add(self, files: list[tuple[Path, str]], values: Values) -> Iterator[Update]:
        session = self._session(values)
        session.begin_request(Controls.of(values, self.components, session.controls))
        problems = session.add(files)
        answer = self.display.answer(session, session.controls)  # they may have changed while the files were read
        yield next(answer) | {self.components.message: markup.problem(problems)}
        yield from answer

    def _session(self, values: Values) -> Session:
        session: Session = values[self.components.session]
        return session
