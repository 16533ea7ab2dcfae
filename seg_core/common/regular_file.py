"""Telling files from what else a path may name: pipes, devices, sockets."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from seg_core.errors import InputError

_KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a disk", stat.S_IFSOCK: "a socket"}


def kind_of(mode: int) -> str:
    """Return what a path with this ``st_mode`` names, if it is neither a file nor a folder; else nothing."""
    return _KINDS.get(stat.S_IFMT(mode), "")


def require_file(path: Path, name: str) -> None:
    """Refuse to read what is no file, which could wait for ever. What is missing or a folder is left to whoever opens it.

    Raises:
        InputError: if it is a pipe, a device or a socket.
    """
    try:
        kind = kind_of(os.stat(path).st_mode)  # noqa: PTH116 - before every image
    except OSError:
        return
    if kind:
        raise InputError(f"{name} is {kind}, not a file; copy what it gives into a file and name that.")
