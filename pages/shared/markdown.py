"""Text from elsewhere, made safe to show as Markdown."""

from __future__ import annotations

import re

from seg_core.common.text import legible

_SIGNS = re.compile(r"([\\`*_{}\[\]()#+.!|~$:<>&-])")
_ADDRESS = re.compile(r"(?i)(https?:/(?=/)|www(?=\.)|@)")
_BREAK = "\u2060"  # it has no width, and ends what Markdown takes for an address


def plain(text: str) -> str:
    """Return Markdown that shows a text as it is: names and paths may hold characters that Markdown interprets."""
    return _SIGNS.sub(r"\\\1", _ADDRESS.sub(rf"\1{_BREAK}", legible(text)))
