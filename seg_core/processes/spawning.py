"""Starting a process of its own for a run or a job: one that outlives the app, its Ctrl-C and its terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from seg_core.home import PROJECT

if sys.platform == "win32":  # where `start_new_session` does nothing
    DETACHED = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
else:
    DETACHED = 0


def spawn(command: Sequence[str], output: Path, home: Path) -> subprocess.Popen[bytes]:
    """Start a command whose LESIONLAB_HOME is ``home``; what it prints is added to the file ``output``.

    Raises:
        OSError: if it cannot be started, or the file not be written.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("ab") as file:
        return subprocess.Popen(
            command,
            cwd=PROJECT,
            env=os.environ | {"LESIONLAB_HOME": str(home), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
            creationflags=DETACHED,
        )
