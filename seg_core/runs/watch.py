"""A thread beside a training that gives signs of life, listens for requests to stop, and has alerts sent."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from seg_core.errors import InputError, StoreError
from seg_core.runs.alerts.sender import Sender
from seg_core.runs.processes import Signals
from seg_core.runs.store import RunStore

HEARTBEAT_SECONDS = 5.0
LOOK_SECONDS = 0.25
"""Seconds between two looks for a request to stop: far shorter than anyone waits, far longer than the query takes."""

_logger = logging.getLogger(__name__)


class Watch:
    """Inside its ``with`` block, a thread keeps a run's heartbeat going and looks for requests to stop it."""

    def __init__(self, store: RunStore, run_id: int, signals: Signals, say: Callable[[str], None]) -> None:
        self._store, self._run_id, self._signals, self._say = store, run_id, signals, say
        self._sender = Sender(store.alerts)
        self._stop_requested = False
        self._signal_recorded = False
        self._last_beat = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"watch-run-{run_id}", daemon=True)

    def should_stop(self) -> bool:
        """Return True if the run should stop; costs nothing."""
        return self._stop_requested or self._signals.came

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            try:
                self._look()
            except StoreError as error:
                _logger.warning("The run database did not answer; trying again. %s", error)

    def _look(self) -> None:
        if self._signals.came and not self._signal_recorded:
            self._signal_recorded = True
            self._record_signal()
        self._stop_requested = self._store.progress.should_stop(self._run_id)
        if time.monotonic() - self._last_beat >= HEARTBEAT_SECONDS:
            self._store.progress.update(self._run_id)
            self._sender.look()  # the run may have passed a target
            self._last_beat = time.monotonic()

    def _record_signal(self) -> None:
        self._say("Stopping after this batch; the model is kept. Press Ctrl-C again to leave at once.")
        try:
            self._store.queue.stop(self._run_id)
        except InputError as error:  # ended or deleted by someone else meanwhile
            self._say(str(error))
