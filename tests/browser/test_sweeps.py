"""A sweep in the browser: started on Train, followed on Sweeps, its test photographs locked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from seg_core.config import Config
from seg_core.runs.processes import Owner
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess
from tests.helpers import keep_sample, wait_until
from tests.runs.stores import change, own

pytestmark = pytest.mark.browser


@pytest.fixture
def app(tmp_path: Path, sample_dataset: Path) -> Iterator[AppProcess]:
    """The app, where this process holds both slots, so that no worker trains."""
    home = tmp_path / "home"
    home.mkdir()
    keep_sample(home, sample_dataset)
    store = RunStore(home / "lesionlab.db")
    store.queue.set_slots(2)
    for _ in range(2):
        assert store.claims.claim(store.queue.add("before", Config.of("report"), "sample", foreground=True).id)
    store.close()
    app = AppProcess(home)
    yield app
    errors = app.stop()
    assert "Traceback" not in errors, errors


class Trainer:
    """Trains the app's runs by hand: this process waits for their turns, so that the app starts no worker."""

    def __init__(self, app: AppProcess) -> None:
        self.store = RunStore(app.home / "lesionlab.db")

    def take(self, run_id: int) -> None:
        """Wait until the app has queued a run, and make it this process's own."""
        wait_until(lambda: any(run.id == run_id for run in self.store.list_runs()), what=f"run {run_id} is queued")
        own(self.store, run_id, Owner.of())
        change(self.store, f"UPDATE runs SET foreground = 1 WHERE id = {run_id}")

    def train(self, run_id: int, iou: float) -> None:
        assert self.store.claims.claim(run_id)
        self.store.progress.add_epoch(run_id, 1, {"loss": 0.5}, {"loss": 0.5, "iou": iou, "dice": iou}, is_best=True)

    def finish(self, run_id: int) -> None:
        self.store.progress.finish(run_id, "finished")


@pytest.fixture
def trainer(app: AppProcess) -> Iterator[Trainer]:
    trainer = Trainer(app)
    yield trainer
    trainer.store.close()


def start_on_train(page: Page, app: AppProcess) -> None:
    page.goto(f"{app.url}/train")
    page.get_by_text("Try many settings").click()
    space = page.get_by_role("textbox", name="Settings to try")
    space.fill("loss=bce,huber")
    space.press("Control+Enter")
    expect(page.get_by_text("Loss cannot be 'huber'; choose bce, bce-dice or bce-lovasz.")).to_be_visible()
    space.fill("loss=bce,bce-dice,bce-lovasz")
    space.press("Control+Enter")
    expect(page.get_by_text("Up to 3 trials of 3 combinations, then 6 runs that prove the best.")).to_be_visible()
    page.get_by_text("Grid", exact=True).click()
    expect(page.get_by_text("--by grid")).to_be_visible()
    page.get_by_role("button", name="Start the sweep").click()
    page.wait_for_url("**/sweeps?sweep=1")


def test_a_sweep_is_started_followed_and_judged(app: AppProcess, trainer: Trainer, page: Page) -> None:
    start_on_train(page, app)
    expect(page.get_by_text("Searching · Grid with a pruner, 3 combinations · ")).to_be_visible()
    expect(page.get_by_text("Locked while the sweep goes on")).to_be_visible()
    lines, rows = page.locator(".sweep-line"), page.locator(".sweep-view tbody tr")
    expect(page.locator(".sweep-line.active")).to_have_count(2)  # as many as there are slots
    trainer.take(3)
    trainer.take(4)
    trainer.finish(1)
    trainer.train(3, 0.5)
    expect(rows.first).to_contain_text("bce(0.5000)training or waiting")  # while it trains
    trainer.finish(3)
    trainer.take(5)
    expect(lines).to_have_count(3)
    expect(rows).to_have_text(["Trial 1bce0.5000complete"])
    trainer.train(4, 0.6)
    trainer.finish(4)
    expect(rows).to_have_text(["Trial 2bce-dice0.6000complete", "Trial 1bce0.5000complete"])
    expect(page.locator(".sweep-line.best")).to_have_attribute("data-trial", "2")
    trainer.train(5, 0.55)
    trainer.store.queue.set_slots(1)  # the other run of this process goes on, so that no worker trains what comes now
    trainer.finish(5)
    expect(page.get_by_text("Trial 2 is the best. It is trained again with fresh seeds")).to_be_visible()
    expect(page.get_by_text("Too early to tell: 3 of at least 10 trials are complete.")).to_be_visible()
    page.locator(".sweep-target").nth(2).dispatch_event("pointerenter")  # the best line is on top
    expect(page.locator(".sweep-says")).to_have_text("Trial 2: loss bce-dice; IoU 0.6000, complete.")

    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("Not looked at yet.")).to_be_visible()
    assert [run.status for run in trainer.store.list_runs()[:6]] == ["stopped"] * 6
    page.get_by_role("button", name="Score on the test photographs").click()
    page.wait_for_url("**/compare?*split=test*")
    page.goto(f"{app.url}/sweeps")
    expect(page.get_by_text("Looked at once.")).to_be_visible()
    page.get_by_role("button", name="Trial 2").click()
    page.wait_for_url("**/monitor?run=4")
    expect(page.get_by_text("Sweep 1, trial 2").first).to_be_visible()

    page.goto(f"{app.url}/sweeps")
    page.get_by_role("button", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Also delete its 9 runs")).to_be_visible()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("No sweeps yet.")).to_be_visible()
    assert [run.id for run in trainer.store.list_runs() if "sweep 1" in run.tags] == []
