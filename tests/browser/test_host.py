"""The pages that the host serves, in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from pages.shared.theme import DARK, LIGHT
from tests.app_process import AppProcess

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", ["Train", "Monitor", "Predict"])
def test_every_page_opens_from_the_top_of_every_other(app_server: AppProcess, page: Page, name: str) -> None:
    page.goto(f"{app_server.url}/monitor")
    page.get_by_test_id("stTopNavLinkContainer").get_by_role("link", name=name).click()
    expect(page).to_have_url(f"{app_server.url}/{'' if name == 'Train' else name.lower()}")
    expect(page).to_have_title(f"{name} · LesionLab")
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()


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
