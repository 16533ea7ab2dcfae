"""How pages write what they are given."""

from __future__ import annotations

import re

_SIGNS = re.compile(r"([\\`*_{}\[\]()#+.!|~$:<>&-])")
_ADDRESS = re.compile(r"(?i)(https?:/(?=/)|www(?=\.)|@)")
_BREAK = "\u2060"  # it takes no room, and no address is made a link across it


def plain(text: str) -> str:
    """Text as Markdown that shows it as it is: names, paths and messages may hold signs that Markdown would take for its own.

    A file name may contain bytes that are no text; each becomes a question mark.
    """
    text = text.encode(errors="replace").decode()
    return _SIGNS.sub(r"\\\1", _ADDRESS.sub(rf"\1{_BREAK}", text))
