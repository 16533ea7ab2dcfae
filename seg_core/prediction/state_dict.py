"""Recognising weights of other libraries without unpickling them, which could run code."""

from __future__ import annotations

import zipfile
from pathlib import Path

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
    """The pickle that names the tensors of a file by torch.save; empty if it is none."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                pickles = [name for name in archive.namelist() if name.endswith("data.pkl")]
                return archive.read(pickles[0]) if pickles else b""
        with path.open("rb") as file:  # torch.save before 1.6
            start = file.read(1_000_000)
    except (OSError, zipfile.BadZipFile):
        return b""
    return start if start[:2] == b"\x80\x02" and b"torch" in start else b""
