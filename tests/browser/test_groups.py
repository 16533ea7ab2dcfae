"""A group of runs: launched on Train, shown as a mean on Monitor, scored as one on Compare."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from seg_core.runs.groups import groups_of
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess
from tests.helpers import make_dataset, wait_until

pytestmark = pytest.mark.browser


SLOW = 90_000  # milliseconds that training and loading torch may take on a busy machine


def curve(page: Page, uid: str) -> dict[str, list[float]]:
    script = """(uid) => {
      const trace = (document.querySelector(".live-charts")?.data ?? []).find((one) => one.uid === uid);
      return trace ? { x: Array.from(trace.x), y: Array.from(trace.y) } : { x: [], y: [] };
    }"""
    found: dict[str, list[float]] = page.evaluate(script, uid)
    return found


@pytest.mark.slow
def test_a_group_is_launched_watched_and_compared_as_one(
    page: Page, app_server: AppProcess, tmp_path: Path, problems: list[str]
) -> None:
    data = make_dataset(tmp_path / "grouped", train=8, test=4)
    store = RunStore(app_server.home / "lesionlab.db")
    page.goto(f"{app_server.url}/train")
    page.get_by_text("My folders").click()
    page.get_by_role("textbox", name="Folders").fill(str(data))
    page.get_by_role("textbox", name="Folders").press("Control+Enter")
    expect(page.get_by_text("Every photograph has its mask")).to_be_visible(timeout=SLOW)
    page.get_by_text("Advanced settings").click()
    share = page.get_by_role("spinbutton", name="Validation share")
    share.fill("0.25")
    share.press("Enter")
    expect(page.get_by_text("validation share 0.25")).to_be_visible()
    page.get_by_text("Cross-validation", exact=True).click()
    expect(page.get_by_role("button", name="Launch 5 runs")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Fold", exact=True)).to_be_disabled()  # every fold validates in turn
    expect(share).to_be_disabled()
    page.get_by_text("Several seeds", exact=True).click()
    page.get_by_role("spinbutton", name="Number of seeds").fill("2")
    page.get_by_role("spinbutton", name="Number of seeds").press("Enter")
    expect(page.get_by_role("button", name="Launch 2 runs")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Fold", exact=True)).to_be_enabled()
    expect(share).to_have_value("0.25")
    for label, value in (("Image size", 64), ("Batch size", 4), ("Epochs", 2)):
        field = page.get_by_role("spinbutton", name=label)
        field.fill(str(value))
        field.press("Enter")
        expect(page.get_by_text(f"{label.lower()} {value}").first).to_be_visible()
    page.get_by_text("Command line", exact=True).click()
    expect(page.get_by_text("--seeds 2")).to_be_visible()
    page.get_by_role("button", name="Launch 2 runs").click()

    (group,) = [group for group in wait_until(lambda: groups_of(store.list_runs())) if group.runs[0].sources == (str(data),)]
    head = page.locator(".run-item", has_text=f"Group {group.id} ")
    expect(head.locator(".run-row")).to_have_attribute("aria-pressed", "true", timeout=SLOW)
    assert f"run=g{group.id}" in page.url
    expect(head.locator(".run-facts")).to_have_text("2 of 2 finished", timeout=SLOW)
    each: list[dict[int, float]] = [
        {point.epoch: point.value for point in store.history.metrics(run.id) if (point.split, point.name) == ("val", "iou")}
        for run in group.runs
    ]
    means = pytest.approx([sum(one[epoch] for one in each) / 2 for epoch in (1, 2)])
    # The list may say that both have finished while the last epoch of one is still on its way to the chart.
    wait_until(lambda: curve(page, f"g{group.id} val iou")["y"] == means, what="the mean of both runs is drawn")
    highest, lowest = ([pick(one[epoch] for one in each) for epoch in (1, 2)] for pick in (max, min))
    assert curve(page, f"g{group.id} band iou")["y"] == pytest.approx([*highest, *reversed(lowest)])

    first = page.locator(".run-item", has_text=f"#{group.runs[0].id} ")
    expect(first).to_be_hidden()
    page.get_by_role("button", name=f"Runs of group {group.id}").click()
    expect(first.locator(".run-tags")).to_contain_text("seed 0")
    first.locator(".run-row").click()
    expect(page).to_have_url(re.compile(rf"run=g{group.id}&run={group.runs[0].id}"))

    page.goto(f"{app_server.url}/compare?data={data}&model=group+{group.id}&model=fine-tune-report")
    page.get_by_role("button", name="Evaluate 3 models on 4 photographs").click()
    table = page.get_by_role("region", name="Mean scores of each model")
    expect(table.get_by_role("row", name=f"Group {group.id} · ")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("standard deviation between models")).to_be_visible()
    expect(page.locator(".mask-group canvas[data-drawn]")).to_have_count(12)  # four photographs: the truth, the group, the model
    assert f"model=g{group.id}" in page.url  # the link above is one of before, which still works

    page.get_by_text("Validation", exact=True).click()  # each run on photographs of its own
    page.get_by_role("button", name=re.compile("^Evaluate")).click()
    expect(table.get_by_role("row", name=f"Group {group.id} · ")).to_be_visible(timeout=SLOW)

    page.goto(f"{app_server.url}/monitor?run=g{group.id}")
    expect(page.get_by_role("link", name="Compare the masks")).to_have_attribute("href", re.compile(f"model=g{group.id}"))
    page.get_by_role("button", name="Delete all").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text(f"Group {group.id} · ").and_(page.get_by_text("is deleted"))).to_be_visible(timeout=SLOW)
    expect(head).to_have_count(0)
    assert groups_of(store.list_runs()) == []
    # Until the page is redrawn, the charts and masks may ask once more for runs that are gone.
    problems[:] = [each for each in problems if not any(f"/api/runs/{run.id}/" in each for run in group.runs)]
