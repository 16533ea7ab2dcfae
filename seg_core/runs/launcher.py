"""Starting workers. `Launcher` is the seam for workers that are not processes of this machine, such as those of a cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from seg_core.common.home import PROJECT
from seg_core.runs.processes import Owner

if sys.platform == "win32":  # where `start_new_session` does nothing
    DETACHED = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
else:
    DETACHED = 0


OUTPUT = "LESIONLAB_OUTPUT"
"""Variable that names the file to which a worker's output is appended; the worker keeps it from growing without end."""


@dataclass(frozen=True)
class Worker:
    """A worker that a launcher has started."""

    owner: Owner
    wait: Callable[[], str]
    """Wait until it ends; returns how it failed, such as ``ended with status 1``, or nothing if it ended well."""


class Launcher(Protocol):
    """Starts the workers of runs and jobs, and knows which of them are gone."""

    def start(self, arguments: Sequence[str], home: Path, output: Path) -> Worker:
        """Start a worker on the run or job that the arguments name.

        Args:
            arguments: those of ``python -m seg_core``, such as ``work 7`` for run 7 and ``job 3`` for job 3.
            home: its LESIONLAB_HOME.
            output: the file to which what it prints is appended.

        Raises:
            OSError: if it cannot be started or the file cannot be written.
        """
        ...

    def is_gone(self, owner: Owner) -> bool:
        """Return True if this worker, or the process that started it, certainly no longer runs."""
        ...


class LocalLauncher:
    """Starts each worker as a process of this machine, in a session of its own: Ctrl-C in the app's terminal leaves it alone.

    Args:
        program: what to run, by default a fresh interpreter like this one with LesionLab's command line.
    """

    def __init__(self, program: Sequence[str] = (sys.executable, "-m", "seg_core")) -> None:
        self._program = tuple(program)

    def command(self, arguments: Sequence[str]) -> tuple[str, ...]:
        """Command line of a worker."""
        return (*self._program, *arguments)

    def start(self, arguments: Sequence[str], home: Path, output: Path) -> Worker:
        """Start a worker; see `Launcher.start`."""
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("ab") as file:
            process = subprocess.Popen(
                self.command(arguments),
                cwd=PROJECT,
                env=os.environ | {"LESIONLAB_HOME": str(home), OUTPUT: str(output), "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                creationflags=DETACHED,
            )
        return Worker(Owner.of(process.pid), lambda: _wait(process))

    def is_gone(self, owner: Owner) -> bool:
        """Return True if this process certainly no longer runs; see `Owner.is_gone`."""
        return owner.is_gone


def _wait(process: subprocess.Popen[bytes]) -> str:
    status = process.wait()
    if status == 0:
        return ""
    return f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"


LOCAL = LocalLauncher()
