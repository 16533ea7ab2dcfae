"""Charts of a leaderboard: what every two models are to each other, and how sure each place is."""

from __future__ import annotations

from html import escape
from typing import Any

from seg_core.evaluation.charts import Chart
from seg_core.evaluation.leaderboard import Leaderboard

MOST_SPELLED = 8
"""Models up to which the cells of the map have words; with more, signs."""
LONGEST_LABEL = 24
"""Characters of a model's name beside its row."""
SIGNS = {"better": "+", "as good": "=", "open": "?", "worse": "−"}
"""What the model of a row is to that of a column."""
SHADES = {"worse": "#D55E00", "open": "#C3C9D1", "as good": "#56B4E9", "better": "#0072B2"}


def rank_charts(board: Leaderboard) -> list[Chart]:
    """Return the map of significant differences and the stability of the places, the best model on top."""
    return [_significance(board), _stability(board)]


def _significance(board: Leaderboard) -> Chart:
    labels = [place.label for place in board.places]
    found = {(pair.first, pair.second): _relation(pair.is_better, pair.is_as_good) for pair in board.pairings}
    found |= {(second, first): "worse" if what == "better" else what for (first, second), what in found.items()}
    cells = [[found.get((row, column), "") for column in labels] for row in labels]
    codes, words = list(SHADES), len(labels) <= MOST_SPELLED
    trace = {
        "type": "heatmap",
        "z": [[codes.index(cell) if cell else None for cell in row] for row in cells],
        "text": [[(cell if words else SIGNS[cell]) if cell else "" for cell in row] for row in cells],
        "customdata": [[escape(f"{row} beside {column}: {found.get((row, column), '')}") for column in labels] for row in labels],
        "texttemplate": "%{text}",
        "hovertemplate": "%{customdata}<extra></extra>",
        "hoverongaps": False,
        "zmin": -0.5,
        "zmax": len(codes) - 0.5,
        "colorscale": _steps(list(SHADES.values())),
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
    }
    signs = ", ".join(f"{sign} {what}" for what, sign in SIGNS.items())
    key = "" if words else f" {signs}."
    caption = (
        f"The model of each row beside that of each column, which has the number of its row, by {board.column.title}: better "
        f"or worse where statistically significant (corrected by Holm's method), as good within {board.margin:g}, or open.{key}"
    )
    return Chart("Who is better", caption, _heatmap(trace, labels))


def _relation(is_better: bool, is_as_good: bool) -> str:
    return "as good" if is_as_good else "better" if is_better else "open"


def _stability(board: Leaderboard) -> Chart:
    labels, shares = [place.label for place in board.places], [place.shares for place in board.places]
    trace = {
        "type": "heatmap",
        "z": [list(row) for row in shares],
        "text": [[f"{100 * share:.0f} %" if share >= 0.005 else "" for share in row] for row in shares],
        "texttemplate": "%{text}" if len(labels) <= 2 * MOST_SPELLED else "",
        "customdata": [[label] * len(labels) for label in map(escape, labels)],
        "hovertemplate": "%{customdata}, place %{x}: %{z:.1%}<extra></extra>",
        "zmin": 0,
        "zmax": 1,
        "colorscale": [[0, "#E3E9F0"], [1, "#0072B2"]],
        "showscale": False,
        "xgap": 2,
        "ygap": 2,
    }
    caption = (
        f"Share of resamples of the photographs in which each model takes each place, by mean {board.column.title}. A "
        "model with one dark cell keeps its place whichever photographs are drawn."
    )
    figure = _heatmap(trace, labels)
    figure["layout"]["xaxis"] |= {"title": {"text": "place"}}
    return Chart("How sure the places are", caption, figure)


def _steps(colours: list[str]) -> list[list[Any]]:
    """Return a colour scale of equal steps without blending."""
    count = len(colours)
    return [[edge / count, colour] for place, colour in enumerate(colours) for edge in (place, place + 1)]


def _short(label: str) -> str:
    """Return a label without its middle where it is long: names often differ at their ends."""
    half = (LONGEST_LABEL - 1) // 2
    return label if len(label) <= LONGEST_LABEL else f"{label[:half].rstrip()}…{label[-half:].lstrip()}"


def _heatmap(trace: dict[str, Any], labels: list[str]) -> dict[str, Any]:
    """Return a figure with a row for each model and as many numbered columns."""
    numbers = [str(number) for number in range(1, len(labels) + 1)]
    names = {"x": numbers, "y": [escape(f"{number}  {_short(label)}") for number, label in zip(numbers, labels, strict=True)]}
    return {
        "data": [trace | names],
        "layout": {
            "height": max(360, 110 + 34 * len(labels)),
            "margin": {"l": 20, "r": 15, "t": 10, "b": 45},
            "xaxis": {"type": "category", "showgrid": False, "zeroline": False, "fixedrange": True},
            "yaxis": {"automargin": True, "showgrid": False, "zeroline": False, "autorange": "reversed", "fixedrange": True},
            "showlegend": False,
        },
    }
