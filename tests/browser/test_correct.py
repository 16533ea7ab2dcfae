"""The Correct page in the real app: masks drawn by mouse, touch, pen and keys, their versions, and two people at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from seg_core.data.collection.store import open_collection
from tests.app_process import AppProcess
from tests.browser.editor import canvas, drag, make, on_screen, saved, shows
from tests.helpers import read_mask, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("home_of_the_app")]


def test_masks_are_drawn_saved_and_gone_back_to(page: Page, app_server: AppProcess, photographs: Path) -> None:
    make(page, app_server, "Clinic", photographs)
    shows(page, "Clinic")
    first, second, third = sorted(file.stem for file in photographs.glob("*.jpg"))
    shown = canvas(page, first)
    says, note = page.locator(".editor-name"), page.locator(".mask-note")
    expect(says).to_have_text(f"{first} · 1 of 3 · 0 with a saved mask · no mask yet")
    page.get_by_role("textbox", name="Your name").fill("Ada")
    page.get_by_role("textbox", name="Your name").press("Tab")

    page.get_by_role("button", name="Empty").click()
    page.get_by_role("slider", name="Size of the brush").fill("0.5")  # 4 pixels
    drag(page, shown, (10, 20), (30, 20))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(note).to_have_text(f"{first}: saved as version 1.")
    collection = open_collection("Clinic")
    drawn = saved(collection, first)
    assert drawn[20, 8:33].all()
    assert not drawn[:, 40:].any()
    assert not drawn[30:].any()
    assert [(each.author, each.began_as) for each in collection.history(first)] == [("Ada", "empty")]

    shown.press("p")  # by keys: a square from the middle, without the mouse
    page.mouse.move(0, 0)
    for keys in (["ArrowRight"] * 4, ["ArrowDown"] * 4, ["ArrowLeft"] * 4):
        shown.press("Space")
        for key in keys:
            shown.press(key)
    shown.press("Space")
    shown.press("Enter")
    expect(says).to_contain_text("changed")
    shown.press("Control+z")
    shown.press("Control+y")
    shown.press("PageDown")  # saves before it goes on
    shown = canvas(page, second)
    by_keys = saved(collection, first)
    assert by_keys[33:39, 33:39].all()
    assert by_keys.sum() > drawn.sum() + 30

    page.get_by_role("button", name="Save and next").click()  # accepts the model's mask
    canvas(page, third)
    expect(says).to_contain_text("3 of 3 · 2 with a saved mask")
    assert collection.history(second)[0].began_as.startswith("model fine-tune-best-plus at 0.")

    page.goto(f"{app_server.url}/correct?collection=Clinic&photograph={first}")
    canvas(page, first)
    page.get_by_text(f"Versions of {first}: 2").click()
    page.get_by_role("button", name="Go back to it").click()
    expect(page.get_by_text(f"Versions of {first}: 3")).to_be_visible()
    np.testing.assert_array_equal(saved(collection, first), drawn)
    expect(says).to_have_attribute("data-version", "3")
    shown = canvas(page, first)
    shown.press("e")  # what is erased now is erased from the version that was gone back to
    drag(page, shown, (0, 20), (64, 20))
    shown.press("s")
    expect(note).to_have_text(f"{first}: saved as version 4.")
    assert not saved(collection, first)[20].any()


def test_what_is_not_shown_takes_no_edits_and_is_stepped_over(
    page: Page, app_server: AppProcess, photographs: Path, problems: list[str]
) -> None:
    make(page, app_server, "Slow", photographs)
    shows(page, "Slow")
    first, second, third = sorted(file.stem for file in photographs.glob("*.jpg"))
    (app_server.home / "collections" / "Slow" / "images" / f"{third}.jpg").write_bytes(b"damaged")
    says, size = page.locator(".editor-name"), page.locator(".mask-says", has_text=re.compile(r"^Size \d"))
    shown = canvas(page, first)
    shown.focus()
    for key, pixels in (("]", 4), ("]", 6), ("[", 4)):
        shown.press(key)
        expect(size).to_have_text(f"Size {pixels} px")
    shown.hover()
    page.mouse.wheel(0, -100)
    expect(size).to_have_text("Size 6 px")

    held: list[Route] = []
    page.route(f"**/{second}/photo.jpg", lambda route: held.append(route))
    with page.expect_request(f"**/{second}/photo.jpg"):
        shown.press("PageDown")
    expect(says).to_contain_text(f"{second} · 2 of 3")
    drag(page, shown, (10, 20), (30, 20))
    for key in ("Space", "ArrowRight", "Space", "f", "]", "h", "h", "s", "Enter"):
        shown.press(key)
    page.get_by_role("button", name="Empty").click()
    page.get_by_role("slider", name="Threshold of the model").fill("0.3")
    expect(says).to_have_text(f"{second} · 2 of 3 · 0 with a saved mask · no mask yet")
    held[0].continue_()
    shown = canvas(page, second)
    expect(says).to_have_text(f"{second} · 2 of 3 · 0 with a saved mask · no mask yet")
    expect(page.get_by_role("button", name="Undo")).to_have_attribute("aria-disabled", "true")

    note = page.locator(".mask-note")
    shown.press("PageDown")
    expect(note).to_contain_text(f"{third} cannot be shown: {third}.jpg is not an image that can be read; use JPEG")
    expect(page.get_by_text(f"Versions of {third}: 0")).to_be_visible()  # where it can be left out
    shown.press("PageUp")
    canvas(page, second)
    expect(note).to_have_text("")
    assert not any(open_collection("Slow").history(each) for each in (first, second, third))
    wait_until(lambda: page.evaluate("true") and len(problems) == 3)  # its facts, the photograph and the model's mask
    assert all(f"/{third}" in each for each in problems)
    problems.clear()


def test_a_photograph_that_is_shown_whole_stays_so_in_a_narrower_window(
    page: Page, app_server: AppProcess, photographs: Path
) -> None:
    make(page, app_server, "Narrow", photographs)
    shows(page, "Narrow")
    first = min(file.stem for file in photographs.glob("*.jpg"))
    shown = canvas(page, first)
    wide = shown.evaluate("frame => frame.clientWidth")
    page.set_viewport_size({"width": 420, "height": 900})
    page.wait_for_function(
        "wide => { const [frame] = document.getElementsByClassName('mask-canvas'), { width } = frame.querySelector('canvas'); "
        "return frame.clientWidth < wide && Math.abs(width / frame.clientWidth - (devicePixelRatio || 1)) < 0.01; }",
        arg=wide,
    )
    page.get_by_role("button", name="Empty").click()
    drag(page, shown, (4, 4), (60, 60))  # from corner to corner, both of which are in sight
    shown.press("s")
    expect(page.locator(".mask-note")).to_have_text(f"{first}: saved as version 1.")
    drawn = saved(open_collection("Narrow"), first)
    assert np.diag(drawn)[4:61].all()
    assert not drawn[:20, 40:].any()


def test_a_finger_draws_two_zoom_and_beside_a_pen_they_move(page: Page, app_server: AppProcess, photographs: Path) -> None:
    make(page, app_server, "Touched", photographs)
    shows(page, "Touched")
    first = min(file.stem for file in photographs.glob("*.jpg"))
    shown, devtools = canvas(page, first), page.context.new_cdp_session(page)
    collection, note = open_collection("Touched"), page.locator(".mask-note")

    def fingers(*steps: Sequence[tuple[float, float]]) -> None:
        """Put fingers down and move them, from step to step, in pixels of the photograph; lift them at the end."""
        for at, step in enumerate(steps):
            points = [{"x": x, "y": y, "id": id} for id, (x, y) in enumerate(on_screen(shown, *step))]
            for count in range(1, len(points) + 1) if not at else [len(points)]:  # one after the other
                kind = "touchMove" if at else "touchStart"
                devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points[:count]})
        devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def pen(kind: str, place: tuple[float, float]) -> None:
        ((x, y),) = on_screen(shown, place)
        event = {"type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1, "pointerType": "pen"}
        devtools.send("Input.dispatchMouseEvent", event)

    def mask(version: int) -> np.ndarray:
        shown.press("s")
        expect(note).to_have_text(f"{first}: saved as version {version}.")
        return saved(collection, first)

    page.get_by_role("button", name="Empty").click()
    page.get_by_role("slider", name="Size of the brush").fill("0.5")  # 4 pixels
    fingers([(10, 20)], [(30, 20)])
    drawn = mask(1)
    assert drawn[20, 8:33].all()
    assert not drawn[25:].any()

    fingers([(28, 40), (36, 40)], [(20, 40), (44, 40)])  # three times as near, and the first finger's dab is taken back
    fingers([(26, 40)], [(38, 40)])  # 12 pixels of the photograph on the screen are 4 now
    zoomed = mask(2)
    added = np.flatnonzero((zoomed & ~drawn).any(axis=0))
    assert (zoomed & drawn).sum() == drawn.sum()
    assert 10 <= np.ptp(added) <= 13  # 4 pixels and the brush

    shown.press("0")
    pen("mousePressed", (10, 55))
    pen("mouseMoved", (50, 55))
    pen("mouseReleased", (50, 55))
    by_pen = mask(3)
    assert by_pen[55, 10:50].all()
    fingers([(10, 10)], [(40, 10)])
    shown.press("s")
    expect(note).to_have_text("Nothing has changed since it was saved.")


@pytest.mark.slow
def test_two_people_lose_nothing(page: Page, app_server: AppProcess, photographs: Path) -> None:
    make(page, app_server, "Shared", photographs)
    shows(page, "Shared")
    first = min(file.stem for file in photographs.glob("*.jpg"))
    canvas(page, first)
    other = page.context.new_page()
    other.goto(f"{app_server.url}/correct?collection=Shared&photograph={first}")
    for each, row in ((page, 10), (other, 50)):
        shown = canvas(each, first)
        each.get_by_role("button", name="Empty").click()
        drag(each, shown, (10, row), (50, row))
    for each in (page, other):
        each.bring_to_front()
        each.get_by_role("button", name="Save", exact=True).click()
        expect(each.locator(".mask-note")).to_contain_text("saved as version")
    expect(other.locator(".mask-note")).to_contain_text("Meanwhile someone saved another; both are kept")
    collection = open_collection("Shared")
    rows = [np.flatnonzero(read_mask(collection.version_mask(first, number))[0][:, 30]).mean() for number in (1, 2)]
    assert rows == pytest.approx([9.5, 49.5], abs=1)
