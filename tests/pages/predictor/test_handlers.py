"""The handlers of the Predict widget: what they answer to the page."""

from __future__ import annotations

import asyncio
import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pages.predictor import markup, table
from pages.predictor.components import Components
from pages.predictor.handlers.display import Display
from pages.predictor.handlers.downloads import MaskDownload, model_file
from pages.predictor.handlers.models import ModelChoice
from pages.predictor.handlers.photographs import Photographs
from pages.predictor.photo import Photo
from pages.predictor.session import Session
from pages.predictor.visits import VISITS, Visits
from pages.shared.models import choices
from seg_core.prediction.expected_iou import STEPS
from tests.pages.predictor.helpers import EXPECTED_IOU, MakeModel, halves

pytestmark = pytest.mark.usefixtures("thin_network")


class Widget:
    """The handlers of a widget, and what its page sends them."""

    def __init__(self, components: Components) -> None:
        self.components = components
        self.display = Display(components)
        self.photographs = Photographs(components, [], self.display)
        self.models = ModelChoice(components)
        self.downloads = MaskDownload(components, components.sides[0])

    def values(
        self, session: Session, *models: str | None, thresholds: Sequence[float | None] = (0.5, 0.5), **others: Any
    ) -> dict[Any, Any]:
        """The values of all controls; ``others`` are those of `Components` that differ from how the page begins."""
        values: dict[Any, Any] = {self.components.session: session}
        for side, model, threshold in zip(self.components.sides, (*models, ""), thresholds, strict=False):
            values |= {side.choice: model, side.threshold: threshold}
        rest = {"opacity": 0, "outline": True, "tta": False, "view": "Side by side", "scale": None} | others
        rest = {"scale_unit": "mm per pixel", "look_below": 0.65} | rest
        return values | {getattr(self.components, name): value for name, value in rest.items()}

    def show(self, session: Session, *models: str | None, **controls: Any) -> Iterator[dict[Any, Any]]:
        return self.display.show(self.values(session, *models, **controls))

    def redraw(self, session: Session, *models: str | None, **controls: Any) -> dict[Any, Any]:
        return self.display.redraw(self.values(session, *models, **controls))


@pytest.fixture
def widget(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Widget:
    import gradio

    from pages.predictor.layout import lay_out

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))

    async def make() -> Widget:
        with gradio.Blocks(analytics_enabled=False):
            return Widget(lay_out([]))

    # Without a running loop Gradio opens loops that nobody closes; in this thread the browser of other tests may have one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, make()).result()


def told(parts: Components) -> tuple[Any, ...]:
    """What the page tells of itself."""
    return parts.visit, parts.asked, parts.narrow


def shown_by(updates: Iterable[dict[Any, Any]]) -> dict[Any, Any]:
    """Return what the page shows after some updates."""
    page: dict[Any, Any] = {}
    for update in updates:
        page |= update
    return page


def test_choices_follow_the_checkpoints(widget: Widget, make_model: MakeModel) -> None:
    components, (first, second) = widget.components, widget.components.sides
    page: dict[Any, Any] = dict.fromkeys((components.known, *told(components), first.choice, second.choice))
    page[components.session] = Session()

    def look() -> tuple[bool | None, str | None, str | None]:
        """Let the page ask for models; returns whether the note is shown, and the two choices."""
        update = widget.models.refresh(page)
        page[components.known] = update[components.known]
        for side in (first, second):
            page[side.choice] = update.get(side.choice, {}).get("value", page[side.choice])
        return update.get(components.note, {}).get("visible"), page[first.choice], page[second.choice]

    assert look() == (True, None, "")
    one = str(make_model(run=1))
    assert look() == (False, one, "")
    two = str(make_model(run=2))
    assert look() == (False, one, two)
    assert look() == (None, one, two)  # nothing is new
    page[second.choice] = ""
    three = str(make_model(run=3))
    assert look() == (False, one, "")  # with models to choose from, none was meant
    page[second.choice] = two
    Path(one).unlink()
    _, now, other = look()
    assert now in (two, three)
    assert other == two


def test_a_model_that_is_being_chosen_is_not_replaced_by_the_one_before(widget: Widget, make_model: MakeModel) -> None:
    one, two = str(make_model(run=1)), str(make_model(run=2))
    known, sides = widget.components.known, widget.components.sides
    page: dict[Any, Any] = dict.fromkeys((known, *told(widget.components)))
    page |= {widget.components.session: Session()} | dict.fromkeys((side.choice for side in sides), None)
    page[known] = widget.models.refresh(page)[known]
    page |= {side.choice: model for side, model in zip(sides, (one, two), strict=True)}
    make_model(run=3)
    update = widget.models.refresh(page)
    for side in sides:
        assert len(update[side.choice]["choices"]) >= 3
        assert "value" not in update[side.choice]


