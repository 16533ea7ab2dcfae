"""Tools of the benchmarks: a table in Markdown, a clock, and the time and memory of a process."""

from __future__ import annotations

import re
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import psutil

from seg_core.runs.store import RunStore

if TYPE_CHECKING:
    from playwright.sync_api import Page

T = TypeVar("T")

DRAWN = """Math.max(0, ...(document.querySelector(".live-charts")?.data ?? [])
  .filter((one) => one.uid?.endsWith("val iou")).flatMap((one) => Array.from(one.x)))"""
"""JavaScript: the last epoch that the charts show."""
WATCH = f"""() => {{
  const drawn = () => {DRAWN};
  const seen = (window.secondsWhenDrawn = {{}});
  let last = drawn();
  const look = () => {{
    const now = drawn();
    while (last < now) seen[++last] = Date.now() / 1000;
    requestAnimationFrame(look);
  }};
  look();
}}"""
"""JavaScript: from now on, record before every frame when an epoch is first drawn, by the clock that Python reads too."""
SEEN = "count => Object.keys(window.secondsWhenDrawn).length >= count && window.secondsWhenDrawn"
"""JavaScript: the times that `WATCH` recorded, once there are ``count`` of them."""


def head() -> None:
    """Print the head of the table, in Markdown."""
    print("| what | median | lowest | highest | n |\n| --- | --- | --- | --- | --- |", flush=True)


def row(name: str, values: list[float]) -> None:
    """Print a row: median, lowest, highest and number of the values."""
    middle = statistics.median(values)
    print(f"| {name} | {middle:.2f} | {min(values):.2f} | {max(values):.2f} | {len(values)} |", flush=True)


def timed(action: Callable[[], object]) -> float:
    """Return the seconds that an action takes."""
    return timed_result(action)[0]


def timed_result(action: Callable[[], T]) -> tuple[float, T]:
    """Return the seconds that an action takes, and its result."""
    started = time.perf_counter()
    result = action()
    return time.perf_counter() - started, result


def peak_memory(of: int = resource.RUSAGE_SELF) -> float:
    """Return the peak resident memory in MB of this process or, with RUSAGE_CHILDREN, of its largest child so far."""
    return resource.getrusage(of).ru_maxrss * (1024 if sys.platform == "linux" else 1) / 1e6


def memory(pid: int) -> float:
    """Return the resident memory of a process, in MB."""
    return float(psutil.Process(pid).memory_info().rss) / 1e6


def processor_seconds(pid: int) -> float:
    """Return the CPU seconds that a process has used, without its children."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def share_of_a_core(pid: int, seconds: float) -> float:
    """Return the percentage of one core that a process uses over the next ``seconds``."""
    before, started = processor_seconds(pid), time.perf_counter()
    time.sleep(seconds)
    return 100 * (processor_seconds(pid) - before) / (time.perf_counter() - started)


def seconds_until_drawn(page: Page, store: RunStore, run_id: int, epochs: int) -> list[float]:
    """Return, for each epoch, the seconds from its line in the log, written with its metrics, until the charts show it."""
    page.evaluate(WATCH)
    while not (seen := page.evaluate(SEEN, epochs)):
        page.wait_for_timeout(1000)
    lines = store.history.log_tail(run_id, 1000)
    ended = {found[1]: line.time for line in lines if (found := re.match(r"Epoch (\d+) of", line.text))}
    return [drawn - ended[epoch] for epoch, drawn in seen.items()]
