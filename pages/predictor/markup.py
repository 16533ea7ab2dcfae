"""The HTML of the parts for which Gradio has no component; `markup.html` holds the templates."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from pages.predictor.controls import Controls
from pages.predictor.photo import Photo
from pages.predictor.view import Marked, Result
from pages.shared.html import environment
from seg_core.prediction.measures import BOTH_EMPTY, Measures
from seg_core.prediction.predictor import Prediction

CLICK = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-index]");
  if (button) trigger("click", { index: Number(button.dataset.index), remove: "remove" in button.dataset });
});
"""
"""The script that goes with `thumbnails` and `rows`."""

WIPE = """
const line = element.querySelector("input");
const move = () => element.parentElement.closest("#sides").style.setProperty("--wipe", `${line.value}%`);
line.addEventListener("input", move);
move();
"""
"""The script that goes with `wipe`: it moves the line between the two pictures, which then lie one over the other."""


def thumbnails(heading: str, pictures: Sequence[tuple[str, bytes]], *, chosen: int | None = None) -> str:
    """A row of pictures to click, each given as name and JPEG; a click triggers ``click`` with the picture's index."""
    encoded = [(name, base64.b64encode(jpeg).decode()) for name, jpeg in pictures]
    return _render("thumbnails", heading, encoded, chosen)


def waiting(place: int) -> str:
    """Placeholder of the measures while a model runs, or while ``place`` - 1 other predictions come first; 0 for none."""
    return _render("waiting", place)


def measures(mask: Marked, made: Prediction, controls: Controls) -> str:
    """The measures of one mask: its colour, area in % and mm², which IoU to expect, whether to look, and the model's time."""
    width, height = made.size
    share = percent(mask.area / (width * height)) if mask.area else ""
    amounts, expected = _amounts(mask.area, controls.square_mm(mask.area, width)), mask.expected_iou
    doubtful = expected is not None and expected.is_doubtful(controls.look_below)
    return _render("measures", share, amounts, duration(made.seconds), mask.colour, expected, doubtful)


def rows(results: Sequence[Result | None], photos: Sequence[Photo], models: Sequence[str], controls: Controls, shown: int) -> str:
    """The table of all photographs, with their progress: areas and agreement, and buttons that show or remove one of them."""
    lines = []
    for photo, result in zip(photos, results, strict=True):
        cells, agreement = [], ""
        for side in result.sides if result else ():
            share = percent(side.area / (photo.size[0] * photo.size[1]))
            amounts = _amounts(side.area, controls.square_mm(side.area, photo.size[0]))
            expected = side.expected_iou
            doubtful = expected is not None and expected.is_doubtful(controls.look_below)
            cells.append((share if side.area else "no lesion", amounts if side.area else "", side.problem, doubtful))
        if result and result.measures:
            number = result.measures.agreement
            agreement = BOTH_EMPTY if result.measures.both_empty else "" if number is None else f"{number:.2f}"
        lines.append((photo.name, cells, agreement))
    return _render("rows", lines, list(models), shown, sum(result is not None for result in results))


def wipe() -> str:
    """The line that wipes two pictures against each other."""
    return _render("wipe")


def _amounts(area: int, square_mm: float | None) -> str:
    return f"{area:,} px" + ("" if square_mm is None else f" · {square_mm:,.{1 if square_mm >= 10 else 2}f} mm²")


def agreement(measures: Measures) -> str:
    """Agreement of two masks, or that both are empty; nothing for one mask."""
    return _render("agreement", measures.agreement, BOTH_EMPTY if measures.both_empty else "")


def note(sentence: str) -> str:
    """Box with a hint on what to do first."""
    return _render("note", sentence)


def problem(sentences: Sequence[str]) -> str:
    """Box with the errors, one sentence each; empty when there are none."""
    return _render("problem", list(dict.fromkeys(sentences))) if sentences else ""


def small_print() -> str:
    """Note on the storage of photographs and the limits of the masks."""
    return _render("small_print")


def percent(share: float) -> str:
    """A share from 0 to 1 in words: ``12.4 %``."""
    return f"{100 * share:.1f} %"


def duration(seconds: float) -> str:
    """A time in words: ``0.8 s``, and ``0.08 s`` when it is short."""
    return f"{seconds:.1f} s" if seconds >= 0.1 else f"{max(seconds, 0.01):.2f} s"


def _render(macro: str, *arguments: Any) -> str:
    return str(getattr(_macros(), macro)(*arguments))


@cache
def _macros() -> Any:
    return environment.from_string(Path(__file__).with_name("markup.html").read_text(encoding="utf-8")).module
