"""Tables in HTML: figures aligned, the best in bold, and wide tables with a scroll bar of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pages.shared.html import render
from seg_core.evaluation.columns import COLUMNS, IOU, Column
from seg_core.evaluation.comparison import Row
from seg_core.evaluation.leaderboard import Leaderboard
from seg_core.evaluation.pairing import Pairing
from seg_core.evaluation.tables import (
    COSTS,
    PAIRING_TITLES,
    best,
    cell,
    cost_cells,
    margin,
    pairing_cells,
    rank_cells,
    rank_titles,
)

# The region can be focused, so that a table wider than the screen scrolls with the keyboard too.
TABLE = """
<div class="wide-table" tabindex="0" role="region" aria-label="{{ label }}">
<table class="figures-table">
<thead><tr><th scope="col"></th>
{%- for title in titles -%}
<th scope="col">
{%- if title in meanings %}<abbr title="{{ meanings[title] }}">{{ title }}</abbr>{% else %}{{ title }}{% endif -%}
</th>
{%- endfor %}</tr></thead>
<tbody>
{% for row in rows %}
{% if row.cells %}
<tr{% if row.kind %} class="{{ row.kind }}"{% endif %}><th scope="row">{{ row.label }}</th>
{%- for cell in row.cells -%}
<td>{% if cell.is_best %}<b>{{ cell.text }}</b>{% else %}{{ cell.text }}{% endif %}
{%- if cell.small %}<br><small>{{ cell.small }}</small>{% endif %}</td>
{%- endfor %}</tr>
{% else %}
<tr class="heading"><th scope="rowgroup" colspan="{{ titles | length + 1 }}">{{ row.label }}</th></tr>
{% endif %}
{% endfor %}
</tbody>
</table>
</div>
"""


@dataclass(frozen=True)
class Cell:
    """A figure, with the text below it in small letters."""

    text: str
    small: str = ""
    is_best: bool = False


@dataclass(frozen=True)
class TableRow:
    """A labelled row; one without cells is the heading of those below it. ``kind`` is its class in the style sheet."""

    label: str
    cells: Sequence[Cell] = ()
    kind: str = ""


def html_table(
    titles: Sequence[str], rows: Iterable[TableRow], label: str, meanings: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Return a table with a title above each column of figures; ``label`` names it for screen readers.

    ``meanings`` has the tooltips of titles.
    """
    return render(TABLE, titles=titles, rows=rows, label=label, meanings=meanings)


SCORE_MEANINGS = {column.title: column.meaning for column in COLUMNS} | COSTS
"""What each column of the table of scores means, by its title."""


def score_table(rows: Sequence[Row], decides: Column = IOU, below: Sequence[Row] = ()) -> str:
    """Return mean scores by model with their 95 % intervals, and what each model costs; the best of each column is bold.

    The score that decides has a column, even where it is not among the usual ones. Rows ``below`` are of no models: they are
    set apart, and never the best.
    """
    columns = COLUMNS if decides in COLUMNS else (decides, *COLUMNS)
    leaders = {column: best(rows, column) for column in columns}

    def cells(row: Row) -> list[Cell]:
        scores = [Cell(cell(row, column), margin(row, column), row.label in leaders[column]) for column in columns]
        return [*scores, *map(Cell, cost_cells(row.cost)), Cell(f"{row.images:,}")]

    meanings = {column.title: column.meaning for column in columns} | COSTS
    titles = [*meanings, "Photographs"]
    lines = [TableRow(row.label, cells(row)) for row in rows]
    apart = [TableRow(row.label, cells(row), "apart") for row in below]
    return html_table(titles, [*lines, *apart], "Mean scores of each model", meanings)


def pairing_table(found: Sequence[Pairing]) -> str:
    """Return the paired differences in IoU: their size and significance, and on how many photographs which model wins."""
    rows = [
        TableRow(f"{pairing.first} − {pairing.second}", [Cell(text, interval) for text, interval in pairing_cells(pairing)])
        for pairing in found
    ]
    return html_table(PAIRING_TITLES, rows, "Differences between the models")


def leaderboard_table(board: Leaderboard) -> str:
    """Return the ranks of the models in order, how sure each is, and the places by the other scores."""
    rows = [TableRow(place.label, [Cell(*each) for each in rank_cells(board, place)]) for place in board.places]
    return html_table(rank_titles(board), rows, "Ranks of the models")
