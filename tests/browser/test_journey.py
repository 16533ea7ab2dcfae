"""A user's journey: launch, watch, stop, resume, and drop a photograph, in the real app with real workers."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, cast
from urllib.request import urlopen

import pytest
from playwright.sync_api import FrameLocator, Locator, Page, Route, expect

from tests.app_process import AppProcess
from tests.helpers import go_to, lesion, make_dataset, wait_until

pytestmark = pytest.mark.browser

SLOW = 60_000  # milliseconds that training and loading torch may take on a busy machine


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    app = AppProcess(tmp_path_factory.mktemp("journey-home"))
    yield app
    errors = app.stop()
    assert "Traceback" not in errors, errors


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("data") / "tiny", train=20, test=4)


def get(app: AppProcess, path: str) -> Any:
    with urlopen(app.url + path, timeout=20) as answer:
        return json.load(answer)


def plotted(page: Page, run_id: int, split: str, metric: str) -> dict[str, list[float]]:
    """Return the points of one curve, as the charts hold them."""
    script = """([uid]) => {
      const trace = (document.querySelector(".live-charts")?.data ?? []).find((one) => one.uid === uid);
      return trace ? { x: Array.from(trace.x), y: Array.from(trace.y) } : { x: [], y: [] };
    }"""
    return cast("dict[str, list[float]]", page.evaluate(script, [f"{run_id} {split} {metric}"]))


def row(page: Page, run_id: int) -> Locator:
    return page.locator(".run-row", has_text=f"#{run_id} ")


def press(page: Page, name: str) -> None:
    """Press one of a run's buttons; Streamlit shows a Stop of its own while a page is drawn."""
    page.get_by_test_id("stMain").get_by_role("button", name=re.compile(f"{name}$")).click()


def launch(page: Page, app: AppProcess, data: Path, variant: str, epochs: int) -> None:
    page.goto(f"{app.url}/train")
    page.get_by_text("My folders").click()
    folders = page.get_by_role("textbox", name="Folders")
    folders.fill(f"'{data}'")
    folders.press("Control+Enter")
    expect(page.get_by_text("Every photograph has its mask")).to_be_visible(timeout=SLOW)
    page.get_by_text(variant, exact=True).click()
    page.get_by_text("Advanced settings").click()
    for label, value in (("Image size", 64), ("Batch size", 5), ("Epochs", epochs)):
        field = page.get_by_role("spinbutton", name=label)
        field.fill(str(value))
        field.press("Enter")
        expect(page.get_by_text(f"{label.lower()} {value}").first).to_be_visible()
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_role("heading", name="Monitor")).to_be_visible(timeout=SLOW)


def test_a_user_trains_two_models_and_compares_their_masks(page: Page, app: AppProcess, data: Path, tmp_path: Path) -> None:
    launch(page, app, data, "Model 1 · trainable decoder", epochs=60)
    expect(row(page, 1).locator(".run-status")).to_have_text("running", timeout=SLOW)
    launch(page, app, data, "Model 2 · fine-tuned", epochs=3)
    expect(row(page, 2).locator(".run-status")).to_have_text("queued")

    page.goto(f"{app.url}/monitor?run=1&run=2")
    seen = wait_until(lambda: len(plotted(page, 1, "val", "iou")["x"]), what="a first point")
    wait_until(lambda: len(plotted(page, 1, "val", "iou")["x"]) > seen, what="the curve grows while it trains")

    press(page, "Stop")
    expect(row(page, 1).locator(".run-status")).to_have_text("stopped", timeout=SLOW)
    stopped_after = get(app, "/api/runs/1")["epochs_done"]
    assert 0 < stopped_after < 60

    press(page, "Resume")
    expect(row(page, 1).locator(".run-status")).to_have_text(re.compile("queued|running"))
    expect(row(page, 2).locator(".run-status")).to_have_text("finished", timeout=SLOW)
    wait_until(lambda: len(plotted(page, 1, "val", "iou")["x"]) > stopped_after, what="it goes on where it was")
    press(page, "Stop")
    expect(row(page, 1).locator(".run-status")).to_have_text("stopped", timeout=SLOW)

    for run_id in (1, 2):
        points = get(app, f"/api/runs/{run_id}/metrics")["points"]
        for split, metric in product(("train", "val"), ("loss", "accuracy", "iou", "dice")):
            told = {point["epoch"]: point["value"] for point in points if (point["split"], point["name"]) == (split, metric)}
            assert list(told) == list(range(1, len(told) + 1))
            wait_until(lambda told=told, curve=(run_id, split, metric): len(plotted(page, *curve)["x"]) == len(told))  # type: ignore[misc]
            shown = plotted(page, run_id, split, metric)
            assert dict(zip(shown["x"], shown["y"], strict=True)) == told

    timeline = page.locator(".mask-group canvas")  # four photographs with their truth, and the masks of both runs
    expect(timeline).to_have_count(12)
    wait_until(lambda: timeline.evaluate_all("(all) => all.every((one) => one.width === 64 && one.ariaLabel)"))

    go_to(page, "Predict")
    widget = page.frame_locator("iframe")
    drop(page, tmp_path)
    for side in ("1", "2"):
        expect(widget.locator(f"#measures-{side}")).to_contain_text("esion area", timeout=SLOW)
        expect(widget.locator(f"#picture-{side} img")).to_be_visible()
    expect(widget.locator("#agreement")).to_contain_text("IoU")

    model = widget.locator("#model-1 input")
    for _ in range(2):  # what Escape has closed opens again
        model.click()
        expect(widget.get_by_role("option").first).to_be_visible()
        model.press("Escape")
        expect(widget.get_by_role("option")).to_have_count(0)
    before = drawn_by(widget)
    widget.locator("#threshold-1 input[type=range]").press("ArrowRight")
    wait_until(lambda: drawn_by(widget)[0] != before[0], what="the mask is redrawn at the new threshold")
    before = drawn_by(widget)
    widget.locator("#outline input").uncheck()
    wait_until(lambda: all(now != then for now, then in zip(drawn_by(widget), before, strict=True)), what="both without outline")


