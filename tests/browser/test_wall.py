"""What trains, on a wall and on Monitor: large figures in turn, and advice on what goes badly."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from seg_core.config import Config
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess

pytestmark = pytest.mark.browser


@pytest.fixture
def store(app_server: AppProcess) -> Iterator[RunStore]:
    store = RunStore(app_server.home / "lesionlab.db")
    yield store
    for run in store.list_runs():
        if run.is_running:
            store.progress.finish(run.id, "stopped")
        store.delete(run.id)


def training(store: RunStore, name: str) -> int:
    """A run that this process works on."""
    run = store.queue.add(name, Config.of("report", epochs=9), "sample")
    assert store.claims.claim(run.id)
    return run.id


def epoch(store: RunStore, run_id: int, number: int, loss: float, iou: float) -> None:
    values = {"loss": loss, "accuracy": 0.9, "iou": iou, "dice": iou + 0.1}
    store.progress.add_epoch(run_id, number, values, values, is_best=True, phase="training", eta_seconds=754.0)


def test_the_wall_shows_what_trains_in_turn_and_no_controls(page: Page, app_server: AppProcess, store: RunStore) -> None:
    store.queue.set_slots(2)
    first, second = training(store, "one"), training(store, "other")
    epoch(store, first, 1, 0.5, 0.71)
    epoch(store, second, 1, 0.5, 0.62)
    page.clock.install()
    page.goto(f"{app_server.url}/monitor?wall=1")
    wall = page.get_by_role("region", name="What trains now")
    expect(wall.get_by_role("heading")).to_have_text(f"#{first} one")
    expect(wall.locator("dd")).to_have_text(["0.710", "0.810", "1/9", "13 min"])
    expect(wall).to_contain_text("1 of 2 in training")
    expect(page.get_by_role("button")).to_have_count(0)
    page.clock.run_for(12_000)
    expect(wall.get_by_role("heading")).to_have_text(f"#{second} other")
    page.clock.resume()
    epoch(store, second, 2, 0.4, 0.75)
    expect(wall.locator("dd").first).to_have_text("0.750")
    expect(wall.get_by_role("img", name="Validation IoU by epoch")).to_be_visible()


def test_advice_appears_while_a_run_goes_badly(page: Page, app_server: AppProcess, store: RunStore) -> None:
    run_id = training(store, "high rate")
    for number in range(1, 5):
        epoch(store, run_id, number, 0.7, 0.4)
    page.goto(f"{app_server.url}/monitor?run={run_id}")
    advice = page.get_by_role("list", name="Advice on the chosen runs")
    expect(page.locator(".live-charts .main-svg").first).to_be_visible()
    expect(advice).to_be_hidden()
    epoch(store, run_id, 5, 0.7, 0.4)
    expect(advice.get_by_role("listitem")).to_contain_text("The training loss has not fallen in 5 epochs")