def test_a_page_that_is_opened_again_gets_what_its_tab_had(widget: Widget, make_model: MakeModel, photo_file: Path) -> None:
    parts, (first, second) = widget.components, widget.components.sides
    one, two = str(make_model(run=1)), str(make_model(run=2))

    def opened(tab: str, asked: str = "") -> tuple[Session, dict[Any, Any]]:
        session = Session()
        page = dict.fromkeys((parts.known, *told(parts), first.choice, second.choice)) | {parts.visit: tab, parts.asked: asked}
        return session, widget.models.refresh(page | {parts.session: session})

    session, update = opened("a" * 32)
    assert first.threshold not in update
    session.add([(photo_file, "1.jpg"), (photo_file, "2.jpg")])
    list(widget.show(session, two, "", opacity=35, outline=False))
    widget.redraw(session, two, "", thresholds=(0.8, 0.5), opacity=35, outline=False)

    again, update = opened("a" * 32)
    assert [photo.name for photo in again.photos] == ["1.jpg", "2.jpg"]
    assert (update[first.choice]["value"], update[second.choice]["value"]) == (two, "")
    assert (update[first.threshold], update[parts.opacity], update[parts.outline]) == (0.8, 35, False)
    _, update = opened("a" * 32, asked="run 1")
    assert (update[first.choice]["value"], update[second.choice]["value"]) == (one, "")

    for other in ("b" * 32, "", None, "a" * 31, "../" + "a" * 29):
        session, update = opened(str(other))
        assert (session.photos, first.threshold in update) == ([], False)

    VISITS.forget_old(older_than=0)
    assert opened("a" * 32)[0].photos == again.photos == []


def test_what_was_dropped_before_the_tab_is_known_joins_what_it_had(photo_file: Path) -> None:
    visits, before, now = Visits(), Session(), Session()
    visits.keep("a" * 32, before)
    before.add([(photo_file, "1.jpg")])
    now.add([(photo_file, "2.jpg")])
    assert visits.keep("a" * 32, now)
    before.add([(photo_file, "3.jpg")])  # was still being read when the page was left
    assert [photo.name for photo in now.photos] == ["1.jpg", "2.jpg", "3.jpg"]
    assert now.photo
    assert now.photo.name == "2.jpg"
    assert not visits.keep("a" * 32, now)


def test_slider_is_set_only_for_a_new_model(widget: Widget, make_model: MakeModel, photo_file: Path) -> None:
    session, parts = Session(), widget.components
    session.add([(photo_file, "ISIC_1.jpg")])
    assert session.photo
    one = str(make_model(run=1))
    halves(session.photo, Path(one), 0.9, 0.6, threshold=0.4)
    update = shown_by(widget.show(session, one))
    assert update[parts.sides[0].threshold] == 0.4
    assert "100.0 %" in update[parts.sides[0].measures]
    update = widget.redraw(session, one, thresholds=(0.8, 0.5))
    assert parts.sides[0].threshold not in update
    assert "100.0 %" not in update[parts.sides[0].measures]


def test_a_number_that_is_being_typed_is_never_out_of_range_nor_missing(
    widget: Widget, make_model: MakeModel, photo_file: Path
) -> None:
    session, (side, _) = Session(), widget.components.sides
    session.add([(photo_file, "ISIC_1.jpg")])
    assert session.photo
    one = str(make_model(run=1))
    halves(session.photo, Path(one), 1, 0.3)
    list(widget.show(session, one))

    def drawn(threshold: float | None) -> str:
        update = widget.redraw(session, one, thresholds=(threshold, 0.5))
        assert side.threshold not in update  # nothing is written into a field that is being typed in
        return str(update[side.measures])

    areas = {threshold: drawn(threshold) for threshold in (0.01, 0.6, 0.99)}
    assert len(set(areas.values())) == 3
    assert (drawn(55), drawn(None), drawn(-1), drawn(0.6), drawn(None)) == tuple(
        areas[each] for each in (0.99, 0.99, 0.01, 0.6, 0.6)
    )
    for opacity in (150, -10, None):
        assert side.picture in widget.redraw(session, one, opacity=opacity)


