"""Why a worker that ended without a word is gone, as far as Linux tells afterwards."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import psutil

from seg_core.runs.processes import Owner

_NOTE = ".killed-for-memory"


def note_kills(folder: Path) -> None:
    """Note in a run's folder, where that is known, how many processes had been killed for want of memory when it began."""
    if (kills := _memory_kills()) is not None:
        with suppress(OSError):
            (folder / _NOTE).write_text(str(kills), encoding="utf-8")


def forget_kills(folder: Path) -> None:
    """Delete the note of a run that has ended in a way that was expected."""
    with suppress(OSError):
        (folder / _NOTE).unlink(missing_ok=True)


def cause_of_end(owner: Owner | None, folder: Path) -> str:
    """Return a sentence on why the process that worked in a run's folder is gone; empty if nothing is known."""
    if owner is None or not owner.is_here:
        return ""
    if psutil.LINUX and owner.started > time.time() - psutil.boot_time():
        return "The machine restarted while it trained. It can be resumed."
    with suppress(OSError, ValueError):
        before, now = int((folder / _NOTE).read_text(encoding="utf-8")), _memory_kills()
        if now is not None and now > before:
            return "Its process was killed when the machine, or the part of it that LesionLab may use, ran out of memory. " + (
                "It can be resumed; if it happens again, start a run with a smaller batch size."
            )
    return ""


def _memory_kills() -> int | None:
    """Return how many processes Linux has killed for want of memory since it started; None on other systems."""
    with suppress(OSError):
        for line in Path("/proc/vmstat").read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(" ")
            if name == "oom_kill":
                return int(value)
    return None
