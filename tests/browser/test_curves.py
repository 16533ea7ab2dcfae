"""The curves of Monitor: smoothed, by time, on other scales, and kept by the address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from seg_core.config import Config
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess
from tests.helpers import wait_until

pytestmark = pytest.mark.browser

LOSSES = [50.0, *(1 - 0.05 * epoch for epoch in range(1, 12))]
"""The first is far off, as it is in a training that begins with random weights."""


@pytest.fixture
def store(app_server: AppProcess) -> Iterator[RunStore]:
    store = RunStore(app_server.home / "lesionlab.db")
    yield store
    for run in store.queue.running():
        store.progress.finish(run.id, "stopped")
    store.close()


@pytest.fixture
def run_id(store: RunStore) -> int:
    """A run of twelve epochs of 40 steps, two minutes each."""
    run_id = store.queue.add("=seen", Config.of("report", epochs=12), "sample", foreground=True).id
    assert store.claims.claim(run_id)
    began = store.get_run(run_id).started
    assert began is not None
    for epoch, loss in enumerate(LOSSES, start=1):
        values = {"loss": loss, "accuracy": 0.9, "iou": 0.5 + 0.02 * epoch, "dice": 0.8}
        process = {
            "steps": 40 * epoch,
            "time": began + 120 * epoch,
            "seconds": 120.0,
            "learning_rate": 0.001,
            "gradient_norm": 2.0,
        }
        process |= {"images_per_second": 30.0, "data_wait": 0.05}
        store.progress.add_epoch(run_id, epoch, values, values, process=process)
    return run_id


def drawn(page: Page, uid: str) -> dict[str, Any]:
    """The curve with this name as it is drawn now, and the range of its chart; nothing where there is none."""
    script = """(uid) => {
      const plot = document.querySelector(".live-charts"), curve = plot?.data?.find((one) => one.uid === uid);
      if (!curve) return {};
      const axis = (name) => plot._fullLayout[name[0] + "axis" + name.slice(1)];
      return { x: Array.from(curve.x), y: Array.from(curve.y), range: axis(curve.yaxis).range, scale: axis(curve.yaxis).type };
    }"""
    found: dict[str, Any] = page.evaluate(script, uid)
    return found


def is_drawn(page: Page, uid: str, **wanted: Any) -> None:
    wait_until(lambda: all(drawn(page, uid).get(name) == value for name, value in wanted.items()), what=f"{uid}: {wanted}")


def test_curves_are_seen_as_one_likes_and_a_link_shows_the_same(page: Page, app_server: AppProcess, run_id: int) -> None:
    loss, iou = f"{run_id} val loss", f"{run_id} val iou"
    page.goto(f"{app_server.url}/monitor?run={run_id}")
    is_drawn(page, iou, x=list(range(1, 13)))
    assert drawn(page, loss)["range"][1] < 2  # the first epoch does not flatten the rest
    page.get_by_label("Whole range").check()
    wait_until(lambda: drawn(page, loss)["range"][1] > 50, what="every value is in range")
    page.get_by_label("Logarithmic").check()
    is_drawn(page, loss, scale="log")
    page.get_by_label("Logarithmic").uncheck()

    page.get_by_label("Smoothing").fill("0.5")
    # Without bias towards the beginning: (0.5 * 0.52 + 0.5² * 0.52) and so on, by the sum of the weights.
    second = (0.5 * 0.54 + 0.25 * 0.52) / 0.75
    wait_until(lambda: drawn(page, iou)["y"][1] == pytest.approx(second), what="the curve is smoothed")
    assert drawn(page, iou)["y"][0] == pytest.approx(0.52)
    assert drawn(page, f"{iou} as recorded")["y"][1] == pytest.approx(0.54)

    page.get_by_label("Horizontal axis").select_option("Step")
    is_drawn(page, iou, x=[40 * epoch for epoch in range(1, 13)])
    page.get_by_label("Horizontal axis").select_option("Minutes")
    wait_until(lambda: drawn(page, iou)["x"] == pytest.approx([2 * epoch for epoch in range(1, 13)]), what="minutes are drawn")
    page.get_by_label("Rate, gradients, speed").check()
    is_drawn(page, f"{run_id} process gradient_norm", y=[2] * 12)
    page.wait_for_url("**process=1**")
    for part in ("smoothing=0.5", "x=minutes", "whole=1"):
        assert part in page.url
    assert "log=" not in page.url

    page.reload()
    wait_until(lambda: drawn(page, iou).get("y", [0, 0])[1] == pytest.approx(second), what="it is smoothed again")
    assert drawn(page, iou)["x"] == pytest.approx([2 * epoch for epoch in range(1, 13)])
    expect(page.get_by_label("Whole range")).to_be_checked()
    expect(page.get_by_label("Horizontal axis")).to_have_value("minutes")
    assert drawn(page, f"{run_id} process data_wait")["y"] == pytest.approx([0.05] * 12)


def test_best_and_last_values_stand_below_and_all_of_them_in_a_file(page: Page, app_server: AppProcess, run_id: int) -> None:
    page.goto(f"{app_server.url}/monitor?run={run_id}")
    values = page.get_by_role("region", name="Best and last values")
    expect(values.get_by_role("row", name="=seen")).to_contain_text("best 0.4500epoch 12; last 0.4500")
    expect(values.get_by_role("row", name="=seen")).to_contain_text("best 0.7400epoch 12; last 0.7400")
    page.locator(".live-charts").hover()
    with page.expect_download() as download:
        page.locator(".live-charts [data-title='Download as CSV']").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert lines[0] == "run,epoch,split,metric,value"
    label = f'"#{run_id} =seen"'
    assert f"{label},1,val,loss,50" in lines
    assert f"{label},12,process,steps,480" in lines


def test_a_run_without_times_is_shown_by_epoch_alone(page: Page, app_server: AppProcess, store: RunStore, run_id: int) -> None:
    values = {"loss": 0.5, "accuracy": 0.9, "iou": 0.7, "dice": 0.8}
    store.progress.add_epoch(run_id, 1, values, values)  # as an older version recorded it
    page.goto(f"{app_server.url}/monitor?run={run_id}&x=clock")
    expect(page.get_by_text("was trained before times were recorded; choose the epoch as axis.")).to_be_visible()
    page.get_by_label("Horizontal axis").select_option("Epoch")
    is_drawn(page, f"{run_id} val iou", x=[1], y=[0.7])


def test_what_differs_between_two_runs_is_listed(page: Page, app_server: AppProcess, store: RunStore, run_id: int) -> None:
    other = store.queue.add("other", Config.of("report", epochs=3, seed=7), "sample", foreground=True).id
    page.goto(f"{app_server.url}/monitor?run={run_id}&run={other}")
    is_drawn(page, f"{run_id} val iou", x=list(range(1, 13)))
    page.get_by_text("What differs", exact=True).click()
    table = page.get_by_role("region", name="Settings that differ")
    expect(table.get_by_role("rowheader")).to_have_text(["Epochs", "Seed"])
    expect(table.get_by_role("row", name="Seed").get_by_role("cell")).to_have_text(["0", "7"])
    store.queue.stop(other)
