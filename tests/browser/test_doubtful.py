"""Masks that may be wrong, on the Data page: found right, left out, taken back, and corrected."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from seg_core.data.dataset import open_dataset
from seg_core.data.excluded import read_excluded
from seg_core.data.verdicts import read_verdicts
from tests.app_process import AppProcess
from tests.cross_validated import EMPTIED, WIDENED, cross_validate, with_errors
from tests.helpers import make_dataset, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("home_of_the_app")]

SLOW = 90_000


def test_masks_that_may_be_wrong_are_decided_one_by_one(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    other = make_dataset(tmp_path / "other", layout="flat", train=3)
    page.goto(f"{app_server.url}/data?data={other}&show=doubtful")
    expect(page.get_by_text("train with cross-validation on this dataset")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("link", name="Train on it")).to_have_attribute("href", re.compile("train"))

    data, good = with_errors(tmp_path)
    cross_validate(data, good)
    page.goto(f"{app_server.url}/data?data={data}&show=doubtful")
    page.get_by_role("button", name="Compare the masks with Group 1").click(timeout=SLOW)
    expect(page.get_by_text("2 masks of 6 may be wrong, the most doubtful first.")).to_be_visible(timeout=SLOW)
    cards = page.locator("[class*=st-key-doubtful-]")
    expect(cards).to_have_text([re.compile(f"{EMPTIED}\\s*Marks nothing"), re.compile(f"{WIDENED}\\s*Much wider than its kind")])
    expect(cards.first.get_by_role("img", name=f"{EMPTIED} with its mask and the model's outlined")).to_be_visible()
    expect(cards.first.get_by_text("IoU with the model's mask 0.00; the model expects 1.00.")).to_be_visible()
    page.set_viewport_size({"width": 420, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 420

    cards.nth(1).get_by_role("button", name="Mask is right").click()
    expect(page.get_by_text("1 mask of 6 may be wrong")).to_be_visible()
    cards.first.get_by_role("button", name="Leave out").click()
    expect(page.get_by_text("0 masks of 6 may be wrong")).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 900})
    assert read_excluded(data)[EMPTIED].reason.startswith("Marks nothing")
    assert list(read_verdicts(open_dataset(data)).accepted) == [WIDENED]
    page.reload()
    page.get_by_text("What was decided").click()
    expect(page.get_by_text("1 right, 1 left out.")).to_be_visible()
    for left in ("1 mask of 6", "2 masks of 6"):
        page.get_by_role("button", name="Take back").first.click()
        expect(page.get_by_text(left)).to_be_visible()
    assert read_excluded(data) == {}

    cards.first.get_by_role("link", name="Correct it").click()
    name = page.get_by_role("textbox", name="Name")
    name.fill("Skin")
    page.get_by_role("button", name="Make the collection").click()
    expect(page).to_have_url(re.compile(f"collection=Skin&photograph={EMPTIED}"), timeout=SLOW)
    expect(page.locator(".mask-editor")).to_contain_text(EMPTIED, timeout=SLOW)
    wait_until(lambda: (app_server.home / "collections" / "Skin" / "masks" / f"{WIDENED}.png").exists())
