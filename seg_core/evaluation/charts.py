"""Charts of a comparison and of a training, as plain JSON for plotly's browser library; plotly itself is not imported.

The Compare page and the HTML report show the same charts. Model names are escaped, since plotly reads them as markup. Each point
that stands for an image carries its id as ``customdata``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from html import escape
from typing import Any, Literal

import numpy as np

from seg_core.evaluation.bootstrap import TIE
from seg_core.evaluation.group import Scored
from seg_core.evaluation.result import Reliability
from seg_core.evaluation.trust import risk_coverage
from seg_core.training.history import EPOCH_METRICS

SPLIT_STYLES = {"train": (", training", "dash"), "val": ("", "solid")}
SMALLEST = 0.01
"""Lesions that cover less of an image, in percent, are drawn at this value: a logarithmic axis has no 0."""

MOST_DRAWN = 6
"""Models whose photographs are drawn as points; those of more would hide each other."""

_SHARES = [-0.02, 1.02]
_EQUAL = "#8a94a3"
_GUIDE = {"dash": "dash", "color": _EQUAL, "width": 1}

Evaluations = Mapping[str, Scored]
Colours = Mapping[str, str]


@dataclass(frozen=True)
class Chart:
    """A chart: its title, the sentence below it, and the figure for plotly."""

    title: str
    caption: str
    figure: dict[str, Any]
    of_images: bool = False
    """True if its points are images."""


def curves(histories: Mapping[str, Sequence[Mapping[str, Mapping[str, float]]]], colours: Colours) -> list[Chart]:
    """Return loss, accuracy, IoU and Dice of runs by epoch, training dashed, validation solid.

    Args:
        histories: for each run, by label, the metrics of ``train`` and ``val`` of every epoch.
        colours: for each run, by label.
    """
    charts = []
    for metric, title in EPOCH_METRICS.items():
        traces = [
            {
                "x": list(range(1, len(epochs) + 1)),
                "y": [epoch[split].get(metric) for epoch in epochs],
                "mode": "lines" if len(epochs) > 1 else "markers",
                "name": f"{escape(label)}{words}",
                "legendgroup": escape(label),
                "showlegend": split == "val",
                "line": {"color": colours[label], "dash": dash},
                "marker": {"symbol": "circle" if split == "val" else "circle-open"},  # a single epoch has no line
            }
            for label, epochs in histories.items()
            for split, (words, dash) in SPLIT_STYLES.items()
        ]
        charts.append(Chart(title, "", _figure(traces, "epoch", title)))
    return charts


def comparison(
    evaluations: Evaluations, colours: Colours, threshold: float | None = None, ceiling: float | None = None
) -> list[Chart]:
    """Return the charts of models at a threshold or, if None, each one's own; that of paired models comes first.

    ``ceiling`` is the mean IoU of experts among each other, which is drawn as a dashed line.
    """
    scores = {label: evaluation.scores(threshold)["iou"] for label, evaluation in evaluations.items()}
    drawn = dict(list(evaluations.items())[:MOST_DRAWN])
    several = [_against(drawn, scores, colours)] if len(evaluations) > 1 else []
    each = [_distribution(evaluations, scores, colours), _by_size(drawn, scores, colours)]
    if more := len(evaluations) - len(drawn):
        limit = f" Drawn are the first {MOST_DRAWN} of {MOST_DRAWN + more} models."
        several, each[1:] = ([replace(chart, caption=chart.caption + limit) for chart in some] for some in (several, each[1:]))
    by_threshold = _by_threshold(evaluations, colours)
    if ceiling is not None:
        each = [_with_ceiling(each[0], ceiling, "x"), _with_ceiling(each[1], ceiling, "y")]
        by_threshold = _with_ceiling(by_threshold, ceiling, "y")
    of_all = [by_threshold, _reliability(evaluations, colours), _risk(evaluations, colours, threshold)]
    return [*several, *each, *of_all]


def _with_ceiling(chart: Chart, value: float, axis: Literal["x", "y"]) -> Chart:
    """Draw a dashed line at a mean IoU of experts across a chart whose scores are along an axis."""
    along, across = axis, "y" if axis == "x" else "x"
    line = {f"{along}0": value, f"{along}1": value, f"{across}0": 0, f"{across}1": 1, f"{across}ref": "paper"}
    label = {"text": "experts", "font": {"size": 11, "color": _EQUAL}, "textposition": "start" if axis == "y" else "end"}
    shape = {"type": "line", **line, "line": {**_GUIDE, "width": 2}, "layer": "above", "label": label}
    layout = chart.figure["layout"] | {"shapes": [shape]}
    caption = f"{chart.caption} Dashed: experts among each other, {value:.3f} on average."
    return replace(chart, caption=caption, figure=chart.figure | {"layout": layout})


def _against(evaluations: Evaluations, scores: Mapping[str, np.ndarray], colours: Colours) -> Chart:
    first, *others = evaluations
    ours = dict(zip(evaluations[first].ids, scores[first].tolist(), strict=True))
    traces, lowest = [_guide()], 1.0
    for label in others:
        shared = [(id, iou) for id, iou in zip(evaluations[label].ids, scores[label].tolist(), strict=True) if id in ours]
        x, y = [ours[id] for id, _ in shared], [iou for _, iou in shared]
        lowest = min([lowest, *x, *y])
        points = _points(label, colours, x, y, [id for id, _ in shared])
        traces += [points] if len(others) > 1 else _by_winner(points, first, label, colours)
    caption = f"IoU of each photograph; above the dashed line it is higher than by {first}."
    figure = _figure(traces, f"IoU, {escape(first)}", f"IoU, {escape(others[0]) if len(others) == 1 else 'the others'}")
    # A square, in which the guide is the diagonal, of the part that holds points.
    square = {"range": [max(0.0, np.floor(10 * lowest) / 10) - 0.02, 1.02], "constrain": "domain"}
    figure["layout"] |= {"height": 520, "legend": figure["layout"]["legend"] | {"y": -0.16}}
    figure["layout"]["xaxis"] |= square
    figure["layout"]["yaxis"] |= square | {"scaleanchor": "x"}
    return Chart("One against the other", caption, figure, of_images=True)


def _by_winner(points: dict[str, Any], first: str, second: str, colours: Colours) -> list[dict[str, Any]]:
    """Return the points of two models, each in the colour of the better one, and a legend with the counts."""
    gains = np.subtract(points["y"], points["x"])
    winners = {f"{first} higher": (gains < -TIE, colours[first]), f"{second} higher": (gains > TIE, colours[second])}
    inks = np.full(len(gains), _EQUAL, dtype=object)
    for which, colour in winners.values():
        inks[which] = colour
    points |= {"marker": points["marker"] | {"color": inks.tolist()}, "showlegend": False, "name": ""}
    keys = [(name, colour, int(which.sum())) for name, (which, colour) in winners.items()]
    keys.append(("equal", _EQUAL, len(gains) - sum(count for *_, count in keys)))
    legend = [
        {"x": [None], "y": [None], "mode": "markers", "name": f"{escape(name)}: {count}", "marker": {"color": colour, "size": 9}}
        for name, colour, count in keys
        if count
    ]
    return [points, *legend]


def _distribution(evaluations: Evaluations, scores: Mapping[str, np.ndarray], colours: Colours) -> Chart:
    traces = [
        {
            "type": "box",
            "x": _numbers(scores[label]),
            "customdata": list(evaluation.ids),
            "name": escape(label),
            "marker": {"color": colours[label], "size": 5, "opacity": 0.6},
            "boxpoints": "all" if len(evaluations) <= MOST_DRAWN else "outliers",
            "jitter": 0.5,
            "pointpos": 0,
            "hoveron": "points",
            "hovertemplate": "%{customdata}: %{x:.3f}<extra></extra>",
        }
        for label, evaluation in evaluations.items()
    ]
    figure = _figure(traces, "IoU", "")
    figure["layout"]["xaxis"] |= {"range": _SHARES}
    figure["layout"]["yaxis"] |= {"showticklabels": False, "autorange": "reversed"}
    return Chart("Distribution", "IoU of every photograph, with quartiles.", figure, of_images=True)


def _by_size(evaluations: Evaluations, scores: Mapping[str, np.ndarray], colours: Colours) -> Chart:
    traces = []
    for label, evaluation in evaluations.items():
        size = np.maximum(100 * evaluation.lesion / evaluation.pixels, SMALLEST)
        traces.append(_points(label, colours, _numbers(size), _numbers(scores[label]), list(evaluation.ids)))
    figure = _figure(traces, "lesion, % of the photograph", "IoU")
    figure["layout"]["xaxis"] |= {"type": "log", "dtick": 1}
    figure["layout"]["yaxis"] |= {"range": _SHARES}
    caption = f"IoU by the share of the photograph that the lesion covers; smaller lesions are drawn at {SMALLEST} %."
    return Chart("Lesion size", caption, figure, of_images=True)


def _by_threshold(evaluations: Evaluations, colours: Colours) -> Chart:
    traces: list[dict[str, Any]] = []
    for label, evaluation in evaluations.items():
        x, y, marked = _numbers(evaluation.thresholds), _iou_by_threshold(evaluation), evaluation.index()
        hover = "threshold %{x:.2f}: %{y:.4f}<extra>%{fullData.name}</extra>"
        line = {"mode": "lines", "name": escape(label), "line": {"color": colours[label]}, "hovertemplate": hover}
        mark = {"mode": "markers", "marker": {"color": colours[label], "size": 9}, "hoverinfo": "skip", "showlegend": False}
        traces += [{"x": x, "y": y, **line}, {"x": [x[marked]], "y": [y[marked]], **mark}]
    figure = _figure(traces, "threshold", "mean IoU")
    return Chart("Threshold", "Mean IoU at every threshold; each model's threshold is marked.", figure)


def _reliability(evaluations: Evaluations, colours: Colours) -> Chart:
    traces: list[dict[str, Any]] = [_guide()]
    for label, evaluation in evaluations.items():
        reliability = _reliability_of(evaluation)
        traces.append(
            {
                "x": _numbers(reliability.predicted),
                "y": _numbers(reliability.found),
                "customdata": _numbers(reliability.weight),
                "mode": "lines+markers",
                "name": f"{escape(label)} · ECE {reliability.calibration_error:.3f}",
                "line": {"color": colours[label]},
                "connectgaps": True,
                "hovertemplate": "predicted %{x:.2f}, lesion %{y:.2f}, %{customdata:.1%} of the pixels<extra></extra>",
            }
        )
    caption = (
        "Share of pixels that are lesion by predicted probability, in ten bins; a calibrated model follows the dashed line. "
        "ECE, the expected calibration error, is the mean distance from that line; every photograph counts the same."
    )
    return Chart("Calibration", caption, _figure(traces, "predicted probability", "share that is lesion"))


def _risk(evaluations: Evaluations, colours: Colours, threshold: float | None) -> Chart:
    traces = []
    for label, evaluation in evaluations.items():
        taken, iou = risk_coverage(evaluation, threshold)
        traces.append(
            {
                "x": _numbers(taken),
                "y": _numbers(iou),
                "mode": "lines" if len(taken) > 1 else "markers",
                "name": escape(label),
                "line": {"color": colours[label]},
                "hovertemplate": "the surest %{x:.0%}: mean IoU %{y:.3f}<extra>%{fullData.name}</extra>",
            }
        )
    figure = _figure(traces, "share of the masks that is taken, the surest first", "mean IoU of these")
    figure["layout"]["xaxis"] |= {"range": _SHARES, "tickformat": ".0%"}
    caption = (
        "Mean IoU of the masks that the model is surest of: what may be taken unseen, if somebody looks at the others. A flat "
        "line says that the model does not know which of its masks are poor."
    )
    return Chart("Trust", caption, figure)


def _points(label: str, colours: Colours, x: list[Any], y: list[Any], ids: list[str]) -> dict[str, Any]:
    return {
        "x": x,
        "y": y,
        "customdata": ids,
        "mode": "markers",
        "name": escape(label),
        "marker": {"color": colours[label], "size": 7, "opacity": 0.7},
        "hovertemplate": "%{customdata}: %{x:.3~f}, %{y:.3f}<extra>%{fullData.name}</extra>",
    }


def _guide() -> dict[str, Any]:
    return {"x": [0, 1], "y": [0, 1], "mode": "lines", "line": _GUIDE, "hoverinfo": "skip", "showlegend": False}


@lru_cache(maxsize=128)  # a page is redrawn at every click
def _iou_by_threshold(evaluation: Scored) -> list[float | None]:
    return _numbers(evaluation.curve("iou"))


@lru_cache(maxsize=128)
def _reliability_of(evaluation: Scored) -> Reliability:
    return evaluation.reliability()


def _numbers(values: np.ndarray) -> list[float | None]:
    """Return values for JSON, which has no NaN."""
    return [None if value != value else value for value in np.round(np.asarray(values, np.float64), 4).tolist()]


def _figure(traces: list[dict[str, Any]], x: str, y: str) -> dict[str, Any]:
    return {
        "data": traces,
        "layout": {
            "height": 360,
            "margin": {"l": 55, "r": 15, "t": 10, "b": 45},
            "xaxis": {"title": {"text": x}, "zeroline": False},
            "yaxis": {"title": {"text": y}, "zeroline": False},
            "legend": {"orientation": "h", "x": 0, "y": -0.28, "yanchor": "top"},  # above, it would lie behind plotly's buttons
            "showlegend": True,
        },
    }
