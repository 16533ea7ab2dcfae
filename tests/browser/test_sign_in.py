"""Signing in and out of the real app."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from pages.server.sessions import Sessions, signing_key
from pages.shared.visitor import VIEWERS_CHANGE_NOTHING
from seg_core.common.home import PROJECT
from seg_core.config import Config
from seg_core.data.collection.sources import add_dataset
from seg_core.data.collection.store import create_collection
from seg_core.data.dataset import open_dataset
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess
from tests.helpers import PASSWORD, VIEWER_PASSWORD, go_to, make_dataset

pytestmark = pytest.mark.browser


def enter(page: Page, password: str) -> None:
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_sign_in_use_and_sign_out(guarded_app: AppProcess, page: Page, problems: list[str]) -> None:
    page.goto(f"{guarded_app.url}/monitor")
    expect(page).to_have_title("Sign in · LesionLab")
    expect(page.get_by_label("Password")).to_be_focused()
    enter(page, "not it")
    expect(page.get_by_role("alert")).to_have_text("That is not the password.")
    assert [problem for problem in problems if "401" in problem]
    problems.clear()

    enter(page, PASSWORD)
    page.wait_for_url(f"{guarded_app.url}/monitor")
    expect(page.get_by_text("Sign out")).to_be_visible()

    second = page.context.new_page()
    with second.expect_event("websocket") as opened:
        second.goto(f"{guarded_app.url}/monitor")
    expect(second.get_by_role("heading", name="Monitor")).to_be_visible()
    socket = opened.value
    with socket.expect_event("close"):
        page.get_by_text("Sign out").click()
        expect(page).to_have_title("Sign in · LesionLab")
    # What the other tab asks for from now on is refused, as it should be.
    second.close()
    problems[:] = [problem for problem in problems if "401" not in problem and "WebSocket" not in problem]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_sign_in_page_fits_a_phone_and_both_modes(guarded_app: AppProcess, browser: Browser, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 420, "height": 800}, color_scheme="dark" if scheme == "dark" else "light")
    page = context.new_page()
    page.goto(guarded_app.url)
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    colour = page.evaluate("getComputedStyle(document.querySelector('main')).backgroundColor")
    assert colour == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 28)"}[scheme]
    context.close()


def test_the_real_apps_sessions_outlive_it(guarded_app: AppProcess) -> None:
    port = httpx.URL(guarded_app.url).port
    cookie = httpx.post(f"{guarded_app.url}/sign-in", data={"password": PASSWORD}).cookies[f"lesionlab_{port}"]
    home = guarded_app.home
    assert Sessions(signing_key(home / "session.key", PASSWORD), home / "ended-sessions").check(cookie)


def test_a_viewer_sees_everything_and_finds_nothing_to_change(guarded_app: AppProcess, page: Page) -> None:
    store = RunStore(guarded_app.home / "lesionlab.db")
    store.queue.stop(store.queue.add("taken out", Config.of("report"), "sample").id)
    store.close()
    page.goto(f"{guarded_app.url}/monitor?run=1")
    enter(page, PASSWORD)
    expect(page.get_by_role("button", name="Resume").first).to_be_visible()
    expect(page.get_by_role("button", name="Delete")).to_be_visible()
    page.get_by_text("Sign out").click()
    expect(page).to_have_title("Sign in · LesionLab")

    page.goto(f"{guarded_app.url}/monitor?run=1")
    enter(page, VIEWER_PASSWORD)
    expect(page.locator(".run-row", has_text="taken out")).to_be_visible()
    expect(page.get_by_text("Stopped before it started.")).to_be_visible()
    page.get_by_text("Name, tags and notes").click()
    expect(page.get_by_label("Name", exact=True)).to_be_disabled()
    note = page.get_by_text("You are signed in as a viewer: you see everything, and change nothing.")
    expect(note.first).to_be_visible()
    page.get_by_role("button", name="Alerts").click()
    expect(page.get_by_label("Target IoU", exact=True)).to_be_disabled()
    expect(page.get_by_label("New address", exact=True)).to_have_count(0)
    page.keyboard.press("Escape")
    for name in ("Resume", "Delete", "Save"):
        expect(page.get_by_test_id("stMain").get_by_role("button", name=name)).to_have_count(0)

    go_to(page, "Predict")
    page.get_by_text("Models of other programs").click()
    expect(note.first).to_be_visible()
    widget = page.frame_locator("iframe")
    widget.locator("#photographs input[type=file]").set_input_files(PROJECT / "pages" / "examples" / "hairs.jpg")
    expect(widget.get_by_text("Lesion area").first).to_be_visible(timeout=90_000)
    expect(widget.get_by_role("button", name="Download this mask (PNG)").first).to_be_visible()
    expect(widget.get_by_role("button", name="Correct this mask")).to_have_count(0)
    page.get_by_text("Sign out").click()
    expect(page).to_have_title("Sign in · LesionLab")


def test_a_viewer_may_try_the_tools_of_correct_and_export(
    guarded_app: AppProcess, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LESIONLAB_HOME", str(guarded_app.home))
    collection = create_collection("Clinic")
    add_dataset(collection, open_dataset(make_dataset(tmp_path / "data", layout="flat", train=2)), copy=True)
    page.goto(f"{guarded_app.url}/correct?collection=Clinic")
    enter(page, VIEWER_PASSWORD)
    first, second = (page.locator(f".mask-canvas[data-opened='ISIC_000000{number}']") for number in range(2))
    first.press(".")  # grows the mask
    note = page.get_by_role("status").filter(has_text=VIEWERS_CHANGE_NOTHING)
    expect(note).to_be_visible()
    first.press("s")
    first.press("PageDown")
    expect(second).to_be_visible()
    expect(note).to_be_hidden()
    assert [item.versions for item in collection.items()] == [1, 1]
    expect(page.get_by_text("Versions of ISIC_0000001: 1")).to_be_visible()
    page.get_by_text("Export", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="nnU-Net").click()
    assert download.value.suggested_filename == "clinic-nnunet.zip"
    expect(page.get_by_role("button", name="Delete the collection")).to_have_count(0)
