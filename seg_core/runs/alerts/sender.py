"""The process that sends alerts: one of its own, so that nothing an address does reaches a training, the queue or a page."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from seg_core.common.home import PROJECT
from seg_core.errors import StoreError
from seg_core.runs.alerts import addresses, channels
from seg_core.runs.alerts.channels import Result
from seg_core.runs.alerts.message import ADDRESS_OF_APP, Alert
from seg_core.runs.alerts.outbox import WAITS, RunAlerts
from seg_core.runs.launcher import DETACHED, OUTPUT

LIMIT_SECONDS = 15.0
"""An address that has not answered by then counts as one that failed, whatever it still sends."""
LATE_SECONDS = 3.0
"""A process that sends is at work if nothing has been due for longer."""
SPARE_SECONDS = 60.0

_logger = logging.getLogger(__name__)


def send_pending(alerts: RunAlerts, waits: Sequence[float] = WAITS, limit: float = LIMIT_SECONDS) -> None:
    """Send what is to be sent, and try again what failed, until nothing is left to do.

    Args:
        alerts: the outbox.
        waits: seconds before each further try.
        limit: seconds for one try.
    """
    while (due := alerts.next_due()) is not None:
        if due == 0:
            alerts.settle()
            continue
        if (wait := due - time.time()) > 0:
            time.sleep(min(wait, 1.0))  # meanwhile something else may happen
            continue
        urls = {address.key: address.url for address in alerts.addresses()}
        claimed = alerts.claim()
        results = send_all([(urls.get(delivery.address), delivery.alert) for delivery in claimed], limit)
        for delivery, result in zip(claimed, results, strict=True):
            alerts.note(delivery, result.why, again=result.again, waits=waits)


def send_all(messages: Sequence[tuple[str | None, Alert]], limit: float = LIMIT_SECONDS) -> list[Result]:
    """Send alerts to addresses, all at once, and return how each went.

    Args:
        messages: addresses and what they are told; None for an address that is no longer set.
        limit: seconds after which it returns, whatever is still on its way.
    """
    app = os.environ.get(ADDRESS_OF_APP, "")
    silent, removed = Result(f"it gave no answer for {limit:g} s"), Result("it is no longer set", again=False)
    results = [silent if url else removed for url, _ in messages]

    def send(place: int, url: str, alert: Alert) -> None:
        results[place] = channels.send(url, alert, app)

    threads = [
        threading.Thread(target=send, args=(place, url, alert), name=f"alert-{place}", daemon=True)
        for place, (url, alert) in enumerate(messages)
        if url
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + limit
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return list(results)


class Sender:
    """Starts the process that sends, where one is needed. Cheap to ask; it never waits and never raises."""

    def __init__(self, alerts: RunAlerts) -> None:
        self._alerts = alerts
        self._process: subprocess.Popen[bytes] | None = None
        self._has_failed = False

    def look(self, *, grace: float = 0.0, is_app: bool = False) -> None:
        """Start a process if something is to be sent.

        Args:
            grace: leave what has been due for fewer seconds to others.
            is_app: without an address, let what happened go to nobody. A command or a worker cannot tell, since the app may
                know addresses from its environment.
        """
        try:
            if (self._process is None or self._process.poll() is not None) and self._alerts.is_due(grace):
                if addresses.has_addresses(self._alerts.home):
                    self._start(self._alerts.home)
                elif is_app:
                    self._alerts.settle(SPARE_SECONDS)
        except (StoreError, OSError) as error:
            if not self._has_failed:
                _logger.warning("Alerts cannot be sent (%s).", type(error).__name__)
            self._has_failed = True
        else:
            self._has_failed = False

    def _start(self, home: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if name != OUTPUT}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "seg_core", "alerts", "send"],
            cwd=PROJECT,
            env=environment | {"LESIONLAB_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            creationflags=DETACHED,
        )
        threading.Thread(target=self._process.wait, name="alerts", daemon=True).start()  # else it would stay a zombie
