"""The real app in a process and a home folder of its own, as ``python app.py`` starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import psutil

from seg_core.common.home import PROJECT
from seg_core.runs.store import RunStore

QUIET = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


class AppProcess:
    """``python app.py`` on a free port; ``url`` is where it answers.

    Args:
        home: its LESIONLAB_HOME.
        options: of the command line, such as ``["--root-path", "/lesionlab"]``.
        files: the most files that it may open; None leaves the limit as it is.
        environment: further variables, such as LESIONLAB_PASSWORD.
    """

    def __init__(self, home: Path, options: Sequence[str] = (), *, files: int | None = None, **environment: str) -> None:
        self.home = home
        self._errors: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 # closed by stop()
        limited = [] if files is None else ["sh", "-c", f'ulimit -n {files}; exec "$0" "$@"']
        self.process = subprocess.Popen(
            [*limited, sys.executable, "app.py", "--port", "0", "--no-browser", *options],
            cwd=PROJECT,
            env=os.environ | QUIET | {"LESIONLAB_HOME": str(home)} | environment,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.url = self._address()

    def _address(self) -> str:
        """Read what the app prints until it names its address."""
        assert self.process.stdout
        for line in self.process.stdout:
            if "LesionLab runs at " in line:
                return line.split("LesionLab runs at ")[1].split()[0]
        raise AssertionError(f"the app did not start:\n{self.errors()}")

    def errors(self) -> str:
        """Return its stderr so far."""
        self._errors.seek(0)
        return self._errors.read()

    def interrupt(self) -> tuple[int, str]:
        """Press Ctrl-C and wait up to 20 seconds; return the exit status and what was printed after the address."""
        self.process.send_signal(signal.SIGINT)
        printed, _ = self.process.communicate(timeout=20)
        return self.process.returncode, printed

    def kill(self) -> None:
        """Kill it, as a machine short of memory would."""
        self.process.kill()
        self.process.communicate(timeout=20)

    def stop(self) -> str:
        """End the app and every worker that it started; return its stderr."""
        if self.process.poll() is None:
            self.interrupt()
        store = RunStore(self.home / "lesionlab.db")
        for run in store.list_runs():
            if run.is_running and run.pid and run.pid != os.getpid() and psutil.pid_exists(run.pid):
                os.kill(run.pid, signal.SIGKILL)
        store.close()
        errors = self.errors()
        self._errors.close()
        return errors
