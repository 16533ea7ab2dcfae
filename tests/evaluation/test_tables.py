"""The table of scores and its three files, and the paired differences."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from seg_core.evaluation.bootstrap import mean_interval
from seg_core.evaluation.columns import COLUMNS, MORE_COLUMNS
from seg_core.evaluation.comparison import score_rows, scored_on
from seg_core.evaluation.leaderboard import answers
from seg_core.evaluation.lesion_size import RESAMPLES
from seg_core.evaluation.pairing import pairings
from seg_core.evaluation.result import MASK_METRICS, METRICS, RANKING_METRICS, Evaluation
from seg_core.evaluation.subgroups import by_lesion_size, compare_parts
from seg_core.evaluation.tables import best, cell, margin, part_rows, to_csv, to_latex, to_markdown
from seg_core.prediction.cost import Cost
from tests.evaluation.stub import per_image

ON = "my_data, test split, at threshold 0.50"
COST = Cost(4_200_000, 1_500_000_000, 12.4)


def evaluation(overlaps: dict[str, int], boundary: float = 0.5) -> Evaluation:
    """Images of 1,000 pixels, 100 of them lesion, with so many true positives and no false ones: an IoU in hundredths."""
    true_positive = np.array(list(overlaps.values()))[:, None]
    count = len(true_positive)
    return Evaluation(
        ids=tuple(overlaps),
        thresholds=np.array([0.5]),
        model_threshold=0.5,
        true_positive=true_positive,
        false_positive=0 * true_positive,
        lesion=np.full(count, 100),
        pixels=np.full(count, 1000),
        probability=np.zeros((count, 2)),
        **per_image(count, boundary_iou=boundary, hausdorff_95=0.05 * boundary, hausdorff_px=90 * boundary, auroc=0.9),
    )


IDS = [f"image{number:02d}" for number in range(40)]
LOWER = {id: 50 + number for number, id in enumerate(IDS)}
FIRST, SECOND = evaluation(LOWER), evaluation({id: value + 1 for id, value in LOWER.items()}, boundary=0.25)


def test_a_row_holds_means_with_intervals() -> None:
    (row,) = score_rows({"A": FIRST}, {"A": COST})
    iou = row.scores["iou"]
    assert iou.mean == pytest.approx(np.mean(list(LOWER.values())) / 100)
    assert 0.65 < iou.low < iou.mean < iou.high < 0.74
    texts = {column.name: (cell(row, column), margin(row, column)) for column in COLUMNS}
    assert texts["iou"][0] == "0.6950"
    assert texts["boundary_iou"] == ("0.5000", "0.500–0.500")
    assert texts["hausdorff_95"] == ("2.50 %", "2.5–2.5 %")
    # Every lesion is a tenth of the frame.
    _, low, high = mean_interval(np.array(list(LOWER.values())) / 100, RESAMPLES)
    sizes = by_lesion_size([FIRST])
    assert part_rows(sizes, compare_parts({"A": FIRST}, sizes)) == [
        ("5 to 20 %", [("40", ""), ("0.6950", f"{low:.3f}–{high:.3f}")])  # there are no others to compare with
    ]


def test_further_columns_are_there_to_be_offered() -> None:
    undefined = replace(FIRST, auroc=np.where(np.arange(40) < 10, np.nan, 0.9), average_precision=np.full(40, np.nan))
    (row,) = score_rows({"A": undefined}, {})
    texts = {column.name: (cell(row, column), margin(row, column)) for column in MORE_COLUMNS}
    assert texts["hausdorff_px"] == ("45.0 px", "45–45 px")
    assert texts["lesion_f1"] == ("0.0000", "0.000–0.000")
    assert texts["auroc"] == ("0.9000", "0.900–0.900, n = 30")
    assert texts["average_precision"] == ("–", "")
    # Of 100 pixels of lesion v are marked and no others.
    assert texts["area_similarity"][0] == f"{np.mean([2 * v / (100 + v) for v in LOWER.values()]):.4f}"
    everything = (*COLUMNS, *MORE_COLUMNS)
    assert {column.name for column in everything} == {*METRICS, *MASK_METRICS, "area_similarity", *RANKING_METRICS}
    assert set(row.scores) == {column.name for column in everything}
    assert len({column.title for column in everything}) == len(everything)
    assert all(column.meaning.endswith(".") for column in everything)
    assert {column.name for column in everything if column.may_be_undefined} == set(RANKING_METRICS)
    (at_a_half,) = score_rows({"A": undefined}, {}, 0.5)
    assert set(at_a_half.scores) == {*METRICS, "area_similarity", *RANKING_METRICS}


def test_the_best_of_a_further_column() -> None:
    closer = replace(FIRST, hausdorff_px=FIRST.hausdorff_px - 0.01, auroc=FIRST.auroc + 0.01)
    unknown = replace(FIRST, hausdorff_px=FIRST.hausdorff_px - 10, auroc=np.full(40, np.nan))
    rows = score_rows({"A": FIRST, "B": closer, "C": unknown}, {})
    leaders = {column.name: best(rows, column) for column in MORE_COLUMNS}
    assert leaders["auroc"] == {"B"}
    assert leaders["hausdorff_px"] == {"C"}
    assert best(rows[:2], next(column for column in MORE_COLUMNS if column.unit == "px")) == {"A", "B"}  # 45.0 px both
    assert best(rows[::2], next(column for column in MORE_COLUMNS if column.name == "auroc")) == set()


def test_the_iou_by_lesion_size_is_that_at_the_threshold() -> None:
    found = np.hstack([FIRST.true_positive, FIRST.true_positive // 2])
    two = replace(
        FIRST, thresholds=np.array([0.5, 0.6]), true_positive=found, false_positive=0 * found, probability=np.zeros((40, 3))
    )
    sizes = by_lesion_size([two])
    ((_, cells),) = part_rows(sizes, compare_parts({"A": two}, sizes, 0.6))
    assert cells[1][0] == f"{np.mean(FIRST.true_positive // 2) / 100:.4f}"


def test_boundary_scores_are_known_at_the_models_threshold_only() -> None:
    (row,) = score_rows({"A": FIRST}, {}, 0.5)
    (boundary,) = [column for column in COLUMNS if column.name == "boundary_iou"]
    assert (cell(row, boundary), margin(row, boundary)) == ("–", "")


def test_the_best_is_what_the_shown_digits_say() -> None:
    rows = score_rows({"A": FIRST, "B": SECOND, "C": SECOND}, {})
    leaders = {column.name: best(rows, column) for column in COLUMNS}
    assert leaders["iou"] == {"B", "C"}
    assert leaders["boundary_iou"] == {"A"}
    assert leaders["hausdorff_95"] == {"B", "C"}  # lower is better
    assert best(rows[:1], COLUMNS[0]) == set()
    others = evaluation({f"other{number}": 90 for number in range(40)})
    assert best(score_rows({"A": FIRST, "B": others}, {}), COLUMNS[0]) == set()  # as many, but other images


def test_models_are_compared_on_the_images_that_all_have() -> None:
    third = evaluation({"image00": 49, "image01": 53, "elsewhere": 10})
    compared = {(pairing.first, pairing.second): pairing for pairing in pairings({"A": FIRST, "B": SECOND, "C": third})}
    # On two images: C 0.49 and 0.53, A 0.50 and 0.51, B 0.51 and 0.52; the better one of each pairing is first.
    assert {pair: pairing.images for pair, pairing in compared.items()} == {("B", "C"): 2, ("B", "A"): 2, ("C", "A"): 2}
    assert [round(pairing.difference.interval.mean, 4) for pairing in compared.values()] == [0.005, 0.01, 0.005]
    assert (compared["B", "C"].difference.wins, compared["B", "C"].difference.losses) == (1, 1)
    assert answers(list(compared.values()), None) == [compared["B", "C"].sentence, compared["B", "A"].sentence]
    rows = score_rows({"A": FIRST, "B": SECOND, "C": third}, {})
    assert [(row.label, row.images, round(row.scores["iou"].mean, 4)) for row in rows] == [
        ("A", 2, 0.505),
        ("B", 2, 0.515),
        ("C", 2, 0.51),
    ]
    assert best(rows, COLUMNS[0]) == {"B"}
    assert scored_on({"A": FIRST, "C": third}) == "Scored on the 2 photographs that all have, of 41."
    assert scored_on({"A": FIRST, "B": SECOND}) == scored_on({"A": FIRST}) == scored_on({}) == ""

    (pairing,) = pairings({"A": FIRST, "B": SECOND})
    assert (pairing.first, pairing.images, pairing.p) == ("B", 40, pairing.difference.p)
    three = {"A": FIRST, "B": SECOND, "D": evaluation({id: value + 2 for id, value in LOWER.items()})}
    assert [(each.first, each.second) for each in pairings(three)] == [("D", "B"), ("D", "A"), ("B", "A")]
    assert pairings(three)[0].p == pytest.approx(3 * pairings(three)[0].difference.p)  # the smallest of three


def test_models_that_share_no_image_are_not_compared() -> None:
    others = evaluation({"elsewhere": 3})
    assert pairings({"A": FIRST}) == pairings({"A": FIRST, "D": others}) == []
    assert [row.images for row in score_rows({"A": FIRST, "D": others}, {})] == [40, 1]
    assert scored_on({"A": FIRST, "D": others}).startswith("No photograph is scored for all of these")
    three = pairings({"A": FIRST, "B": SECOND, "D": others})
    assert [(each.first, each.second, each.images) for each in three] == [("B", "A", 40)]


def test_nothing_marked_on_nothing_is_a_note_with_its_count() -> None:
    found = evaluation({"a": 50, "b": 0, "c": 0})
    found.lesion[1:] = 0  # b and c have no lesion, and nothing is marked in them
    (row,) = score_rows({"A": found}, {})
    assert row.both_empty == 2
    assert row.scores["iou"].mean == pytest.approx((0.5 + 1 + 1) / 3)
    note = "In 2 of the 3 photographs there is no lesion and A marks none: each counts as 1 in its means."
    assert row.notes == [note]
    assert to_markdown([row], ON).splitlines()[-1] == note
    assert f"% {note}" in to_latex([row], ON)
    assert next(csv.DictReader(io.StringIO(to_csv([row], ON))))["both_empty"] == "2"


def test_the_table_as_csv() -> None:
    table = list(csv.DictReader(io.StringIO(to_csv(score_rows({"A, 1": FIRST, "B": SECOND}, {"B": COST}), ON))))
    assert [row["model"] for row in table] == ["A, 1", "B"]
    assert float(table[0]["iou"]) == pytest.approx(0.695)
    assert float(table[0]["iou_low"]) < 0.695 < float(table[0]["iou_high"])
    assert (table[0]["parameters"], table[1]["parameters"], table[1]["milliseconds"]) == ("", "4200000", "12.40")
    assert {row["scored_on"] for row in table} == {ON}
    names = list(table[0])
    assert names[names.index("scored_on") + 1 :] == [
        *(f"{name}{end}" for name in MORE[:5] for end in ("", "_low", "_high")),
        *(f"{name}{end}" for name in MORE[5:] for end in ("", "_low", "_high", "_images")),
    ]
    assert (table[0]["auroc"], table[0]["auroc_images"], table[0]["hausdorff_px"]) == ("0.900000", "40", "45.000000")
    unknown = replace(FIRST, auroc=np.where(np.arange(40) < 39, np.nan, 0.9), average_precision=np.full(40, np.nan))
    (row,) = csv.DictReader(io.StringIO(to_csv(score_rows({"A": unknown}, {}), ON)))
    assert [row[f"auroc{end}"] for end in ("", "_low", "_high", "_images")] == ["0.900000", "", "", "1"]
    assert [row[f"average_precision{end}"] for end in ("", "_low", "_images")] == ["", "", "0"]
    (row,) = csv.DictReader(io.StringIO(to_csv(score_rows({"A": FIRST}, {}, 0.5), ON)))
    assert (row["surface_dice"], row["auroc_images"]) == ("", "40")


MORE = ("surface_dice", "hausdorff_px", "hausdorff_95_px", "area_similarity", "lesion_f1", "auroc", "average_precision")


def test_the_table_as_markdown() -> None:
    text = to_markdown(score_rows({"A|1*": FIRST, "B": SECOND}, {"B": COST}), ON)
    head, rule, first, second, _, note = text.splitlines()
    assert head.count("|") == rule.count("|") == second.count("|") == 14
    assert first.startswith("| A\\|1\\* | 40 | 0.6950 (")
    assert "| **0.7050** (" in second
    assert second.endswith("| 4.2 M | 1.50 | 12 |")
    assert first.endswith("| – | – | – |")
    assert note == r"Scored on my\_data, test split, at threshold 0.50. In brackets: 95 % bootstrap intervals."


def test_the_table_as_latex() -> None:
    note, *lines = to_latex(score_rows({r"A & 1_x\~<": FIRST, "B": SECOND}, {}), ON).splitlines()
    assert note == f"% Scored on {ON}. In brackets: 95 % bootstrap intervals."
    assert lines[0] == r"\begin{tabular}{lrrrrrrrrrrrr}"
    assert lines[4].startswith(r"A \& 1\_x\textbackslash{}\textasciitilde{}\textless{} & 40 & 0.6950 (")
    assert r"& \textbf{0.7050} (" in lines[5]
    assert r"\textbf{1.25 \%}" in lines[5]
    assert all(line.endswith(r"\\") for line in (lines[2], lines[4], lines[5]))
    assert lines[-1] == r"\end{tabular}"
