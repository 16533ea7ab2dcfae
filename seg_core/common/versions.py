"""The versions that a result depends on."""

from __future__ import annotations

import platform
from importlib.metadata import version

VERSION = "0.2.0"


def versions() -> dict[str, str]:
    """LesionLab, Python, the operating system, and the packages that compute."""
    packages = {name: version(name) for name in ("torch", "torchvision", "numpy", "pillow")}
    return {"lesionlab": VERSION, "python": platform.python_version(), "platform": platform.platform(), **packages}
