"""The page Predict in the real app, with the models that ship."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.app_process import AppProcess
from tests.browser.test_journey import drop

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    app = AppProcess(tmp_path_factory.mktemp("predict-home"))
    yield app
    errors = app.stop()
    assert "Traceback" not in errors, errors


def test_photographs_and_settings_survive_a_look_at_another_page(page: Page, app: AppProcess, tmp_path: Path) -> None:
    page.goto(f"{app.url}/predict?model=frozen-decoder-best")
    widget = page.frame_locator("iframe")
    drop(page, tmp_path)
    expect(widget.locator("#measures-2")).to_contain_text("esion")
    frozen = widget.locator("#model-1 input").input_value()
    assert frozen.startswith("Model 2b")
    threshold = widget.locator("#threshold-1 input[type=range]")
    own = float(threshold.input_value())
    before = widget.locator("#picture-1 img").get_attribute("src")
    threshold.press("ArrowRight")
    expect(widget.locator("#picture-1 img")).not_to_have_attribute("src", before or "")

    page.get_by_role("link", name="Monitor").click()
    expect(page.get_by_role("heading", name="Monitor")).to_be_visible()
    page.get_by_role("link", name="Predict").click()
    for _ in range(2):
        expect(widget.locator("#measures-2")).to_contain_text("esion")
        expect(widget.locator("#strip img")).to_have_attribute("alt", "lesion.jpg")
        expect(widget.locator("#model-1 input")).to_have_value(frozen)
        expect(threshold).to_have_value(f"{own + 0.01:.2f}")
        page.reload()

    stranger = page.context.new_page()  # a tab of its own
    stranger.goto(f"{app.url}/predict")
    expect(stranger.frame_locator("iframe").locator("#model-1 input")).not_to_have_value("")
    expect(stranger.frame_locator("iframe").locator("#strip img")).to_have_count(0)
