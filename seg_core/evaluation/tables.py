"""The tables of a comparison in words: cells for the pages and the report, and CSV, Markdown and LaTeX to take away."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from seg_core.evaluation.comparison import Pairing, Row
from seg_core.prediction.cost import Cost

DIGITS = 4
"""Shown of a mean score, as a share of one."""


@dataclass(frozen=True)
class Column:
    """A column of the table of scores."""

    name: str
    title: str
    less_is_better: bool = False
    percent: bool = False


COLUMNS = (
    Column("iou", "IoU"),
    Column("dice", "Dice"),
    Column("thresholded_iou", "Thresholded IoU"),
    Column("accuracy", "Accuracy"),
    Column("sensitivity", "Sensitivity"),
    Column("specificity", "Specificity"),
    Column("boundary_iou", "Boundary IoU"),
    Column("hausdorff_95", "HD95", less_is_better=True, percent=True),
)
"""Scores, those of the challenge first; the last two are known at each model's own threshold alone."""


def best(rows: Sequence[Row], column: Column) -> set[str]:
    """The labels of the rows that are best in a column, as far as the digits that are shown tell; none where not alike."""
    values = {row.label: round(row.scores[column.name].mean, DIGITS) for row in rows if column.name in row.scores}
    if len(values) < 2 or len({row.ids for row in rows}) > 1:
        return set()
    wanted = min(values.values()) if column.less_is_better else max(values.values())
    return {label for label, value in values.items() if value == wanted}


def cell(row: Row, column: Column) -> str:
    """The mean of a column in words; a dash where it is not known."""
    return _shown(row.scores[column.name].mean, column) if column.name in row.scores else "–"


def margin(row: Row, column: Column) -> str:
    """The 95 % interval of a column in words; empty where it is not known."""
    interval = row.scores.get(column.name)
    if interval is None or np.isnan(interval.low):
        return ""
    return f"{_shown(interval.low, column, 3).rstrip(' %')}–{_shown(interval.high, column, 3)}"


def _shown(value: float, column: Column, digits: int = DIGITS) -> str:
    return f"{100 * value:.{digits - 2}f} %" if column.percent else f"{value:.{digits}f}"


PAIRING_TITLES = ("ΔIoU", "p (Wilcoxon, Holm)", "Wins", "Ties", "Losses", "Effect size", "Photographs")
PAIRING_NOTE = (
    "Mean difference of IoU on the same photographs, with its 95 % bootstrap interval, which for groups whose models were all "
    "scored on these counts how the models vary too; p of the Wilcoxon signed-rank test over the photographs, by Holm's "
    "correction where there are several; the matched-pairs rank-biserial correlation as effect size. Beyond chance is what "
    "p < 0.05 and an interval without 0 agree on."
)
"""What stands below a table of differences."""


def pairing_cells(pairing: Pairing) -> list[tuple[str, str]]:
    """What `PAIRING_TITLES` head, in words; behind each what stands below it in small."""
    difference = pairing.difference
    mean, low, high = difference.interval
    p = "< 0.0001" if pairing.p < 0.0001 else f"{pairing.p:.4f}"
    counted = [str(number) for number in (difference.wins, difference.ties, difference.losses)]
    plain = [p, *counted, f"{difference.effect:+.2f}", f"{pairing.images:,}"]
    between = "" if np.isnan(low) else f"{low:+.4f} to {high:+.4f}"
    return [(f"{mean:+.4f}", between), *((text, "") for text in plain)]


def to_csv(rows: Sequence[Row], scored_on: str) -> str:
    """The table with the bounds of every interval, in full digits; ``scored_on`` says which images, and at which threshold."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    names = [f"{column.name}{end}" for column in COLUMNS for end in ("", "_low", "_high")]
    own = ["parameters", "multiply_adds", "milliseconds", "models", "iou_sd_between_models", "iou_sd_between_images"]
    writer.writerow(["model", "images", *names, *own, "scored_on"])
    for row in rows:
        bounds = [value for column in COLUMNS for value in row.scores.get(column.name, (np.nan,) * 3)]
        cost = [row.cost.parameters, row.cost.multiply_adds, f"{row.cost.milliseconds:.2f}"] if row.cost else ["", "", ""]
        spread = row.spread
        varies = [spread.between_models, spread.between_images] if spread else [np.nan, np.nan]
        models = len(spread.means) if spread else 1
        writer.writerow([row.label, row.images, *_figures(bounds), *cost, models, *_figures(varies), scored_on])
    return file.getvalue()


def _figures(values: Sequence[float]) -> list[str]:
    """Values in full digits; nothing where one is not known."""
    return ["" if np.isnan(value) else f"{value:.6f}" for value in values]


def to_markdown(rows: Sequence[Row], scored_on: str) -> str:
    """The table in Markdown, intervals in brackets, the best in bold; below it what it was scored on."""
    head, *lines = _texts(rows, lambda text: f"**{text}**", _for_markdown)
    table = [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *lines)]
    return "\n".join([*table, "", *map(_for_markdown, _notes(rows, scored_on))]) + "\n"


def to_latex(rows: Sequence[Row], scored_on: str) -> str:
    """The table in LaTeX (it needs the package booktabs), intervals in brackets, the best in bold; comments say what it is of."""
    lines = _texts(rows, lambda text: f"\\textbf{{{text}}}", lambda text: text.translate(_LATEX))
    head, *body = (" & ".join(line) + r" \\" for line in lines)
    columns = "l" + "r" * (len(lines[0]) - 1)
    rules = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*(f"% {note}" for note in _notes(rows, scored_on)), *rules]) + "\n"


def _notes(rows: Sequence[Row], scored_on: str) -> list[str]:
    """What has to be known to read the table, each in one line."""
    of_groups = [f"{row.label}: {row.spread.sentence}." for row in rows if row.spread]
    return [f"Scored on {' '.join(scored_on.split())}. In brackets: 95 % bootstrap intervals.", *of_groups]


def _for_markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\g<0>", text)


_MARKDOWN = re.compile(r"[\\`*_<>|\[\]]")
_LATEX = str.maketrans(
    {character: f"\\{character}" for character in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}"}
)


def _texts(rows: Sequence[Row], bold: Callable[[str], str], escape: Callable[[str], str]) -> list[list[str]]:
    """All cells of the table, its head first."""
    lines = [["Model", "Images", *(column.title for column in COLUMNS), *COSTS]]
    leaders = {column: best(rows, column) for column in COLUMNS}
    for row in rows:
        cells = [escape(row.label), str(row.images)]
        for column in COLUMNS:
            mean, between = escape(cell(row, column)), margin(row, column)
            mean = bold(mean) if row.label in leaders[column] else mean
            cells.append(f"{mean} ({escape(between)})" if between else mean)
        lines.append([*cells, *cost_cells(row.cost)])
    return lines


COSTS = ("Parameters", "GMACs", "ms per image")


def cost_cells(cost: Cost | None) -> list[str]:
    """What a model costs, in words: millions of parameters, billions of multiply-adds, milliseconds."""
    if cost is None:
        return ["–"] * len(COSTS)
    return [f"{cost.parameters / 1e6:.1f} M", f"{cost.multiply_adds / 1e9:.2f}", f"{cost.milliseconds:.0f}"]
