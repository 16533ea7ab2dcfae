"""The pages that the host serves, in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from pages.shared.theme import DARK, LIGHT
from seg_core.common.home import PROJECT
from seg_core.common.versions import VERSION
from seg_core.config import Config
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess
from tests.helpers import go_to

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", ["Home", "Train", "Monitor", "Predict", "About"])
def test_every_page_opens_from_the_top_of_every_other(app_server: AppProcess, page: Page, name: str) -> None:
    page.goto(f"{app_server.url}/monitor")
    go_to(page, name)
    expect(page).to_have_url(f"{app_server.url}/{'' if name == 'Home' else name.lower()}")
    expect(page).to_have_title(f"{name} · LesionLab")
    heading = {"Home": "Train models that outline skin lesions, and see which one is better"}.get(name, name)
    expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()


@pytest.mark.parametrize("path", ["", "monitor", "predict"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_wear_the_theme_and_fit_a_phone(app_server: AppProcess, page: Page, path: str, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": 420, "height": 800})
    page.goto(f"{app_server.url}/{path}")
    expect(page.get_by_role("heading").first).to_be_visible()
    palette = DARK if scheme == "dark" else LIGHT
    red, green, blue = (int(palette.background[i : i + 2], 16) for i in (1, 3, 5))
    app = page.get_by_test_id("stApp")
    expect(app).to_have_css("background-color", f"rgb({red}, {green}, {blue})")
    assert app.evaluate("element => getComputedStyle(element).fontFamily").startswith("system-ui")
    assert page.evaluate("document.documentElement.scrollWidth") <= 420


def test_the_api_documentation_opens(app_server: AppProcess, page: Page) -> None:
    page.goto(f"{app_server.url}/api/docs")
    expect(page.get_by_text("/api/health")).to_be_visible()


def test_an_app_that_does_not_answer_is_no_empty_list(app_server: AppProcess, page: Page, problems: list[str]) -> None:
    page.goto(app_server.url)
    none, silent = page.get_by_text("No run trains or waits."), page.get_by_text("The app does not answer; trying again")
    expect(none).to_be_visible()
    page.route("**/api/runs?*", lambda route: route.fulfill(status=502))
    expect(silent).to_be_visible()
    page.reload()
    expect(silent).to_be_visible()
    expect(none).to_be_hidden()
    page.unroute("**/api/runs?*")
    expect(none).to_be_visible()
    expect(silent).to_be_hidden()
    problems[:] = [problem for problem in problems if "502" not in problem]


@pytest.mark.parametrize(("name", "address"), [("Try a photograph", "predict"), ("Train", "train"), ("Compare", "compare")])
def test_the_first_page_leads_on(app_server: AppProcess, page: Page, name: str, address: str) -> None:
    page.goto(app_server.url)
    page.get_by_test_id("stMain").get_by_role("link", name=name).click()
    expect(page).to_have_url(re.compile(f"^{app_server.url}/{address}"))
    expect(page.get_by_role("heading", name="Predict" if address == "predict" else name, exact=True)).to_be_visible()


def test_the_predictor_says_nothing_on_the_console(app_server: AppProcess, page: Page) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.location["url"].find("/predictor/") > 0 else None)
    page.goto(f"{app_server.url}/predict")
    widget = page.frame_locator("iframe")
    widget.locator("#photographs input[type=file]").set_input_files(PROJECT / "pages" / "examples" / "hairs.jpg")
    expect(widget.get_by_text("Lesion area").first).to_be_visible(timeout=90_000)
    assert [text for text in said if "Method not implemented" in text] == []


def test_documents_are_read_inside_the_app(app_server: AppProcess, page: Page) -> None:
    page.goto(f"{app_server.url}/about")
    expect(page.get_by_text("Not a medical device.")).to_be_visible()
    expect(page.get_by_text(VERSION, exact=False).first).to_be_visible()
    page.evaluate("window.loadedOnce = true")
    page.get_by_role("link", name="Report: the student report and our runs").click()
    picture = page.get_by_role("img", name="Curves")
    expect(picture).to_be_visible()
    assert picture.evaluate("async (image) => { await image.decode(); return image.naturalWidth; }") > 0
    page.get_by_role("link", name="Model 2b · frozen decoder").click()
    expect(page).to_have_url(f"{app_server.url}/about?doc=checkpoints/frozen-decoder-report.md")
    page.go_back()
    expect(picture).to_be_visible()
    page.get_by_role("link", name="All documents").click()
    expect(page.get_by_role("heading", name="How to cite")).to_be_visible()
    assert page.evaluate("window.loadedOnce"), "a form that was not sent is not forgotten"

    page.goto(f"{app_server.url}/about?doc=app.py")
    expect(page.get_by_text("There is no document app.py; choose one from the list.")).to_be_visible()


def test_the_first_page_wipes_two_masks_and_shows_what_runs(app_server: AppProcess, page: Page) -> None:
    page.goto(app_server.url)
    expect(page.locator(".wipe canvas[data-drawn]")).to_have_count(2)
    expect(page.get_by_text("not a medical device")).to_be_visible()
    expect(page.get_by_text("No run trains or waits.")).to_be_visible()

    line = page.get_by_role("slider", name="Line between the masks of Model 1 · recipe report and Model 2 · recipe best")
    box = line.bounding_box()
    assert box
    page.mouse.click(box["x"] + 0.302 * box["width"], box["y"] + 20)
    expect(line).to_have_value("30")
    line.press("ArrowRight")
    expect(line).to_have_value("31")
    upper = page.locator(".wipe canvas").nth(1)
    expect(upper).to_have_css("clip-path", "inset(0px 0px 0px 31%)")

    store = RunStore(app_server.home / "lesionlab.db")
    store.queue.set_slots(1)
    run = store.queue.add("first try", Config.of("report", epochs=3), "sample")
    assert store.claims.claim(run.id)
    store.queue.add("second try", Config.of("report", epochs=3), "sample")
    row = page.get_by_role("button", name="first try")
    expect(row).to_contain_text("epoch 0 of 3")
    expect(page.get_by_role("button", name="second try")).to_contain_text("waits in the queue")
    row.click()
    expect(page).to_have_url(f"{app_server.url}/monitor?run={run.id}")
    store.close()
