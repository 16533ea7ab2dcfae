"""LesionLab's own folder, and its home folder: run database, run folders, image cache, sample dataset."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_data_path

from seg_core.errors import InputError

_BUNDLE = Path(__file__).resolve().parents[1] / "bundle"

INSTALLED = _BUNDLE.is_dir()
"""True in an installed package, False in a checkout. Only the wheel has a folder ``bundle``: see pyproject.toml."""
PROJECT = _BUNDLE if INSTALLED else _BUNDLE.parents[1]
"""The folder that holds ``app.py``, ``pages/`` and ``checkpoints/``: the checkout, or their copies in the installed package."""
SHIPPED_CHECKPOINTS = PROJECT / "checkpoints"


def expanded(path: str | Path) -> Path:
    """Resolve ``~`` in a path; leave it where there is no such user, so that opening the path reports it as missing."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def home() -> Path:
    """Return the folder of all runs, made if missing.

    It is ``$LESIONLAB_HOME`` if set, else ``runs/`` in a checkout, else the user's data folder.

    Raises:
        InputError: if it cannot be made.
    """
    default = user_data_path("lesionlab", appauthor=False) if INSTALLED else PROJECT / "runs"
    folder = expanded(os.environ.get("LESIONLAB_HOME") or default).resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {folder} cannot be made ({error.strerror}); set LESIONLAB_HOME to another one.") from None
    return folder


def run_folders(folder: Path) -> dict[int, Path]:
    """Map run numbers to their folders in a home folder. A name of more than six digits, such as a date, is not a run's."""
    return {int(each.name): each for each in folder.glob("[0-9]*") if each.name.isdecimal() and 4 <= len(each.name) <= 6}
