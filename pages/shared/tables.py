"""Tables in HTML: figures aligned, the best in bold, and wide ones scrolled by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from seg_core.evaluation.comparison import Pairing, Row
from seg_core.evaluation.tables import COLUMNS, COSTS, PAIRING_TITLES, best, cell, cost_cells, margin, pairing_cells


def score_table(rows: Sequence[Row]) -> str:
    """Mean scores by model with their 95 % intervals, and what each model costs; the best of each column is bold."""
    leaders = {column: best(rows, column) for column in COLUMNS}
    titles = ["", *(column.title for column in COLUMNS), *COSTS, "Photographs"]
    head = "".join(f"<th scope='col'>{title}</th>" for title in titles)
    body = "".join(
        f"<tr><th scope='row'>{escape(row.label)}</th>"
        + "".join(_cell(cell(row, column), margin(row, column), row.label in leaders[column]) for column in COLUMNS)
        + "".join(f"<td>{text}</td>" for text in cost_cells(row.cost))
        + f"<td>{row.images:,}</td></tr>"
        for row in rows
    )
    return wide_table(f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>", "Mean scores of each model")


def pairing_table(found: Sequence[Pairing]) -> str:
    """How much higher the IoU of the first of two models is, how sure that is, and on how many photographs."""
    head = "".join(f"<th scope='col'>{title}</th>" for title in ("", *PAIRING_TITLES))
    body = "".join(
        f"<tr><th scope='row'>{escape(pairing.first)} − {escape(pairing.second)}</th>"
        + "".join(_cell(escape(text), between, False) for text, between in pairing_cells(pairing))
        + "</tr>"
        for pairing in found
    )
    return wide_table(f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>", "Differences between the models")


def wide_table(rows: str, label: str) -> str:
    """A table around its rows; on a narrow screen it scrolls by itself, with the keyboard too."""
    return (
        f"<div class='wide-table' tabindex='0' role='region' aria-label='{escape(label)}'>"
        f"<table class='figures-table'>{rows}</table></div>"
    )


def _cell(text: str, between: str, is_best: bool) -> str:
    shown = f"<b>{text}</b>" if is_best else text
    return f"<td>{shown}<br><small>{between}</small></td>" if between else f"<td>{shown}</td>"
