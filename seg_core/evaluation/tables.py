"""Tables of a comparison: cells for the pages and the HTML report, and CSV, Markdown and LaTeX to export."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from seg_core.common.csv_text import csv_text
from seg_core.data.partition import Partition
from seg_core.evaluation.columns import COLUMNS, MORE_COLUMNS, Column
from seg_core.evaluation.comparison import Row
from seg_core.evaluation.leaderboard import Leaderboard, Place
from seg_core.evaluation.pairing import Pairing
from seg_core.evaluation.sheets import escaped_latex, escaped_markdown, latex_table, markdown_table
from seg_core.evaluation.subgroups import PartScore
from seg_core.evaluation.verdict import signed
from seg_core.metrics import MEANINGS
from seg_core.prediction.cost import Cost

DIGITS = 4
"""Decimals shown of a mean score in [0, 1]."""


def best(rows: Sequence[Row], column: Column) -> set[str]:
    """Return the labels of the best rows in a column, by the digits shown; none where rows have different images."""
    means = {row.label: row.scores[column.name].mean for row in rows if column.name in row.scores}
    values = {label: round(mean, _decimals(column, DIGITS)) for label, mean in means.items() if not np.isnan(mean)}
    if len(values) < 2 or len({row.ids for row in rows}) > 1:
        return set()
    wanted = min(values.values()) if column.lower_is_better else max(values.values())
    return {label for label, value in values.items() if value == wanted}


def cell(row: Row, column: Column) -> str:
    """Return the mean of a column as text; a dash where it is unknown."""
    interval = row.scores.get(column.name)
    return "–" if interval is None or np.isnan(interval.mean) else shown(interval.mean, column)


def margin(row: Row, column: Column) -> str:
    """Return the 95 % interval of a column as text, and of how many images where it is undefined for some; empty if unknown."""
    interval, defined = row.scores.get(column.name), row.defined.get(column.name, row.images)
    if interval is None or np.isnan(interval.mean):
        return ""
    low, high = (shown(bound, column, DIGITS - 1) for bound in interval[1:])
    between = [] if np.isnan(interval.low) else [f"{low.removesuffix(column.unit).rstrip()}–{high}"]
    return ", ".join([*between, *([f"n = {defined:,}"] if defined < row.images else [])])


def shown(value: float, column: Column, digits: int = DIGITS) -> str:
    """Return a value of a score as text, with so many decimals of a share of 1."""
    decimals = _decimals(column, digits)
    if column.unit == "%":
        return f"{100 * value:.{decimals - 2}f} %"
    return f"{value:.{decimals}f} {column.unit}".rstrip()


def _decimals(column: Column, digits: int) -> int:
    return digits - 3 if column.unit == "px" else digits


PAIRING_TITLES = ("Finding", "Difference", "p (Wilcoxon, Holm)", "Wins", "Ties", "Losses", "Effect size", "Photographs")
PAIRING_NOTE = (
    "Mean difference on the same photographs with its 95 % bootstrap interval, positive where the first is better; for "
    "groups whose models were all scored on these photographs, intervals include variation between models. p-value of the "
    "Wilcoxon signed-rank test, corrected by Holm's method. Effect size: matched-pairs rank-biserial correlation. A "
    "difference is called statistically significant where p < 0.05 and the interval excludes 0. Two models are as good as "
    "each other where neither is worse by the margin: two one-sided tests, by the same interval and test."
)
"""The note below a table of differences."""


def pairing_cells(pairing: Pairing) -> list[tuple[str, str]]:
    """Return the cells below `PAIRING_TITLES`, each with the smaller text below it."""
    difference = pairing.difference
    mean, low, high = difference.interval
    p = "< 0.0001" if pairing.p < 0.0001 else f"{pairing.p:.4f}"
    counted = [str(number) for number in (difference.wins, difference.ties, difference.losses)]
    plain = [p, *counted, signed(difference.effect, 2), f"{pairing.images:,}"]
    between = "" if np.isnan(low) else f"{signed(low, DIGITS)} to {signed(high, DIGITS)}"
    return [(pairing.finding, ""), (signed(mean, DIGITS), between), *((text, "") for text in plain)]


RANK_NOTE = (
    "Rank: one more than the number of models that are better, statistically significantly and not just by less than the margin. "
    "Places, and how often it is first: by mean, in resamples of the photographs. Beside the first: whether the first model is "
    "better, both are as good within the margin, or that is not settled."
)
"""The note below a leaderboard."""


def rank_titles(board: Leaderboard) -> list[str]:
    """Return the titles above `rank_cells`: what decides, then the places by every other score."""
    others = [column.title for column in COLUMNS if column != board.column and column.name in board.places[0].by_score]
    return ["Rank", board.column.title, "Places", "First", "Beside the first", *(f"By {title}" for title in others)]


def rank_cells(board: Leaderboard, place: Place) -> list[tuple[str, str]]:
    """Return the cells of a model, each with the smaller text below it."""
    mean, low, high = (shown(value, board.column, digits) for value, digits in zip(place.score, (DIGITS, 3, 3), strict=True))
    others = [column.name for column in COLUMNS if column != board.column and column.name in place.by_score]
    of_first = (f"{place.shares[0]:.0%}".replace("%", " %"), "")
    decided = [
        (str(place.rank), ""),
        (mean, f"{low.rstrip(' %')}–{high}"),
        (place.places, ""),
        of_first,
        (place.finding or "–", ""),
    ]
    return [*decided, *((str(place.by_score[name]), "") for name in others)]


PART_NOTE = (
    "Each group is compared with the photographs of all others in the table, within one model: by the Mann-Whitney U test, "
    "corrected by Holm's method over all groups and models of the table, and by the 95 % interval of the difference. It is "
    "called statistically significant where p < 0.05 and the interval excludes 0. Properties go together, as small lesions may "
    "be those of one diagnosis: a group need not be the cause."
)
"""How groups of photographs are compared."""
PART_LEGEND = (
    "Mean IoU with its 95 % interval, and the difference from the other groups' photographs; * statistically significant."
)
"""What the cells of groups hold."""


def part_rows(partition: Partition, found: Mapping[str, Sequence[PartScore]]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return a row for each group that has photographs: its name, how many there are, and a cell for each model.

    Each cell comes with the smaller text below it.

    Args:
        partition: of the photographs.
        found: as `seg_core.evaluation.subgroups.compare_parts` returns it.
    """
    by_name = [{score.part.name: score for score in scores} for scores in found.values()]
    rows = []
    for part in partition.parts:
        here = [of_model.get(part.name) for of_model in by_name]
        if known := [score for score in here if score]:
            counts = sorted({score.photographs for score in known})  # one, unless models share no photograph
            cells = [(" / ".join(f"{count:,}" for count in counts), "")]
            rows.append((part.name, [*cells, *(_part_cell(score) if score else ("–", "") for score in here)]))
    return rows


