"""Where LesionLab keeps what it makes: the run database, a folder per run, the image cache and the sample dataset."""

from __future__ import annotations

import os
from pathlib import Path

from seg_core.errors import InputError

PROJECT = Path(__file__).resolve().parents[2]
SHIPPED_CHECKPOINTS = PROJECT / "checkpoints"


def expanded(path: str | Path) -> Path:
    """A path with ``~`` resolved; as it is where there is no such user, so that whoever opens it says that it is not there."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def home() -> Path:
    """The folder of all runs: ``$LESIONLAB_HOME``, else ``runs/`` in the project. Made when missing.

    Raises:
        InputError: if it cannot be made.
    """
    folder = expanded(os.environ.get("LESIONLAB_HOME") or PROJECT / "runs").resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be made ({error.strerror}); set LESIONLAB_HOME to another one.") from None
    return folder


def run_folders(folder: Path) -> dict[int, Path]:
    """The folders of runs in a home folder, by the runs' numbers; a longer number, such as a date, is no run's."""
    return {int(each.name): each for each in folder.glob("[0-9]*") if each.name.isdecimal() and 4 <= len(each.name) <= 6}
