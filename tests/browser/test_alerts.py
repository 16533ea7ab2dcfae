"""Alerts on Monitor: addresses, targets, and the browser's own notifications."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from seg_core.config import Config
from seg_core.runs.store import RunStore
from tests.alert_server import SECRET, AlertServer, alert_server
from tests.app_process import AppProcess
from tests.browser.test_accessibility import violations
from tests.helpers import wait_in_page, wait_until

pytestmark = pytest.mark.browser

# A browser whose user allows notifications; those that are shown are kept for all of its tabs.
ALLOWED = """
  window.Notification = class {
    static permission = "granted";
    static requestPermission = async () => "granted";
    constructor(title, { body, tag }) {
      localStorage.setItem("shown", JSON.stringify([...JSON.parse(localStorage.getItem("shown") ?? "[]"), [title, body, tag]]));
    }
    close() {}
  };
"""
SHOWN = "() => JSON.parse(localStorage.getItem('shown') ?? '[]')"


@pytest.fixture
def server() -> Iterator[AlertServer]:
    with alert_server() as server:
        yield server


@pytest.fixture(autouse=True)
def store(app_server: AppProcess) -> Iterator[RunStore]:
    """The app's runs, at least one of which has ended: without any Monitor has nothing to tell of."""
    store = RunStore(app_server.home / "lesionlab.db")
    store.progress.finish(train(store, 0.5), "stopped")
    yield store
    store.close()


@pytest.fixture
def allowed(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.add_init_script(ALLOWED)
    yield context
    context.close()


def train(store: RunStore, iou: float) -> int:
    """Record a training of one epoch, up to the end of which this process claims it."""
    run = store.queue.add("first try", Config.of("report", epochs=1), "sample")
    assert store.claims.claim(run.id)
    values = {"loss": 0.5, "accuracy": 0.9, "iou": iou, "dice": iou}
    store.progress.add_epoch(run.id, 1, values, values, is_best=True)
    return run.id


def test_an_address_is_added_tested_and_removed(page: Page, app_server: AppProcess, store: RunStore, server: AlertServer) -> None:
    page.goto(f"{app_server.url}/monitor")
    page.get_by_role("button", name="Alerts").click()
    address = page.get_by_label("New address", exact=True)
    address.fill("hook.example.org")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("This is no address; begin it with")).to_be_visible()
    address.fill(server.address())
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("From alerts.txt.")).to_be_visible()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("The test arrived at")).to_be_visible()
    assert server.events() == ["test"]
    assert [each["id"] for each in violations(page)] == []
    assert SECRET not in page.content()

    target = page.get_by_label("Target IoU", exact=True)
    target.fill("0.7")
    target.press("Enter")
    wait_until(lambda: store.alerts.targets()["iou"] == 0.7, what="the target is kept")
    run_id = train(store, 0.75)
    store.progress.finish(run_id, "finished")
    wait_until(lambda: len(server.received) == 3, what="both alerts")  # the app has them sent
    assert sorted(server.events()[1:]) == ["finished", "target"]
    assert server.received[-1][1]["link"] == f"{app_server.url}/monitor?run={run_id}"

    page.get_by_role("button", name="Remove", exact=True).click()
    expect(page.get_by_text("From alerts.txt.")).to_have_count(0)
    expect(page.get_by_role("button", name="Send a test")).to_have_count(0)
    assert store.alerts.addresses() == []


def test_the_browser_tells_of_a_run_once_whatever_tabs_are_open(
    allowed: BrowserContext, app_server: AppProcess, store: RunStore
) -> None:
    first, second = allowed.new_page(), allowed.new_page()
    first.goto(f"{app_server.url}/monitor")
    second.goto(f"{app_server.url}/about")
    first.get_by_role("button", name="Alerts").click()
    switch = first.get_by_role("switch", name="Notify in this browser")
    switch.check()
    wait_in_page(
        first, "() => Object.entries(localStorage).some(([key, value]) => key.startsWith('lesionlab-notify') && value === 'on')"
    )
    run_id = train(store, 0.5)
    store.progress.finish(run_id, "failed", "The disk is full.")
    for tab in (second, first):
        wait_in_page(tab, f"() => ({SHOWN})().length")
    failed = [[f"#{run_id} first try has failed", "The disk is full. Best validation IoU 0.500 after 1 of 1 epochs."]]
    assert [told[:2] for told in first.evaluate(SHOWN)] == failed

    switch.uncheck()
    run_id = train(store, 0.5)
    store.progress.finish(run_id, "finished")
    switch.check()  # it tells of what happens from now on
    run_id = train(store, 0.5)
    store.progress.finish(run_id, "finished")
    wait_in_page(first, f"() => ({SHOWN})().length === 2")
    assert first.evaluate(SHOWN)[-1][0] == f"#{run_id} first try has finished"


def test_a_browser_that_refuses_is_told_what_to_do(browser: Browser, app_server: AppProcess) -> None:
    context = browser.new_context()
    context.add_init_script(
        'window.Notification = class { static permission = "denied"; static requestPermission = async () => "denied"; };'
    )
    page = context.new_page()
    page.goto(f"{app_server.url}/monitor")
    page.get_by_role("button", name="Alerts").click()
    expect(page.get_by_text("This browser refuses notifications of this site")).to_be_visible()
    expect(page.get_by_role("switch", name="Notify in this browser")).not_to_be_checked()
    context.close()
