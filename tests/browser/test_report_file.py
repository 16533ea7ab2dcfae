"""The HTML report opens and prints without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("thin_network")]


def test_it_opens_and_prints_without_a_network(report_file: Path, browser: Browser, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": 1100, "height": 900}, offline=True)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(("file:", "data:", "blob:")) else wrong.append(request.url))
    page.goto(report_file.as_uri())
    expect(page.locator("body[data-drawn]")).to_be_attached()
    expect(page.locator(".chart .main-svg").first).to_be_visible()
    charts = page.locator(".chart")
    assert charts.count() == 10
    assert page.evaluate("document.querySelector('#curve-1').calcdata[1].length") == 2  # two epochs of validation loss
    legend = charts.nth(5).locator(".legendtoggle").first
    legend.click()  # still interactive: a curve can be hidden
    expect(charts.nth(5).locator(".traces").first).to_have_css("opacity", "0.5")
    with page.expect_download() as download:
        charts.nth(5).hover()
        charts.nth(5).locator("[data-title='Download as SVG']").click()
    assert download.value.suggested_filename.endswith(".svg")
    expect(page.locator("[data-title^='Share']")).to_have_count(0)  # nothing is uploaded anywhere
    for width in (1440, 1024):  # no table has a column out of sight
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function("[...document.querySelectorAll('.wide')].every((one) => one.scrollWidth <= one.clientWidth)")
    assert page.pdf(path=tmp_path / "report.pdf", format="A4")[:5] == b"%PDF-"
    assert page.locator("details:not([open])").count() == 0  # folded details are printed
    page.set_viewport_size({"width": 420, "height": 900})
    page.wait_for_function("document.documentElement.scrollWidth === 420")  # the charts follow after a moment
    context.close()
    assert wrong == []
