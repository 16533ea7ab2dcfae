"""Recognising weights of other libraries without unpickling them, which could run code."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

_START = 1_000_000
"""Bytes in which the names are; a small archive may hold gigabytes."""
# All that `zipfile` raises on damaged archives, depending on the byte that is wrong.
_DAMAGE = (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, struct.error)
_MARKS = (
    (b"segmentation_head.", "segmentation-models-pytorch"),
    (b"backbone.", "torchvision"),
)


def weights_of(path: Path, header: bytes = b"") -> str:
    """Return what library a file's weights are from, or "PyTorch" where that is not clear; empty if it holds no such weights.

    ``header`` is the list of names of a safetensors file that is no checkpoint of LesionLab.
    """
    names = header or _names(path)
    if not names:
        return ""
    return next((library for mark, library in _MARKS if mark in names), "" if header else "PyTorch")


def _names(path: Path) -> bytes:
    """The start of the pickle that names the tensors of a file by torch.save; empty if it is none."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                pickles = [name for name in archive.namelist() if name.endswith("data.pkl")]
                if not pickles:
                    return b""
                with archive.open(pickles[0]) as pickle:
                    return pickle.read(_START)
        with path.open("rb") as file:  # torch.save before 1.6
            start = file.read(_START)
    except _DAMAGE:
        return b""
    return start if start[:2] == b"\x80\x02" and b"torch" in start else b""
