"""Train tries a training before it is launched: time and memory, and a learning rate that is taken over by a click."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.app_process import AppProcess
from tests.helpers import make_dataset

pytestmark = pytest.mark.browser
SLOW = 120_000


def test_time_memory_and_a_learning_rate(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "tiny", train=8)
    page.goto(f"{app_server.url}/train")
    page.get_by_text("My folders").click()
    folders = page.get_by_role("textbox", name="Folders")
    folders.fill(f"'{data}'")
    folders.press("Control+Enter")
    expect(page.get_by_text("Every photograph has its mask")).to_be_visible(timeout=SLOW)
    size = page.get_by_role("spinbutton", name="Image size")
    size.fill("64")
    size.press("Enter")
    expect(page.get_by_text("image size 64").first).to_be_visible()
    page.get_by_text("Try before launching").click()
    page.get_by_role("button", name="Time and memory").click()
    expect(page.get_by_text(re.compile(r"\d+ photographs per second, \d+\.\d GB of memory"))).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Find the learning rate").click()
    use = page.get_by_role("button", name=re.compile(r"^Use 0?\.?\d"))
    expect(use).to_be_visible(timeout=SLOW)
    rate = use.inner_text().split()[-1]
    use.click()
    expect(page.get_by_text(f"learning rate {rate}").first).to_be_visible()
    expect(use).to_have_count(0)
