"""The Report page: one button trains the three models of the student report."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from seg_core.config import VARIANTS
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess
from tests.helpers import make_dataset, wait_in_page, wait_until

pytestmark = pytest.mark.browser


SLOW = 240_000  # milliseconds that three short trainings may take on a busy machine


@pytest.mark.slow
def test_one_button_reproduces_the_report(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "tiny", train=6)
    page.goto(f"{app_server.url}/report")
    page.get_by_text("My folders").click()
    folders = page.get_by_role("textbox", name="Folders")
    folders.fill(str(data))
    folders.press("Control+Enter")
    expect(page.get_by_text("Every photograph has its mask")).to_be_visible(timeout=SLOW)
    epochs = page.get_by_role("spinbutton", name="Epochs")
    epochs.fill("1")
    epochs.press("Enter")
    page.get_by_role("button", name="Reproduce the report").click()

    table = page.get_by_role("region", name="Figures beside those of the report")
    expect(table.get_by_role("row", name="Model 2b · frozen decoder, run 3, epoch 1").first).to_be_visible(timeout=SLOW)
    # The shipped curves, empty charts and the first point followed each other: the axes fit what is drawn now.
    wait_in_page(page, "document.querySelector('.live-charts')._fullLayout.xaxis.range.join() === '0,1.03'")
    for axis in ("yaxis", "yaxis2", "yaxis3", "yaxis4"):
        assert page.evaluate(f"document.querySelector('.live-charts')._fullLayout.{axis}.range") != [-1, 4], axis
    page.get_by_role("button", name="Make: report (HTML)").click(timeout=SLOW)
    with page.expect_download(timeout=SLOW) as download:
        page.get_by_role("button", name="Download: report (HTML)").click(timeout=SLOW)
    assert download.value.suggested_filename == "lesionlab-report-1-2-3.html"
    assert "Compared with the student report" in Path(download.value.path()).read_text(encoding="utf-8")
    (made,) = (app_server.home / "results").rglob("report.html")
    before = made.stat()
    page.get_by_role("button", name="Make again").click()  # the masks may have been mended
    wait_until(lambda: made.exists() and made.stat().st_ino != before.st_ino, what="a new report")
    expect(page.get_by_role("button", name="Download: report (HTML)")).to_be_visible(timeout=SLOW)
    for run_id, variant in enumerate(VARIANTS, start=1):
        run = get(app_server, f"/api/runs/{run_id}")
        assert (run["config"]["variant"], run["config"]["recipe"], run["status"]) == (variant, "report", "finished")
        points = get(app_server, f"/api/runs/{run_id}/metrics")["points"]
        (iou,) = [point["value"] for point in points if (point["split"], point["name"]) == ("val", "report_iou")]
        row = table.get_by_role("row", name=f"run {run_id}, epoch 1").nth(1)  # the first is training, the second validation
        expect(row).to_contain_text(f"{iou:.4f}")
    expect(page.locator(".live-charts .main-svg").first).to_be_visible()
    # Runs from Train count too, whatever their tags, and any can be left out.
    store = RunStore(app_server.home / "lesionlab.db")
    for run_id in (1, 2, 3):
        store.annotate(run_id, tags=[])
    page.goto(f"{app_server.url}/report")
    first = page.locator(".stCheckbox", has_text="#1 Model 1 · trainable decoder · recipe report").get_by_role("checkbox")
    expect(first).to_be_checked(timeout=SLOW)
    expect(page.get_by_text("until you train your own here")).to_have_count(0)
    first.press("Space")
    page.wait_for_url("**/report?run=2&run=3")
    expect(page.get_by_role("button", name="Make: report (HTML)")).to_be_visible(timeout=SLOW)
    expect(table.get_by_role("row", name="run 1, epoch 1")).to_have_count(0)
    first.press("Space")
    page.wait_for_url(re.compile("run=1"))
    page.reload()
    expect(table.get_by_role("row", name="run 3, epoch 1").first).to_be_visible(timeout=SLOW)


def get(app: AppProcess, path: str) -> Any:
    with urlopen(app.url + path, timeout=20) as answer:
        return json.load(answer)
