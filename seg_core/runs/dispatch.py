"""Starting the workers of the runs whose turn it is."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from seg_core.runs.processes import Owner, spawn
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore

Command = Callable[[int], Sequence[str]]
"""The command line that works on a run."""

_logger = logging.getLogger(__name__)


def worker_command(run_id: int) -> Sequence[str]:
    """A fresh interpreter, this one's like, that works on a run."""
    return (sys.executable, "-m", "seg_core", "work", str(run_id))


def dispatch(store: RunStore, command: Command = worker_command) -> list[Run]:
    """Mark runs whose process is gone as lost; then start the workers of the next ones in line, as far as there are free slots.

    Any process may call it at any time: a run's worker is started once, and begins only if the run is still its own to claim.

    Returns:
        The runs whose workers were started.
    """
    store.mark_lost()
    started: dict[int, Run] = {}
    while (run := store.next_in_line()) and run.id not in started and store.reserve(run.id):
        _start(store, run, command)
        started[run.id] = run
    return list(started.values())


def _start(store: RunStore, run: Run, command: Command) -> None:
    output = store.folder(run.id) / "worker.log"
    try:
        begin = output.stat().st_size if output.exists() else 0
        process = spawn(command(run.id), output, store.path.parent)
    except OSError as error:
        store.fail_to_start(run.id, os.getpid(), f"Its worker could not be started ({error.strerror}); resume it to try again.")
        return
    store.hand_over(run.id, Owner.of(process.pid))
    threading.Thread(target=_wait, args=(store, run.id, process, begin), name=f"wait-run-{run.id}", daemon=True).start()


def _wait(store: RunStore, run_id: int, process: subprocess.Popen[bytes], begin: int) -> None:
    """Wait for a worker's end, which a dead child needs to be gone; a run that it never began is failed, not tried for ever."""
    status = process.wait()
    if status == 0:
        return
    how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
    try:
        said = _last_line(store.folder(run_id) / "worker.log", begin)
        store.fail_to_start(run_id, process.pid, f"Its worker {how} before it began{': ' + said if said else '.'}")
    except (SQLAlchemyError, OSError):
        _logger.warning("The worker of run %d %s, which could not be written.", run_id, how, exc_info=True)


def _last_line(path: Path, begin: int) -> str:
    if not path.exists():  # the run is deleted
        return ""
    lines = path.read_bytes()[begin:].decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")[:500]
