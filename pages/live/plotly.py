"""Plotly's browser library, which draws the live charts."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

# The metadata gives both without importing plotly, which takes half a second.
_plotly = distribution("plotly")
PLOTLY_SCRIPT = Path(str(_plotly.locate_file("plotly/package_data/plotly.min.js")))
PLOTLY_URL = f"/assets/plotly.min.js?v={_plotly.version}"
"""The address at which `pages.server.static` serves the script; it contains the version, so browsers may keep the file."""
