"""Charts as plain JSON: names are text, points are images, and what is not known is left out."""

from __future__ import annotations

import json

import numpy as np

from seg_core.evaluation.charts import SMALLEST, comparison, curves
from seg_core.evaluation.result import Evaluation
from tests.evaluation.stub import per_image


def evaluation(ids: str, true_positive: int, lesion: int = 100) -> Evaluation:
    """Images of 1,000 pixels, ``lesion`` of them lesion: ``true_positive`` reach 0.25, half as many 0.75."""
    count = len(ids)
    return Evaluation(
        ids=tuple(ids),
        thresholds=np.array([0.25, 0.75]),
        model_threshold=0.25,
        true_positive=np.array([[true_positive, true_positive // 2]] * count),
        false_positive=np.zeros((count, 2), int),
        lesion=np.full(count, lesion),
        pixels=np.full(count, 1000),
        probability=np.tile([0.0, 0.5 * true_positive / 2, 0.9 * true_positive / 2], (count, 1)),
        **per_image(count, boundary_iou=1),
    )


COLOURS = {"<b>one</b>": "#000000", "two": "#ffffff"}


def test_a_comparison_is_json_in_which_names_are_text_and_points_are_images() -> None:
    charts = comparison({"<b>one</b>": evaluation("abc", 80), "two": evaluation("bcd", 60)}, COLOURS)
    assert [chart.title for chart in charts] == [
        "One against the other",
        "Distribution",
        "Lesion size",
        "Threshold",
        "Calibration",
        "Trust",
    ]
    assert [chart.of_images for chart in charts] == [True, True, True, False, False, False]
    text = json.dumps([chart.figure for chart in charts], allow_nan=False)
    assert "<b>" not in text
    assert "&lt;b&gt;one&lt;/b&gt;" in text
    guide, points, legend = charts[0].figure["data"]
    assert (points["marker"]["color"], legend["name"]) == (["#000000", "#000000"], "&lt;b&gt;one&lt;/b&gt; higher: 2")
    assert guide["mode"] == "lines"
    assert (points["customdata"], points["x"], points["y"]) == (["b", "c"], [0.8, 0.8], [0.6, 0.6])  # the images of both
    layout = charts[0].figure["layout"]
    assert (layout["showlegend"], layout["yaxis"]["scaleanchor"]) == (True, "x")  # named, and a square
    assert layout["xaxis"]["range"] == layout["yaxis"]["range"]
    marked = charts[3].figure["data"][1]
    assert (marked["x"], marked["y"]) == ([0.25], [0.8])


def test_scores_follow_the_threshold() -> None:
    distribution, *_ = comparison({"two": evaluation("ab", 80)}, COLOURS, 0.75)
    assert distribution.title == "Distribution"
    assert distribution.figure["data"][0]["x"] == [0.4, 0.4]


def test_an_image_without_lesion_has_a_place() -> None:
    size = comparison({"two": evaluation("a", 0, lesion=0)}, COLOURS)[1]
    assert (size.title, size.figure["data"][0]["x"]) == ("Lesion size", [SMALLEST])


def test_curves_hold_both_splits_of_every_run() -> None:
    epochs = [{"train": {"loss": 0.5, "iou": 0.6}, "val": {"loss": 0.4, "iou": 0.7}}] * 2
    loss, _, iou, _ = curves({"two": epochs}, COLOURS)
    assert [(trace["legendgroup"], trace["showlegend"]) for trace in loss.figure["data"]] == [("two", False), ("two", True)]
    alone, *_ = curves({"two": epochs[:1]}, COLOURS)
    marks = [(trace["mode"], trace["marker"]["symbol"]) for trace in alone.figure["data"]]
    assert marks == [("markers", "circle-open"), ("markers", "circle")]
    assert [(trace["name"], trace["y"], trace["line"]["dash"]) for trace in loss.figure["data"]] == [
        ("two, training", [0.5, 0.5], "dash"),
        ("two", [0.4, 0.4], "solid"),
    ]
    assert iou.figure["data"][1]["x"] == [1, 2]


def test_the_ceiling_of_experts_is_a_dashed_line_across_the_scores() -> None:
    evaluations = {"<b>one</b>": evaluation("abc", 80), "two": evaluation("bcd", 60)}
    charts = {chart.title: chart for chart in comparison(evaluations, COLOURS, ceiling=0.7)}
    lines = {title: chart.figure["layout"]["shapes"] for title, chart in charts.items() if "shapes" in chart.figure["layout"]}
    assert list(lines) == ["Distribution", "Lesion size", "Threshold"]
    for title, (line,) in lines.items():
        along, across = ("x", "y") if title == "Distribution" else ("y", "x")
        assert (line[f"{along}0"], line[f"{along}1"]) == (0.7, 0.7)
        assert (line[f"{across}0"], line[f"{across}1"], line[f"{across}ref"]) == (0, 1, "paper")
        assert line["line"]["dash"] == "dash"
        assert charts[title].caption.endswith("Dashed: experts among each other, 0.700 on average.")
    without = comparison(evaluations, COLOURS)
    assert not any("shapes" in chart.figure["layout"] or "experts" in chart.caption for chart in without)
