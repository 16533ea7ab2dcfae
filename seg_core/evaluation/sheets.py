"""Tables of a comparison to export: CSV, Markdown and LaTeX of the same figures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seg_core.common.csv_text import csv_text
from seg_core.data.partition import Partition
from seg_core.evaluation.clusters import Clusters
from seg_core.evaluation.group import Scored
from seg_core.evaluation.leaderboard import Leaderboard
from seg_core.evaluation.pairing import Pairing
from seg_core.evaluation.subgroups import compare_parts

Value = str | int | float
SHOWN = 4
"""Decimals in tables to read; CSV has six."""


@dataclass(frozen=True)
class Sheet:
    """A table by name: titles, rows of texts and numbers, and notes below it."""

    name: str
    titles: Sequence[str]
    rows: Sequence[Sequence[Value]]
    notes: Sequence[str] = ()

    def csv(self) -> str:
        """Return it as CSV, numbers with six decimals; empty where one is unknown."""
        return csv_text([list(self.titles), *([_figure(value, 6) for value in row] for row in self.rows)])

    def records(self) -> list[dict[str, Value | None]]:
        """Return a dictionary for each row, by title; None where a number is unknown."""
        return [
            {title: None if value != value else value for title, value in zip(self.titles, row, strict=True)} for row in self.rows
        ]

    def markdown(self) -> str:
        """Return it in Markdown, numbers with four decimals, notes below it."""
        lines = [[escaped_markdown(_figure(value, SHOWN)) for value in row] for row in (self.titles, *self.rows)]
        return markdown_table(lines, [escaped_markdown(note) for note in self.notes])

    def latex(self) -> str:
        """Return it in LaTeX (needs the package booktabs), numbers with four decimals, notes as comments."""
        lines = [[escaped_latex(_figure(value, SHOWN)) for value in row] for row in (self.titles, *self.rows)]
        return latex_table(lines, self.notes)


WRITERS: dict[str, tuple[Callable[[Sheet], str], str]] = {
    "CSV": (Sheet.csv, "csv"),
    "Markdown": (Sheet.markdown, "md"),
    "LaTeX": (Sheet.latex, "tex"),
}
"""By format: what writes a sheet, and the ending of its file."""


def groups_sheet(
    evaluations: Mapping[str, Scored],
    partitions: Iterable[Partition],
    threshold: float | None = None,
    clusters: Clusters | None = None,
) -> Sheet:
    """Return the IoU of every group of photographs by every model, a row each; arguments as `compare_parts`."""
    titles = ["Property", "Group", "Model", "Photographs", "IoU", "Low", "High"]
    titles += ["Difference", "Difference low", "Difference high", "p (Mann-Whitney, Holm)", "Significant"]
    rows: list[list[Value]] = []
    for partition in partitions:
        for label, scores in compare_parts(evaluations, partition, threshold, clusters).items():
            for score in scores:
                significant = ("yes" if score.is_significant else "no") if score.is_tested else "not tested"
                figures = (*score.iou, *score.difference, score.p)
                rows.append([partition.title, score.part.name, label, score.photographs, *figures, significant])
    return Sheet("subgroups", titles, rows)


def pairing_sheet(found: Sequence[Pairing]) -> Sheet:
    """Return the paired differences, a row for each two models."""
    titles = ["First", "Second", "Score", "Difference", "Low", "High", "p (Wilcoxon, Holm)", "Finding"]
    rows: list[list[Value]] = [
        [
            *(pairing.first, pairing.second, pairing.column.title, *pairing.difference.interval, pairing.p, pairing.finding),
            *(pairing.difference.wins, pairing.difference.ties, pairing.difference.losses, pairing.difference.effect),
            pairing.images,
        ]
        for pairing in found
    ]
    return Sheet("differences", [*titles, "Wins", "Ties", "Losses", "Effect size", "Photographs"], rows)


def leaderboard_sheet(board: Leaderboard) -> Sheet:
    """Return the ranks, a row for each model in order."""
    title = board.column.title
    titles = ["Rank", "Model", title, "Low", "High", "Best place", "Worst place", "Share first", "Beside the first"]
    rows: list[list[Value]] = [
        [place.rank, place.label, *place.score, place.best, place.worst, place.shares[0], place.finding] for place in board.places
    ]
    return Sheet("leaderboard", titles, rows, board.sentences)


def markdown_table(lines: Sequence[Sequence[str]], notes: Sequence[str]) -> str:
    """Return cells, the titles first, as a table in Markdown with notes below it."""
    head, *others = lines
    table = [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *others)]
    return "\n".join([*table, *(["", *notes] if notes else [])]) + "\n"


def latex_table(lines: Sequence[Sequence[str]], notes: Sequence[str]) -> str:
    """Return cells, the titles first, as a table in LaTeX (needs the package booktabs); notes are comments above it."""
    head, *body = (" & ".join(line) + r" \\" for line in lines)
    columns = "l" + "r" * (len(lines[0]) - 1)
    rules = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*(f"% {note}" for note in notes), *rules]) + "\n"


def escaped_markdown(text: str) -> str:
    """Return text with the marks of Markdown escaped."""
    return _MARKDOWN.sub(r"\\\g<0>", text)


def escaped_latex(text: str) -> str:
    """Return text with the marks of LaTeX escaped."""
    return text.translate(_LATEX)


_MARKDOWN = re.compile(r"[\\`*_<>|\[\]]")
_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}"}
)


def _figure(value: Value, digits: int) -> str:
    if not isinstance(value, float):
        return str(value)
    if digits == SHOWN and 0 < value < 10**-digits:
        return f"< {10**-digits:.{digits}f}"
    return "" if np.isnan(value) else f"{value:.{digits}f}"
