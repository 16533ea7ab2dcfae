"""The list of runs as a table on Monitor: columns, order, and what is done with several runs at once."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from seg_core.config import Config
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def store(app_server: AppProcess) -> RunStore:
    """Four finished runs of two epochs: two of other seeds, and two that differ in more."""
    store = RunStore(app_server.home / "lesionlab.db")
    for name, iou, settings in (
        ("first seed", 0.70, {"seed": 1}),
        ("second seed", 0.80, {"seed": 2}),
        ("longer", 0.75, {"epochs": 3}),
        ("unet", 0.60, {"decoder": "unet"}),
    ):
        run = store.queue.add(name, Config.of("report", **{"epochs": 2, **settings}), "sample")
        assert store.claims.claim(run.id)
        for epoch, off in ((1, 0.0), (2, -0.05)):
            values = {"loss": 0.5, "accuracy": 0.9, "iou": iou + off, "dice": iou + off + 0.1}
            store.progress.add_epoch(run.id, epoch, values, values, is_best=epoch == 1)
        store.progress.finish(run.id, "finished")
    return store


def names(page: Page) -> list[str]:
    """The rows that are shown, from above."""
    return page.locator(".run-item:visible .run-name").all_inner_texts()


def test_columns_are_chosen_sorted_by_and_remembered(page: Page, app_server: AppProcess, store: RunStore) -> None:
    page.goto(f"{app_server.url}/monitor?run=1")
    expect(page.locator(".run-item")).to_have_count(4)
    assert names(page) == ["#4 unet", "#3 longer", "#2 second seed", "#1 first seed"]
    page.get_by_role("button", name="Sort by Best IoU").click()
    expect(page.locator(".run-name").first).to_have_text("#2 second seed")
    assert names(page) == ["#2 second seed", "#3 longer", "#1 first seed", "#4 unet"]
    page.get_by_role("button", name="Sort by Best IoU, now descending").click()
    expect(page.locator(".run-name").first).to_have_text("#4 unet")

    menu = page.locator(".run-menu")
    menu.locator("summary").click()
    menu.get_by_role("checkbox", name="Last Dice").check()
    menu.get_by_role("checkbox", name="Dataset").check()
    menu.get_by_role("checkbox", name="Status").uncheck()
    menu.locator("summary").press("Escape")
    expect(menu.get_by_role("checkbox", name="Dataset")).to_be_hidden()
    row = page.locator(".run-item", has_text="second seed")
    assert row.locator(".run-cell").all_inner_texts() == ["0.850", "sample"]
    expect(row.locator(".run-status")).to_be_hidden()

    page.reload()
    expect(page.locator(".run-name").first).to_have_text("#4 unet")
    assert row.locator(".run-cell").all_inner_texts() == ["0.850", "sample"]


def test_several_runs_are_tagged_grouped_and_archived_at_once(page: Page, app_server: AppProcess, store: RunStore) -> None:
    page.goto(f"{app_server.url}/monitor?run=1&run=4")
    expect(page.get_by_text("2 runs chosen")).to_be_visible()
    page.get_by_role("button", name="Group", exact=True).click()
    expect(page.get_by_text("these differ in decoder.")).to_be_visible()

    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_label("Add tags").fill("kept, seeds")
    page.get_by_role("button", name="Save tags").click()
    expect(page.get_by_text("The tags of 2 runs are saved.")).to_be_visible()
    assert [store.get_run(number).tags for number in (1, 2, 4)] == [("kept", "seeds"), (), ("kept", "seeds")]

    page.goto(f"{app_server.url}/monitor?run=1&run=2")
    page.get_by_role("button", name="Group", exact=True).click()
    group = page.locator(".run-item", has_text="Group 1")
    expect(group.locator(".run-best")).to_have_text("0.750")
    page.goto(f"{app_server.url}/monitor?run=g1")
    page.get_by_role("button", name="Archive", exact=True).first.click()
    expect(page.get_by_text("2 runs are archived.")).to_be_visible()
    page.goto(f"{app_server.url}/monitor")
    expect(page.locator(".run-item:visible")).to_have_count(2)
    expect(page.locator('.run-row[aria-pressed="true"]')).to_contain_text("#4 unet")

    page.locator(".run-menu summary").click()
    page.get_by_role("checkbox", name="Show archived runs").check()
    page.locator(".run-menu summary").press("Escape")
    group.locator(".run-row").click()
    expect(page).to_have_url(re.compile("run=g1"))
    page.locator(".run-item", has_text="#4 unet").locator(".run-row").click()
    page.get_by_role("button", name="Bring back", exact=True).first.click()
    expect(page.get_by_text("2 runs are in lists again.")).to_be_visible()
    page.get_by_role("button", name="Take apart").click()
    expect(page.get_by_text("Group 1 is single runs again.")).to_be_visible()
    assert {run.group for run in store.list_runs()} == {None}


def test_all_are_chosen_and_deleted(page: Page, app_server: AppProcess, store: RunStore) -> None:
    page.goto(f"{app_server.url}/monitor?run=3")
    page.get_by_role("button", name="Choose all").click()
    expect(page.get_by_text("4 runs chosen")).to_be_visible()
    page.get_by_role("button", name="Delete all").click()
    expect(page.get_by_role("dialog")).to_contain_text("the models, masks and logs of its 4 runs")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No runs yet")).to_be_visible()
    assert store.list_runs() == []
