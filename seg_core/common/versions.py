"""Versions of LesionLab and of the software that results depend on."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import version

VERSION = "0.2.0"
"""The one place of the version: pyproject.toml reads it here, and tests compare CHANGELOG.md and CITATION.cff."""


def versions() -> dict[str, str]:
    """Return the versions of LesionLab, Python, the operating system, and the packages that compute, by name."""
    return {"lesionlab": VERSION, "python": platform.python_version(), "platform": platform.platform(), **_packages()}


@cache  # of a large installation it takes 10 ms, and every checkpoint that is written has it
def _packages() -> dict[str, str]:
    return {name: version(name) for name in ("torch", "torchvision", "numpy", "pillow")}