def test_the_mask_to_download_is_the_one_that_is_drawn(
    widget: Widget, make_model: MakeModel, photo_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    session = Session()
    session.add([(photo_file, "ISIC_1.jpg")])
    assert session.photo
    one, two = str(make_model(run=1)), str(make_model(run=2))
    halves(session.photo, Path(one), 0.9, 0.6)
    halves(session.photo, Path(two), 0.9, 0.6, threshold=0.4)

    def share(model: str) -> float:
        with Image.open(widget.downloads.mask_file(widget.values(session, model))) as mask:
            return float(np.mean(np.asarray(mask) > 0))

    list(widget.show(session, one))
    assert share(one) == 1
    widget.redraw(session, one, thresholds=(0.8, 0.5))
    assert 0.4 < share(one) < 0.6
    assert share(two) == 1  # chosen this moment: at its own threshold, whatever the slider says still


def test_a_photograph_that_comes_before_the_page_knows_of_models_gets_the_first_two(
    widget: Widget, make_model: MakeModel, photo_file: Path
) -> None:
    session, (one, two) = Session(), widget.components.sides
    session.add([(photo_file, "ISIC_1.jpg")])
    assert session.photo
    paths = [make_model(stem="a", label="Model 1"), make_model(stem="b", label="Model 2")]
    for path in paths:
        halves(session.photo, path, 0.9, 0.6, threshold=0.75)
    for first, second in ((None, None), (str(paths[0]), str(paths[1]))):  # then the page knows them, its sliders still at 0.5
        update = shown_by(widget.show(session, first, second))
        for side in (one, two):
            assert update[side.tools]["visible"]
            assert "50.0 %" in update[side.measures]
            assert update[side.threshold] == 0.75
        assert update[one.tools]["visible"]
        assert update[widget.components.both]["visible"]
    update = shown_by(widget.show(session, str(paths[0]), thresholds=(0.75, 0.75)))
    assert update[two.picture]["visible"] == "hidden"


def test_an_answer_that_took_long_is_not_shown_over_a_later_one(
    widget: Widget, make_model: MakeModel, photo_file: Path, tmp_path: Path
) -> None:
    slow = tmp_path / "slow.jpg"
    slow.write_bytes(photo_file.read_bytes())
    session, parts = Session(), widget.components
    session.add([(photo_file, "quick.jpg"), (slow, "slow.jpg")])
    one = str(make_model(run=1))
    halves(session.photos[0], Path(one), 0.9, 0.6)

    session.shown = 1
    answer = widget.show(session, one)
    assert "Computing" in next(answer)[parts.sides[0].measures]
    session.shown = 0
    quick = shown_by(widget.show(session, one))
    assert "100.0 %" in quick[parts.sides[0].measures]
    assert list(answer) == [{parts.session: session}]
    assert session.photos[1].knows([one])  # it was not for nothing

    session.shown = 1
    other = widget.show(session, one, tta=True)
    next(other)
    widget.photographs.clear(session)
    assert list(other) == [{parts.session: session}]


def test_a_drop_is_answered_in_few_updates(widget: Widget, make_model: MakeModel, photo_file: Path) -> None:
    session, parts, one = Session(), widget.components, str(make_model(run=1))
    files = [{"path": str(photo_file), "orig_name": name} for name in ("a.jpg", "b.jpg")]
    files.append({"path": __file__, "orig_name": "c.jpg"})
    first, drawn, filled, last = widget.photographs.add_uploads(widget.values(session, one, uploads=files))
    assert first[parts.uploads] is None
    assert "c.jpg is not an image" in first[parts.message]
    assert "Computing" in first[parts.sides[0].measures]
    assert "area" in drawn[parts.sides[0].measures]
    assert [drawn[parts.rows].count("%"), filled[parts.rows].count("%")] == [1, 2]  # areas
    assert [filled.keys(), last.keys()] == [{parts.rows}, {parts.session}]


def test_what_is_asked_for_while_photographs_are_read_is_shown(
    widget: Widget, make_model: MakeModel, photo_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, parts = Session(), widget.components
    one, other = (str(make_model(stem=stem, label=stem)) for stem in ("one", "other"))

    def read(file: Path, name: str) -> Photo:
        photo = genuine(file, name)
        halves(photo, Path(one), 0.1, 0.1)
        halves(photo, Path(other), 0.9, 0.3, threshold=0.2)
        return photo

    genuine = Photo.read
    monkeypatch.setattr(Photo, "read", read)
    session.add([(photo_file, "before.jpg")])
    list(widget.show(session, one))

    def read_while_another_is_chosen(file: Path, name: str) -> Photo:
        asked = shown_by(widget.show(session, other))
        assert asked[parts.sides[0].threshold] == 0.2
        return read(file, name)

    monkeypatch.setattr(Photo, "read", read_while_another_is_chosen)
    files = [{"path": str(photo_file), "orig_name": "new.jpg"}]
    page = shown_by(widget.photographs.add_uploads(widget.values(session, one, uploads=files)))
    assert session.photo
    assert session.photo.name == "new.jpg"
    assert "100.0 %" in page[parts.sides[0].measures]  # by the other model, at its own threshold
    assert page[parts.uploads] is None


def test_names_are_shown_as_text(widget: Widget, make_model: MakeModel, photo_file: Path) -> None:
    session = Session()
    session.add([(photo_file, '<img src=x onerror="alert(1)">')])
    update = shown_by(widget.show(session, None))
    assert "<img src=x" not in json.dumps(update[widget.components.strip])
    update = widget.photographs.clear(session)
    assert update[widget.components.both]["visible"] is False


def test_a_page_without_photographs_hides_nothing(widget: Widget, photo_file: Path) -> None:
    """As it opens it asks for what there is, beside the first photograph that is dropped; the answer may come after."""
    session, hides = Session(), widget.components.both
    asked = widget.show(session, None)
    assert list(asked) == [{widget.components.session: session}]
    session.add([(photo_file, "one.jpg")])
    assert hides in shown_by(widget.show(session, None))
    session.remove(0)  # this one is on the page
    assert shown_by(widget.show(session, None))[hides]["visible"] is False
    assert list(widget.show(session, None)) == [{widget.components.session: session}]


def test_a_model_can_be_taken_away_as_onnx(make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import gradio as gr
    import onnx

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    make_model(run=1)
    ((_, model),) = choices()
    file = Path(model_file(model))
    assert file.suffix == ".onnx"
    assert tmp_path in file.parents
    onnx.checker.check_model(onnx.load(file))
    with pytest.raises(gr.Error, match="no longer there"):
        model_file("/etc/passwd")


@pytest.mark.parametrize(
    ("place", "text"), [(0, "Computing the mask …"), (12, "Busy, place 12: the mask is computed after those of others …")]
)
def test_who_waits_sees_the_place(place: int, text: str) -> None:
    assert re.sub(r"<[^>]+>", "", markup.waiting(place)).strip() == text


def test_a_doubtful_mask_is_to_be_looked_at(widget: Widget, make_model: MakeModel, photo_file: Path) -> None:
    sure = str(make_model(run=1, expected_iou=EXPECTED_IOU | {"low": [0.7] * STEPS}))
    unsure = str(make_model(run=2, expected_iou=EXPECTED_IOU))
    session, (first, second) = Session(), widget.components.sides
    session.add([(photo_file, "1.jpg")])

    def said(**controls: Any) -> tuple[list[str], list[list[str]]]:
        *_, shown = (update for update in widget.show(session, sure, unsure, **controls) if first.measures in update)
        with Path(table.write_csv(session.photos, session.controls)).open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file))
        heads = ["expected IoU", "IoU at least", "look at it"]
        cells = [[lines[1][place] for place, title in enumerate(lines[0]) if title.endswith(head)] for head in heads]
        return [shown[side.measures] for side in (first, second)], cells

    (one, two), cells = said(thresholds=(0.5, 0.5))
    assert "Expected IoU <b>0.80</b> (≥ 0.70)</span>" in one
    assert "Expected IoU <b>0.80</b> (≥ 0.60)</span>" in two
    assert ["Look at this one" in each for each in (one, two)] == [False, True]
    assert cells == [["0.80", "0.80"], ["0.70", "0.60"], ["no", "yes"]]
    assert widget.display.tabulate(session)[widget.components.rows].count('<strong class="look">') == 1
    (one, two), cells = said(thresholds=(0.5, 0.5), look_below=0.5)
    assert "Look at this one" not in one + two
    assert cells[2] == ["no", "no"]
    session.controls = replace(session.controls, sides=tuple(side.at(0.9) for side in session.controls.sides))
    (one, two), cells = said(thresholds=(0.9, 0.9))
    assert "Expected IoU" not in one + two
    assert cells == [["", ""], ["", ""], ["", ""]]
