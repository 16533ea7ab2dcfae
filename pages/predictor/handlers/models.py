"""Keeping the choice of models up to date."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import gradio as gr

from pages.predictor.components import Components, Update, Values
from pages.predictor.controls import WIPE
from pages.predictor.photo import LOADED
from pages.predictor.session import Session
from pages.predictor.visits import VISITS
from pages.shared.models import choices, default_pair, find_model, model_at
from seg_core.errors import InputError

NO_SECOND = ("No second model", "")


@dataclass(frozen=True)
class ModelChoice:
    """Offers the checkpoints that are available."""

    components: Components

    def refresh(self, values: Values) -> Update:
        """Update the choices to the checkpoints available now; a chosen model stays chosen while it is available.

        A page that was left and is opened again gets the settings that it had.
        """
        known, (one, two) = values[self.components.known], self.components.sides
        session: Session = values[self.components.session]
        returns = VISITS.keep(values[self.components.visit], session) and session.controls.sides[0].model is not None
        available = choices()
        if available == known and not returns:
            return {self.components.known: known}
        paths = [path for _, path in available]
        first, second = values[one.choice], values[two.choice]
        few_before = len(known or []) < 2 and not returns
        had_first, had_second = (side.model for side in session.controls.sides) if returns else (first, second)
        asked = _asked(values[self.components.asked]) if known is None else None
        new_first, new_second = _chosen_now(asked or had_first, had_second, paths, few_before=few_before)
        settings = session.controls.values(self.components) if returns else {}
        if known is None and not returns and values[self.components.narrow]:
            settings = {self.components.view: WIPE}  # two pictures side by side are small there
        return settings | {
            self.components.known: available,
            self.components.note: gr.update(visible=not available),
            one.choice: _offer(available, new_first, first),
            two.choice: _offer([*available, NO_SECOND], new_second, second),
        }


def warm_up() -> None:
    """Load the models to begin with while the visitor still looks for a photograph."""
    for path in default_pair():
        if path:
            try:
                LOADED.get(model_at(path))
            except InputError:
                continue  # shown in the place of its mask, once there is a photograph


def _asked(name: str | None) -> str | None:
    """Return the path of the model that the page's address names, if there is such a model."""
    if name:
        with contextlib.suppress(InputError):
            return str(find_model(name).path)
    return None


def _chosen_now(first: str | None, second: str | None, paths: list[str], *, few_before: bool) -> tuple[str | None, str | None]:
    """Return the two models to choose now: the same, or others for those that are gone.

    "No second model" stays chosen where there was a second one to choose.
    """
    default_first, default_second = default_pair()
    new_first = first if first in paths else default_first
    if second in paths or (second == "" and not few_before):
        return new_first, second
    return new_first, next((path for path in (default_second, default_first) if path not in (None, new_first)), "")


def _offer(available: list[tuple[str, str]], value: str | None, before: str | None) -> Update:
    """The choices of a model; a value only if it has to change: the visitor may be choosing another at this moment."""
    update: Update = gr.update(choices=available) if value == before else gr.update(choices=available, value=value)
    return update