def _part_cell(score: PartScore) -> tuple[str, str]:
    mean, low, high = score.iou
    between = [] if np.isnan(low) else [f"{low:.3f}–{high:.3f}"]
    difference = [signed(score.difference.mean) + "*" * score.is_significant] if score.is_tested else []
    return f"{mean:.{DIGITS}f}", ", ".join([*between, *difference])


def to_csv(rows: Sequence[Row], scored_on: str) -> str:
    """Return the table as CSV, with the bounds of every interval; ``scored_on`` says which images, and at which threshold.

    `MORE_COLUMNS` stand at the end, with the number of images of each mean that may leave some out.
    """
    names = [f"{column.name}{end}" for column in COLUMNS for end in ("", "_low", "_high")]
    more = [f"{column.name}{end}" for column in MORE_COLUMNS for end in _ends(column)]
    others = ["parameters", "multiply_adds", "milliseconds", "models", "iou_sd_between_models", "iou_sd_between_images"]
    table: list[list[object]] = [["model", "images", "both_empty", *names, *others, "scored_on", *more]]
    for row in rows:
        bounds = [value for column in COLUMNS for value in row.scores.get(column.name, (np.nan,) * 3)]
        further = [text for column in MORE_COLUMNS for text in _further(row, column)]
        cost = [row.cost.parameters, row.cost.multiply_adds, f"{row.cost.milliseconds:.2f}"] if row.cost else ["", "", ""]
        spread = row.spread
        varies = [spread.between_models, spread.between_images] if spread else [np.nan, np.nan]
        models = len(spread.means) if spread else 1
        table.append(
            [row.label, row.images, row.both_empty, *_figures(bounds), *cost, models, *_figures(varies), scored_on, *further]
        )
    return csv_text(table)


def _ends(column: Column) -> list[str]:
    return ["", "_low", "_high", *(["_images"] if column.may_be_undefined else [])]


def _further(row: Row, column: Column) -> list[str]:
    """Return the cells of one of `MORE_COLUMNS`, as `_ends` names them."""
    defined = str(row.defined.get(column.name, ""))
    return [*_figures(row.scores.get(column.name, (np.nan,) * 3)), *([defined] if column.may_be_undefined else [])]


def _figures(values: Sequence[float]) -> list[str]:
    """Return values with six decimals; empty where one is unknown."""
    return ["" if np.isnan(value) else f"{value:.6f}" for value in values]


def to_markdown(rows: Sequence[Row], scored_on: str) -> str:
    """Return the table in Markdown, intervals in brackets, the best in bold; notes stand below it."""
    lines = _texts(rows, lambda text: f"**{text}**", escaped_markdown)
    return markdown_table(lines, [escaped_markdown(note) for note in _notes(rows, scored_on)])


def to_latex(rows: Sequence[Row], scored_on: str) -> str:
    """Return the table in LaTeX (needs the package booktabs), intervals in brackets, the best in bold; notes are comments."""
    return latex_table(_texts(rows, lambda text: f"\\textbf{{{text}}}", escaped_latex), _notes(rows, scored_on))


def _notes(rows: Sequence[Row], scored_on: str) -> list[str]:
    """Return the notes to the table, each one line."""
    of_rows = [note for row in rows for note in row.notes]
    return [f"Scored on {' '.join(scored_on.split())}. In brackets: 95 % bootstrap intervals.", *of_rows]


def _texts(rows: Sequence[Row], bold: Callable[[str], str], escape: Callable[[str], str]) -> list[list[str]]:
    """Return all cells of the table, the header row first."""
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


COSTS = {
    "Parameters": MEANINGS["parameters"],
    "GMACs": MEANINGS["multiply_adds"],
    "ms per image": MEANINGS["milliseconds"],
}
"""Titles of a model's costs, and what they mean."""


def cost_cells(cost: Cost | None) -> list[str]:
    """Return the cost of a model as text: millions of parameters, billions of multiply-adds, milliseconds."""
    if cost is None:
        return ["–"] * len(COSTS)
    return [f"{cost.parameters / 1e6:.1f} M", f"{cost.multiply_adds / 1e9:.2f}", f"{cost.milliseconds:.0f}"]
