"""Runs of three epochs for the tests of workers, and ways to intervene in them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from seg_core.config import Config
from seg_core.runs.store import RunStore
from tests.fake_worker import METRICS
from tests.helpers import wait_until

CONFIG = Config.of("report", epochs=3)
VALUES = dict.fromkeys(METRICS, 0.5)


def add(store: RunStore, name: str = "") -> int:
    return store.queue.add(name, CONFIG, "sample").id


def log(store: RunStore, run_id: int) -> list[str]:
    return [line.text for line in store.history.log_tail(run_id)]


def failing(error: BaseException) -> Callable[..., Any]:
    def train(*_: object) -> None:
        raise error

    return train


def when_said(store: RunStore, line: str, act: Callable[[int], object]) -> threading.Thread:
    """Act in a thread as soon as the log of run 1 has a line that begins with ``line``."""

    def wait_and_act() -> None:
        wait_until(lambda: any(text.startswith(line) for text in log(store, 1)), what=line)
        act(1)

    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread
