"""How pages write what they are given."""

from __future__ import annotations

import re

from seg_core.common.text import legible

_SIGNS = re.compile(r"([\\`*_{}\[\]()#+.!|~$:<>&-])")
_ADDRESS = re.compile(r"(?i)(https?:/(?=/)|www(?=\.)|@)")
_BREAK = "\u2060"  # it takes no room, and no address is made a link across it


def plain(text: str) -> str:
    """Text as Markdown that shows it as it is: names and paths may hold signs that Markdown takes for its own."""
    return _SIGNS.sub(r"\\\1", _ADDRESS.sub(rf"\1{_BREAK}", legible(text)))