def drawn_by(widget: FrameLocator) -> list[str]:
    """Return the addresses of the widget's two pictures, once the browser has loaded them."""
    pictures = widget.locator("#picture-1 img, #picture-2 img")
    expect(pictures).to_have_count(2)
    wait_until(lambda: pictures.evaluate_all("(all) => all.every((one) => one.naturalWidth > 0)"), what="pictures that are there")
    sources: list[str] = pictures.evaluate_all("(all) => all.map((one) => one.src)")
    return sources


def test_a_photograph_dropped_before_the_page_knows_the_models_gets_its_masks(
    page: Page, app: AppProcess, tmp_path: Path
) -> None:
    questions: list[Route] = []  # which models there are, and whatever else the page asks without queueing
    page.route("**/gradio_api/run/**", lambda route: questions.append(route))
    page.goto(f"{app.url}/predict")
    widget = page.frame_locator("iframe")
    drop(page, tmp_path)
    for side in ("1", "2"):
        expect(widget.locator(f"#measures-{side}")).to_contain_text("esion area", timeout=SLOW)
        expect(widget.locator(f"#model-{side} input")).to_have_value("")
    assert questions

    for question in questions:
        question.continue_()
    page.unroute("**/gradio_api/run/**")
    for side in ("1", "2"):
        expect(widget.locator(f"#model-{side} input")).to_have_value(re.compile("Model"))
        expect(widget.locator(f"#measures-{side}")).to_contain_text("esion area")


def drop(page: Page, folder: Path) -> None:
    """Drop a photograph onto the widget, as the mouse does."""
    from PIL import Image

    pixels, _ = lesion((96, 64), seed=5)
    file = folder / "lesion.jpg"
    Image.fromarray(pixels).save(file)
    target = page.frame_locator("iframe").locator("#photographs [aria-dropeffect]").first
    target.wait_for(timeout=SLOW)
    transfer = target.evaluate_handle(
        """(element, bytes) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], "lesion.jpg", { type: "image/jpeg" }));
          return transfer;
        }""",
        list(file.read_bytes()),
    )
    for event in ("dragenter", "dragover", "drop"):
        target.dispatch_event(event, {"dataTransfer": transfer})


@pytest.mark.slow
def test_a_killed_worker_is_shown_as_lost_resumes_and_is_deleted(
    page: Page, app: AppProcess, data: Path, problems: list[str]
) -> None:
    launch(page, app, data, "Model 1 · trainable decoder", epochs=200)
    run_id = get(app, "/api/runs")["runs"][0]["id"]
    wait_until(lambda: get(app, f"/api/runs/{run_id}")["epochs_done"], what="a first epoch")

    os.kill(get(app, f"/api/runs/{run_id}")["pid"], signal.SIGKILL)
    expect(row(page, run_id).locator(".run-status")).to_have_text("lost", timeout=30_000)
    expect(page.get_by_text("Its process ended unexpectedly").first).to_be_visible()
    expect(page.locator(".run-log")).to_contain_text("Epoch 1 of 200")

    epochs_done = get(app, f"/api/runs/{run_id}")["epochs_done"]
    press(page, "Resume")
    wait_until(lambda: get(app, f"/api/runs/{run_id}")["epochs_done"] > epochs_done, what="it goes on")
    press(page, "Stop")
    expect(row(page, run_id).locator(".run-status")).to_have_text("stopped", timeout=SLOW)

    expect(page.get_by_test_id("stMain").get_by_role("button", name=re.compile("Resume$"))).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    press(page, "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("MB freed")).to_be_visible()
    expect(row(page, run_id)).to_have_count(0)
    assert not (app.home / f"{run_id:04d}").exists()
    # Until the page is redrawn, the charts may ask once more for the run that is gone.
    problems[:] = [each for each in problems if f"/api/runs/{run_id}/" not in each]


def test_a_reload_and_a_second_browser_show_the_same(page: Page, app: AppProcess, data: Path) -> None:
    if not get(app, "/api/runs")["runs"]:
        launch(page, app, data, "Model 1 · trainable decoder", epochs=1)
    expected = get(app, "/api/runs")["runs"][0]

    for _ in range(2):
        page.goto(f"{app.url}/monitor?run={expected['id']}")
        expect(row(page, expected["id"])).to_have_attribute("aria-pressed", "true", timeout=SLOW)
        expect(row(page, expected["id"]).locator(".run-title")).to_contain_text(expected["variant_label"])


def test_a_link_to_a_run_that_is_gone_says_so(page: Page, app: AppProcess, data: Path) -> None:
    if not get(app, "/api/runs")["runs"]:
        launch(page, app, data, "Model 1 · trainable decoder", epochs=1)
    page.goto(f"{app.url}/monitor?run=999")

    expect(page.get_by_text("There is no run 999")).to_be_visible(timeout=SLOW)


def test_a_folder_that_is_none_gets_one_sentence(page: Page, app: AppProcess) -> None:
    page.goto(f"{app.url}/train")
    page.get_by_text("My folders").click()
    folders = page.get_by_role("textbox", name="Folders")
    folders.fill("/nowhere/at/all")
    folders.press("Control+Enter")

    expect(page.get_by_text("There is no folder /nowhere/at/all; check the path.")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("button", name="Launch")).to_be_disabled()
