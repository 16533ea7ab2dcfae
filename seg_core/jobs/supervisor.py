"""Keeping the queues of runs and jobs going while the app runs."""

from __future__ import annotations

import logging
import threading
import time

from seg_core.errors import StoreError
from seg_core.jobs.store import JobStore
from seg_core.runs.alerts.sender import LATE_SECONDS as LATE_ALERT_SECONDS
from seg_core.runs.alerts.sender import Sender
from seg_core.runs.dispatch import dispatch
from seg_core.runs.store import RunStore
from seg_core.sweeps.stepping import Stepper
from seg_core.sweeps.store import SweepStore

TICK_SECONDS = 1.0
LATE_SECONDS = 60.0
"""One look may wait half a minute for another writer."""

_logger = logging.getLogger(__name__)


class Supervisor:
    """A thread of the web process that moves sweeps on and dispatches runs and jobs every second."""

    def __init__(self, store: RunStore, every: float = TICK_SECONDS) -> None:
        self._runs, self._every = store, every
        self._jobs = JobStore(store.at, store.launcher)
        self._sender = Sender(store.alerts)
        self._step_sweeps = Stepper(SweepStore(store.at))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._is_failing = False
        self._looked = time.monotonic()

    @property
    def problem(self) -> str:
        """What keeps the queue from going on, in a sentence; empty if nothing does."""
        if not self._thread.is_alive():
            return "The queue stands still, since its thread has ended; restart the app."
        if self._is_failing:
            return "The queue cannot be read or written; the app's log says why."
        late = time.monotonic() - self._looked
        return f"Nobody has looked at the queue for {late:.0f} s; restart the app." if late > LATE_SECONDS else ""

    def start(self) -> None:
        """Start the thread. A supervisor can be started once."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it; workers go on."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def tick(self) -> None:
        """Dispatch, back up, and step sweeps. An error, such as a full disk, is logged once; the next tick tries again."""
        try:
            dispatch(self._runs)
            dispatch(self._jobs)
            self._runs.keep_backup()
            self._sender.look(grace=LATE_ALERT_SECONDS, is_app=True)
            if self._step_sweeps():  # last: the queue goes on whatever a search meets
                dispatch(self._runs)
        except StoreError as error:
            if not self._is_failing:
                _logger.warning("The queue stands still, and is tried again every second. %s", error)
            self._is_failing = True
        except Exception:  # without this thread the queue would stand still until the app restarts
            if not self._is_failing:
                _logger.warning("The queue stands still, and is tried again every second.", exc_info=True)
            self._is_failing = True
        else:
            self._is_failing = False

    def _run(self) -> None:
        self.tick()
        while not self._over.wait(self._every):
            self._looked = time.monotonic()
            self.tick()
