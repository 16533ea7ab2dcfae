"""Waiting times of a user: start, first epoch, further epochs, page changes while a run trains, and a dropped photograph.

    make bench        (or: python -m benchmarks.responsiveness)

Drives the real app in Chromium with a home folder of its own, and prints a table in Markdown with medians and ranges. The machine
should have nothing else to do.
"""

from __future__ import annotations

import os
import re
import statistics
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import Locator, Page, sync_playwright

from benchmarks.measuring import DRAWN, head, memory, row, seconds_until_drawn, timed
from seg_core.config import VARIANT_LABELS, VARIANTS
from seg_core.data.sample.folder import sample_folder
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess
from tests.find_chromium import FLAGS, find_chromium
from tests.helpers import wait_until

STARTS, EPOCHS, PAGE_CHANGES, DROPS, MOVES = 3, 10, 60, 20, 10

REDRAW = """async (threshold) => {
  const slider = document.querySelector(".compare-view input[type=range]"), level = Math.ceil(threshold * 255);
  const pictures = [...document.querySelectorAll(".mask-group figure:not(:first-child) canvas")];
  const started = performance.now();
  slider.value = threshold;
  slider.dispatchEvent(new Event("input"));
  while (!pictures.every((one) => one.dataset.drawn.endsWith(` ${level}`))) await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return (performance.now() - started) / 1000;
}"""
"""Move the threshold of the Compare page; return the seconds until the frame in which every mask is redrawn."""

CHANGE = """async ([title, last]) => {
  const link = [...document.querySelectorAll("a")].find((one) => one.textContent.endsWith(title));
  const started = performance.now();
  link.click();
  while (document.querySelector("h1")?.textContent !== title || !document.querySelector(last)?.checkVisibility()) {
    await new Promise(requestAnimationFrame);
  }
  return (performance.now() - started) / 1000;
}"""
"""Open a page; return the seconds until the frame in which its title and the last part of it are visible."""

DROPPED = """() => {
  const sources = () => [1, 2].map((side) => document.querySelector(`#picture-${side} img`)?.src);
  const isDone = (side) => document.querySelector(`#measures-${side}`).innerText.includes("area")
    && document.querySelector(`#picture-${side} img`).complete;
  const before = sources();
  window.taken = new Promise((tell) => document.addEventListener("change", async () => {
    const started = performance.now();
    while (sources().some((source, place) => !source || source === before[place]) || ![1, 2].every(isDone)) {
      await new Promise(requestAnimationFrame);
    }
    tell((performance.now() - started) / 1000);
  }, { capture: true, once: true }));
}"""
"""Watch the widget: ``window.taken`` tells the seconds from the next photograph until the frame in which both masks are loaded.

While they are computed, the bare photograph stands in their place.
"""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        os.environ["LESIONLAB_HOME"] = folder
        head()
        row("restart until the app answers, s", [_start_and_stop(Path(folder)) for _ in range(STARTS)])
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        app = AppProcess(Path(folder), OMP_NUM_THREADS=str(psutil.cpu_count(logical=False)))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        try:
            row("memory of the web process before the first prediction, MB", [memory(app.process.pid)])
            row("Launch clicked until the first epoch is drawn (sample, 128 px), s", [_first_epoch(page, app)])
            store = RunStore()
            row("epoch ended until its point is drawn, s", seconds_until_drawn(page, store, store.list_runs()[0].id, EPOCHS))
            store.close()
            changes = [_page_change(page, turn) for turn in range(PAGE_CHANGES)]
            row("page change while a run trains, s", changes)
            row("95 of 100 page changes take at most, s", [statistics.quantiles(changes, n=20)[-1]])
            _stop(page, app)
            row("threshold moved until 24 masks are redrawn (Compare), s", _redraws(page, app))
            row("photograph dropped until both masks show, once warm, s", _drops(page, app))
        finally:
            app.stop()
            browser.close()


def _start_and_stop(home: Path) -> float:
    started = time.perf_counter()
    app = AppProcess(home)
    seconds = time.perf_counter() - started
    app.stop()
    return seconds


def _first_epoch(page: Page, app: AppProcess) -> float:
    page.goto(f"{app.url}/train")
    page.get_by_text("Every photograph has its mask").wait_for(timeout=120_000)
    page.get_by_text("Advanced settings").click()
    epochs = page.get_by_role("spinbutton", name="Epochs")
    epochs.fill("1000")  # more than all that is measured can take
    epochs.press("Enter")
    page.get_by_text("epochs 1000").first.wait_for()
    launch = page.get_by_role("button", name="Launch")

    def until_drawn() -> None:
        launch.click()
        wait_until(lambda: page.evaluate(DRAWN), timeout=300)

    return timed(until_drawn)


def _page_change(page: Page, turn: int) -> float:
    title, last = (("Train", "button[kind=primary]"), ("Monitor", ".live-charts .main-svg"))[turn % 2]
    seconds: float = page.evaluate(CHANGE, [title, last])
    return seconds


def _stop(page: Page, app: AppProcess) -> None:
    page.goto(f"{app.url}/monitor")
    page.get_by_test_id("stMain").get_by_role("button", name=re.compile("Stop$")).click()
    page.get_by_role("button", name="Resume", exact=True).wait_for(timeout=60_000)


def _redraws(page: Page, app: AppProcess) -> list[float]:
    models = "&".join(f"model={variant}-report" for variant in VARIANTS)
    page.goto(f"{app.url}/compare?{models}")
    page.get_by_role("button", name="Evaluate").click(timeout=60_000)
    scores = page.get_by_role("region", name="Mean scores of each model")
    for label in VARIANT_LABELS.values():
        scores.get_by_role("row", name=label).wait_for(timeout=300_000)
    pictures = page.locator(".mask-group canvas[data-drawn]")
    wait_until(lambda: pictures.count() == 32, what="eight photographs, each with its truth and three masks")
    seconds = []
    for move in range(MOVES):
        threshold = 0.2 + 0.06 * move
        seconds.append(page.evaluate(REDRAW, round(threshold, 2)))
        page.get_by_text(f"at threshold {threshold:.2f}").wait_for()  # until the scores are those of this threshold too
    return seconds


def _drops(page: Page, app: AppProcess) -> list[float]:
    """Return the times of all drops but the first, which loads the models."""
    page.goto(f"{app.url}/predict")
    widget = page.frame_locator("iframe")
    widget.locator("#photographs [aria-dropeffect]").first.wait_for(timeout=60_000)
    upload = widget.locator("#photographs input[type=file]")
    wait_until(lambda: widget.locator("#model-1 input").input_value(), what="the widget knows the models")
    photos = sorted((sample_folder() / "test" / "images").glob("*.jpg"))[: DROPS + 1]
    return [_drop(page, photo, upload) for photo in photos][1:]


def _drop(page: Page, photo: Path, upload: Locator) -> float:
    frame = next(frame for frame in page.frames if "/predictor/" in frame.url)
    frame.evaluate(DROPPED)
    upload.set_input_files(photo)
    seconds: float = frame.evaluate("window.taken")
    page.wait_for_timeout(500)  # what the page still does for this one is not the next one's
    return seconds


if __name__ == "__main__":
    main()
