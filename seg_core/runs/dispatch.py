"""Starting the workers of the runs or jobs that are due."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Protocol

from seg_core.errors import StoreError
from seg_core.runs.claim_protocol import Claims, Item
from seg_core.runs.launcher import Worker
from seg_core.runs.processes import Owner

_logger = logging.getLogger(__name__)


class Store(Protocol[Item]):
    """A store of runs or of jobs."""

    @property
    def claims(self) -> Claims[Item]:
        """Its side of the claim protocol."""
        ...


def dispatch(store: Store[Item]) -> list[Item]:
    """Mark items whose process is gone as lost, then start a worker for each one that is due.

    Any process may call it at any time: each item gets one worker, which begins only if it can still claim the item.

    Returns:
        The items whose workers were started.
    """
    claims = store.claims
    claims.mark_lost()
    started: dict[int, Item] = {}
    tried: set[int] = set()
    while (item := claims.next_due()) and item.id not in tried and claims.reserve(item.id):
        tried.add(item.id)
        if _start(claims, item.id):
            started[item.id] = item
    return list(started.values())


def _start(claims: Claims[Item], id: int) -> bool:
    output = claims.output(id)
    try:
        begin = output.stat().st_size if output.exists() else 0
        worker = claims.launcher.start((claims.command, str(id)), claims.home, output)
    except OSError as error:
        claims.fail_start(id, Owner.of(), f"Its worker could not be started ({error.strerror}); {claims.try_again}.")
        return False
    claims.hand_over(id, worker.owner)
    name = f"wait-{claims.command}-{id}"
    threading.Thread(target=_wait, args=(claims, id, worker, output, begin), name=name, daemon=True).start()
    return True


def _wait(claims: Claims[Item], id: int, worker: Worker, output: Path, begin: int) -> None:
    """Wait for a worker, as a dead child stays a zombie until then; an item it never claimed fails instead of being retried."""
    failure = worker.wait()
    if not failure:
        return
    try:
        said = _last_line(output, begin)
        claims.fail_start(id, worker.owner, f"Its worker {failure} before it began{': ' + said if said else '.'}")
    except (StoreError, OSError) as error:
        _logger.warning("The worker of %s %d %s, which could not be recorded. %s", claims.command, id, failure, error)


def _last_line(path: Path, begin: int) -> str:
    if not path.exists():  # the run is deleted
        return ""
    lines = path.read_bytes()[begin:].decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")[:500]
