"""Models set beside each other on the same images: what each scores, how sure that is, and which one is better."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np

from seg_core.complexity import Cost
from seg_core.group_evaluation import GroupEvaluation, Scored
from seg_core.statistics import (
    Difference,
    Interval,
    holm,
    mean_intervals,
    models_margin,
    paired_difference,
    verdict,
    widened,
)


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


@dataclass(frozen=True)
class Spread:
    """How the IoU of a group varies: the mean of each model, and the standard deviation between images, of one image NaN."""

    means: tuple[float, ...]
    between_images: float
    same_images: bool
    """Whether all models were scored on the same images, so that their means differ by the models alone."""

    @property
    def between_models(self) -> float:
        """The standard deviation of the models' means; NaN where they were scored on different images."""
        return float(np.std(self.means, ddof=1)) if self.same_images else np.nan

    @property
    def sentence(self) -> str:
        """Both, in words."""
        each = ", ".join(f"{mean:.4f}" for mean in self.means)
        where = "" if self.same_images else ", on photographs of its own,"
        deviations = {"models": self.between_models, "photographs": self.between_images}
        known = [f"between {what} {value:.4f}" for what, value in deviations.items() if not np.isnan(value)]
        return f"mean IoU of each model{where} {each}" + (f"; standard deviation {', '.join(known)}" if known else "")


@dataclass(frozen=True)
class Row:
    """What a model scores: the mean of each column with its 95 % interval over the images ``ids``, and what it costs."""

    label: str
    ids: frozenset[str]
    scores: dict[str, Interval]
    cost: Cost | None
    """None for masks of another program."""
    spread: Spread | None = None
    """Of a group, how its IoU varies."""

    @property
    def images(self) -> int:
        """How many images it is scored on."""
        return len(self.ids)


@dataclass(frozen=True)
class Pairing:
    """Two models on the images that both have masks for; positive differences speak for the first."""

    first: str
    second: str
    images: int
    difference: Difference
    p: float
    """Holm's correction over all pairings of the comparison."""

    @property
    def sentence(self) -> str:
        """What it means."""
        return verdict(self.first, self.second, self.difference, self.p)


def score_rows(evaluations: Mapping[str, Scored], costs: Mapping[str, Cost | None], threshold: float | None = None) -> list[Row]:
    """A row for each model or group, by its label, at a threshold or, None, at its own."""
    return [
        Row(label, frozenset(evaluation.ids), _intervals(evaluation, threshold), costs.get(label), _spread(evaluation, threshold))
        for label, evaluation in evaluations.items()
    ]


@lru_cache(maxsize=32)  # a page is drawn anew for every click
def _intervals(evaluation: Scored, threshold: float | None) -> dict[str, Interval]:
    scores = evaluation.own_scores if threshold is None else evaluation.scores(threshold)
    intervals = dict(zip(scores, mean_intervals(np.column_stack(list(scores.values()))), strict=True))
    if isinstance(evaluation, GroupEvaluation) and evaluation.is_crossed:
        tables = evaluation.tables(threshold)
        return {name: widened(interval, models_margin([tables[name].mean(axis=1)])) for name, interval in intervals.items()}
    return intervals


def _spread(evaluation: Scored, threshold: float | None) -> Spread | None:
    if not isinstance(evaluation, GroupEvaluation):
        return None
    means, iou = evaluation.means_of_members("iou", threshold), evaluation.scores(threshold)["iou"]
    between_images = float(np.std(iou, ddof=1)) if len(iou) > 1 else np.nan
    return Spread(tuple(means.tolist()), between_images, evaluation.is_crossed)


def best(rows: Sequence[Row], column: Column) -> set[str]:
    """The labels of the rows that are best in a column, as far as the digits that are shown tell; none where not alike."""
    shown = {row.label: cell(row, column) for row in rows if column.name in row.scores}
    if len(shown) < 2 or len({row.ids for row in rows}) > 1:
        return set()
    values = {label: float(text.rstrip(" %")) for label, text in shown.items()}
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


def _shown(value: float, column: Column, digits: int = 4) -> str:
    return f"{100 * value:.{digits - 2}f} %" if column.percent else f"{value:.{digits}f}"


def pairings(evaluations: Mapping[str, Scored], threshold: float | None = None) -> list[Pairing]:
    """Every two models or groups by their IoU, each on the images that both have; none where they share no image.

    A group's score of an image is the mean of its models. Where every model of a group was scored on every image, the interval of
    the difference counts what these models vary too.
    """
    found = []
    for first, second in combinations(evaluations, 2):
        ids, difference = _difference(evaluations[first], evaluations[second], threshold)
        if difference:
            found.append((first, second, ids, difference))
    corrected = holm([difference.p for *_, difference in found])
    return [Pairing(*each, p) for each, p in zip(found, corrected, strict=True)]


@lru_cache(maxsize=32)  # a page is drawn anew for every click
def _difference(first: Scored, second: Scored, threshold: float | None) -> tuple[int, Difference | None]:
    """How many images both have, and what the first scores above the second there; None where that is none."""
    theirs = set(second.ids)
    shared = [id for id in first.ids if id in theirs]
    if not shared:
        return 0, None
    tables = [_table(one, threshold, shared) for one in (first, second)]
    difference = paired_difference(*(table.mean(axis=0) for table in tables))
    margin = models_margin([table.mean(axis=1) for table in tables])
    return len(shared), difference._replace(interval=widened(difference.interval, margin, -1, 1))


def _table(evaluation: Scored, threshold: float | None, ids: Sequence[str]) -> np.ndarray:
    """(R, N) the IoU of some images by each model of a group, or in one row where there is one or not all have them."""
    if isinstance(evaluation, GroupEvaluation) and evaluation.is_crossed:
        scores = evaluation.tables(threshold)["iou"]
    else:
        scores = evaluation.scores(threshold)["iou"][None]
    row = {id: place for place, id in enumerate(evaluation.ids)}
    return scores[:, [row[id] for id in ids]]


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
