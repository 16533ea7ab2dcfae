"""Unexpected errors of a training: one sentence for the user, the whole of it for the log file."""

from __future__ import annotations

import errno
import re
import traceback
from contextlib import suppress
from pathlib import Path

from seg_core.config import Config

_NO_MEMORY = re.compile(
    "out of memory|not enough memory|allocate memory|bad_alloc|failed to map segment|can't start new thread|"
    "could not (create|execute) a primitive$"
)
"""What PyTorch, its libraries, Python and the loader of libraries say when there is no memory left."""


def explain(error: Exception, config: Config, home: Path) -> str:
    """One sentence for the user on an unexpected error, with the remedy where there is one."""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or _NO_MEMORY.search(text):
        return (
            f"There is not enough memory for {config.batch_size} photographs of {config.image_size} px at a time; "
            "start a run with a smaller batch size or image size."
        )
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left" in text or "disk is full" in text:
        return f"The disk that holds {home} is full; free some space, then resume the run."
    return f"{type(error).__name__}: {text[:500]}" if text else type(error).__name__


def write_traceback(file: Path, error: Exception) -> None:
    """Append an error's traceback to a file, if that is possible: the disk may be full."""
    with suppress(OSError), file.open("a", encoding="utf-8") as opened:
        traceback.print_exception(error, file=opened)
