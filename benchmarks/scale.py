"""The app with 500 runs of 200 epochs and a run of a million batches: load times, cost of polling, growth of memory.

    python -m benchmarks.scale

Writes these runs into a temporary home folder, drives the real app in Chromium, and prints a table in Markdown. Takes about
eight minutes on a machine that does nothing else.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from benchmarks.many_runs import fill
from benchmarks.measuring import head, memory, processor_seconds, row, seconds_until_drawn, share_of_a_core, timed
from seg_core.config import Config
from seg_core.prediction.catalogue import available_checkpoints
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess
from tests.find_chromium import FLAGS, find_chromium
from tests.helpers import wait_in_page, wait_until

RUNS, OPENINGS, POLLS, EPOCHS, IDLE_SECONDS, OPEN_SECONDS, FAST_POLLS = 500, 7, 100, 20, 20, 60, 5000
COMPLETE = f"""() => document.querySelectorAll(".run-item").length >= {RUNS}
  && (document.querySelector(".live-charts")?.data ?? []).some((one) => one.uid?.endsWith("val iou") && one.x.length >= 200)
  && document.querySelector(".live-charts .main-svg")"""
"""True once the Monitor page shows all runs and the curves of the selected one."""
FASTER = """const real = window.setTimeout;
window.setTimeout = (run, after, ...rest) => real(run, after === 500 ? 5 : after, ...rest);"""
"""Makes the live parts poll a hundred times as often."""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        home = Path(folder)
        os.environ["LESIONLAB_HOME"] = folder
        fill(home, RUNS)
        head()
        row("start until the app answers, s", [_seconds_to_start(home) for _ in range(3)])
        row(f"checkpoints of {RUNS} runs listed, first time in a process, s", [timed(available_checkpoints)])
        row(f"checkpoints of {RUNS} runs listed again, ms", [1000 * timed(available_checkpoints) for _ in range(10)])
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        try:
            _app(home, lambda app: _visitors(browser, app))
            # In a second app: the requests of the visitors still take memory in the first.
            _app(home, lambda app: _training(browser, app))
        finally:
            browser.close()


def _app(home: Path, measure: Callable[[AppProcess], None]) -> None:
    app = AppProcess(home, OMP_NUM_THREADS="1")
    try:
        measure(app)
    finally:
        app.stop()


def _seconds_to_start(home: Path) -> float:
    started = time.perf_counter()
    answered: list[float] = []
    _app(home, lambda app: answered.append(time.perf_counter() - started))
    return answered[0]


def _visitors(browser: Browser, app: AppProcess) -> None:
    row("memory of the web process at the start, MB", [memory(app.process.pid)])
    row("the app with no page open, % of a core", [share_of_a_core(app.process.pid, IDLE_SECONDS)])
    _pages(browser, app)
    _polls(app)


def _new_page(browser: Browser, script: str = "") -> Page:
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(120_000)
    if script:
        page.add_init_script(script)
    return page


def _pages(browser: Browser, app: AppProcess) -> None:
    page = _new_page(browser)

    def monitor() -> None:
        page.goto(f"{app.url}/monitor?run={RUNS}")
        wait_in_page(page, COMPLETE)

    row("Monitor, first visit of a new browser, s", [timed(monitor)])
    row("Monitor loaded until list and charts are drawn, s", [timed(monitor) for _ in range(OPENINGS)])

    def by_click() -> float:
        page.get_by_role("link", name="Data", exact=True).click()
        page.get_by_role("heading", name="Data", exact=True).wait_for()
        link = page.get_by_role("link", name="Monitor")

        def click() -> None:
            link.click()
            wait_in_page(page, COMPLETE)

        return timed(click)

    row("Monitor clicked until list and charts are drawn, s", [by_click() for _ in range(OPENINGS)])

    def loaded(address: str, done: Callable[[], object]) -> float:
        return timed(lambda: (page.goto(app.url + address), done()))

    compare = page.get_by_role("button", name="Evaluate")
    charts = page.locator(".live-charts .main-svg").first
    choice = page.frame_locator("iframe").locator("#model-1 input")
    predictable: Callable[[], object] = lambda: wait_until(lambda: choice.count() and choice.input_value())  # noqa: E731
    row("Compare loaded, s", [loaded("/compare", compare.wait_for) for _ in range(OPENINGS)])
    row("Report loaded, s", [loaded("/report", charts.wait_for) for _ in range(OPENINGS)])
    row("Predict loaded until the models can be chosen, s", [loaded("/predict", predictable) for _ in range(OPENINGS)])
    row("an open Predict tab, % of a core", [share_of_a_core(app.process.pid, IDLE_SECONDS)])
    page.context.close()


def _polls(app: AppProcess) -> None:
    """Measure the requests of the live parts, over one connection as browsers do."""
    with httpx.Client(base_url=app.url) as client:
        stamp = client.get("/api/runs").json()["stamp"]
        last = client.get(f"/api/runs/{RUNS}/metrics").json()["last"]
        million = f"/api/runs/{RUNS}/batches?points=2000"
        for name, path, count in (
            ("poll of the runs, nothing new", f"/api/runs?after={stamp}", POLLS),
            ("poll of the runs, one has changed", f"/api/runs?after={stamp - 1}", POLLS),
            ("all runs, as a page asks once", "/api/runs", POLLS // 4),
            ("metrics, nothing new", f"/api/runs/{RUNS}/metrics?after={last}", POLLS),
            ("metrics, one new epoch", f"/api/runs/{RUNS}/metrics?after={last - 8}", POLLS),
            ("metrics, all 200 epochs", f"/api/runs/{RUNS}/metrics", POLLS // 4),
            ("1,000,000 batches in 2,000 points", million, POLLS // 4),
            ("1,000,000 batches, 10 epochs of them", f"{million}&from=100&to=110", POLLS // 4),
        ):
            client.get(path)
            before = processor_seconds(app.process.pid)
            row(f"{name}, ms", [1000 * timed(lambda path=path: client.get(path)) for _ in range(count)])  # type: ignore[misc]
            used = processor_seconds(app.process.pid) - before
            row(f"{name}, processor time, ms", [1000 * used / count])


def _training(browser: Browser, app: AppProcess) -> None:
    """Measure the app while one run trains and a tab shows it: visible, hidden, and over thousands of polls."""
    store = RunStore()
    config = Config.of("best", epochs=1000, image_size=64, batch_size=8, encoder_weights="random")
    run_id = store.queue.add("trains", config, "sample").id
    wait_until(lambda: store.get_run(run_id).epochs_done, timeout=300)
    row("the app while a run trains, no page open, % of a core", [share_of_a_core(app.process.pid, IDLE_SECONDS)])
    page = _new_page(browser)
    page.goto(f"{app.url}/monitor?run={run_id}")
    page.locator(".live-charts .main-svg").first.wait_for()
    row("the app with one open Monitor tab while a run trains, % of a core", [share_of_a_core(app.process.pid, OPEN_SECONDS)])
    row("epoch ended until its point is drawn, s", seconds_until_drawn(page, store, run_id, EPOCHS))
    page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true, configurable: true })")
    row("the app with one hidden Monitor tab, % of a core", [share_of_a_core(app.process.pid, IDLE_SECONDS)])
    page.context.close()
    _growth(_new_page(browser, FASTER), app, run_id)
    store.queue.stop(run_id)
    wait_until(lambda: not store.queue.running())
    store.close()


def _growth(page: Page, app: AppProcess, run_id: int) -> None:
    """Measure the memory of a page and of the app after 1,000 polls, when caches are warm, and after thousands more."""
    polls = 0

    def count(url: str) -> None:
        nonlocal polls
        polls += "/api/runs?after=" in url

    page.on("request", lambda request: count(request.url))
    page.goto(f"{app.url}/monitor?run={run_id}&run={RUNS}")
    wait_in_page(page, COMPLETE)
    page.get_by_label("Training loss of every batch").check()
    store = RunStore()
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")
    before: dict[str, float] = {}
    for until in (1000, FAST_POLLS):
        while polls < until:
            page.wait_for_timeout(500)
        epochs = float(store.get_run(run_id).epochs_done)
        held = _held(devtools) | {"memory of the web process, MB": memory(app.process.pid), "epochs in the charts": epochs}
        for what, amount in held.items():
            since = f" ({amount - before[what]:+.1f} since poll 1,000)" if before else ""
            row(f"after {until:,} polls: {what}{since}", [amount])
        before = held
    store.close()
    page.context.close()


def _held(devtools: CDPSession) -> dict[str, float]:
    devtools.send("HeapProfiler.collectGarbage")
    found = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
    return {
        "JavaScript heap, MB": found["JSHeapUsedSize"] / 1e6,
        "nodes of the page": found["Nodes"],
        "listeners of the page": found["JSEventListeners"],
    }


if __name__ == "__main__":
    print(f"{psutil.cpu_count()} cores, load before {os.getloadavg()[0]:.1f}\n")
    main()
