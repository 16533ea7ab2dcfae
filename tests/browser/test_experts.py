"""Compare on a dataset that three experts outlined, in the real app."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from benchmarks.simulated_experts import write_experts
from seg_core.data.dataset import open_dataset
from seg_core.evaluation.experts import CEILING
from tests.app_process import AppProcess
from tests.helpers import choose, make_dataset

pytestmark = pytest.mark.browser

SLOW = 90_000


def test_models_are_compared_with_three_experts(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    plain = open_dataset(make_dataset(tmp_path / "plain", size=(80, 60), train=2, test=8))
    data = write_experts(tmp_path / "three", plain.pairs)
    masks = data / "test" / "masks_expert3"
    page.goto(f"{app_server.url}/compare?data={data}&model=fine-tune-report&masks=tool={masks}")
    page.get_by_role("button", name="Evaluate 2 models on 8 photographs").click(timeout=SLOW)
    table = page.get_by_role("region", name="IoU of models and experts beside each expert")
    expect(table.get_by_role("row", name="tool")).to_be_visible(timeout=SLOW)
    expect(table.get_by_role("columnheader")).to_have_text(
        ["", "All experts", "expert1", "expert2", "expert3", "Truth", "Photographs"]
    )
    expect(table.get_by_role("rowheader")).to_have_text([re.compile("Model 2"), "tool", "expert1", "expert2", "expert3", CEILING])
    rows = {name: cells(table.get_by_role("row", name=name, exact=False)) for name in ("tool", "expert3", CEILING)}
    assert rows["tool"][3].startswith("1.0000")  # the masks of expert3
    assert rows["tool"][1:3] == rows["expert3"][1:3]
    assert rows["expert3"][3] == "–"
    section = page.locator(".answer").nth(1)
    expect(section).to_contain_text("tool agrees with the experts better than they agree with each other: IoU")
    expect(section).to_contain_text("Model 2")

    scores = page.get_by_role("region", name="Mean scores of each model")
    ceiling = cells(scores.get_by_role("row", name=CEILING))
    assert ceiling[0] == rows[CEILING][0]
    for title in ("Distribution", "Lesion size", "Threshold"):
        page.get_by_role("tab", name=title, exact=True).click()
        expect(page.get_by_text(f"Dashed: experts among each other, {float(ceiling[0][:6]):.3f} on average.")).to_be_visible()
        expect(page.locator(".comparison-plot .shapelayer path")).to_have_count(1)
    expect(page.locator(".mask-group canvas[data-drawn$=' experts']")).to_have_count(8)
    expect(page.locator(".mask-legend").first).to_have_text(re.compile("Truth.*All experts.*Some experts", re.DOTALL))
    page.mouse.move(0, 0)  # the colours of what is under it are Streamlit's
    assert [each["id"] for each in Axe().run(page).response["violations"] if each["impact"] in ("serious", "critical")] == []

    page.reload()  # kept: nothing is compared again
    expect(table).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("button", name="Evaluate")).to_have_count(0)
    choose(page.get_by_role("combobox", name="Truth of 3 experts"), "What expert3 marks")
    expect(page.get_by_role("textbox", name="Folders", exact=True)).to_have_value(f"{data}?truth=expert3")
    page.get_by_role("button", name="Evaluate 2 models on 8 photographs").click(timeout=SLOW)
    expect(scores.get_by_role("row", name="tool")).to_contain_text("1.0000", timeout=SLOW)
    page.set_viewport_size({"width": 420, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 420


def cells(row: Locator) -> list[str]:
    """The texts of a row's cells, a figure before its interval."""
    return [" ".join(text.split()) for text in row.get_by_role("cell").all_inner_texts()]
