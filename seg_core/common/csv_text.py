"""Tables as CSV that a spreadsheet shows as they are: no name of a file or a model becomes a formula in it."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")
# What spreadsheets take for the beginning of a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
# Some spreadsheets part cells at semicolons or tabs, so these are quoted too, which the `csv` module does not do.
_QUOTED = re.compile(r'[",;\t\r\n]')


def csv_text(rows: Iterable[Iterable[object]], line_end: str = "\n") -> str:
    """Return rows of cells as CSV. A text that a spreadsheet would compute gets an apostrophe in front; numbers stay."""
    return "".join(",".join(_cell(str(cell)) for cell in row) + line_end for row in rows)


def _cell(text: str) -> str:
    if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text):
        text = f"'{text}"
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text


def plain_cell(cell: str) -> str:
    """Return a cell of `csv_text` as it was before it got an apostrophe."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
