"""How much open Monitor tabs slow a training down.

    python -m benchmarks.open_tabs [--data DATA] [--tabs 10] [--rounds 4] [--epochs 8] [--all-visible]

Starts the real app and a training, by default of the sample photographs, and times its epochs by turns with no tab open and
with all of them: tabs of one window, of which one is in front and the others are hidden, or with `--all-visible` each in a
window of its own.
The browser runs on the same cores, and draws without a GPU. Prints rows of docs/performance.md, in Markdown. The machine should
have nothing else to do.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from playwright.sync_api import Browser, sync_playwright

from benchmarks.measuring import head, row
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess
from tests.find_chromium import FLAGS, find_chromium
from tests.helpers import wait_until


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="sample", help="photographs to train on: longer epochs redraw the charts less often")
    parser.add_argument("--epochs", type=int, default=8, metavar="N", help="of a turn; tabs open and close before them")
    parser.add_argument("--tabs", type=int, default=10, metavar="N")
    parser.add_argument("--rounds", type=int, default=4, metavar="N")
    parser.add_argument("--all-visible", action="store_true", help="open each tab in a window of its own")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        app = AppProcess(Path(home), OMP_NUM_THREADS=str(psutil.cpu_count(logical=False)))
        store = RunStore(Path(home, "lesionlab.db"))
        train = ["--data", options.data, "--epochs", "1000", "--image-size", "128"]
        environment = os.environ | {"LESIONLAB_HOME": home}
        training = subprocess.Popen(
            [sys.executable, "-m", "seg_core", "train", *train], env=environment, stderr=subprocess.DEVNULL
        )
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        try:
            wait_until(lambda: any(run.epochs_done >= 1 for run in store.list_runs()), timeout=600, what="the first epoch")
            _compare(store, browser, app, options)
        finally:
            training.terminate()
            training.wait()
            browser.close()
            app.stop()


def _compare(store: RunStore, browser: Browser, app: AppProcess, options: argparse.Namespace) -> None:
    without, with_tabs, slower, of_a_core = [], [], [], []
    for _ in range(options.rounds):
        without.append(_epoch(store, options.epochs))
        pages = [browser.new_page(viewport={"width": 1280, "height": 900}) for _ in range(options.tabs)]
        for number, page in enumerate(pages):
            page.goto(f"{app.url}/monitor")
            page.locator(".live-charts .main-svg").first.wait_for(timeout=120_000)
            if number and not options.all_visible:
                page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true, configurable: true })")
        before, started = _seconds(app), time.perf_counter()
        with_tabs.append(_epoch(store, options.epochs))
        of_a_core.append(100 * (_seconds(app) - before) / (time.perf_counter() - started))
        for page in pages:
            page.close()
        slower.append(100 * (with_tabs[-1] / without[-1] - 1))
    what = f"{options.tabs} {'windows of Monitor' if options.all_visible else 'tabs of Monitor, one in front,'}"
    head()
    row("an epoch with no tab open, s", without)
    row(f"an epoch with {what} open, s", with_tabs)
    row("slower, %", slower)
    row(f"the app with {what} open, % of a core", of_a_core)


def _epoch(store: RunStore, epochs: int) -> float:
    """Return the median seconds of the next epochs."""
    run = store.list_runs()[0]
    first = store.get_run(run.id).epochs_done + 2
    wait_until(lambda: store.get_run(run.id).epochs_done >= first + epochs - 1, timeout=600, what="the epochs")
    points = store.history.metrics(run.id)
    seconds = [point.value for point in points if point.name == "seconds" and first <= point.epoch < first + epochs]
    return statistics.median(seconds)


def _seconds(app: AppProcess) -> float:
    times = psutil.Process(app.process.pid).cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    main()
