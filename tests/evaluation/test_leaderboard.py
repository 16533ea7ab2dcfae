"""Ranks of models, with ties, and how sure they are."""

from __future__ import annotations

import numpy as np
import pytest

from seg_core.evaluation.leaderboard import answers, leaderboard, places_by
from seg_core.evaluation.pairing import pairings
from seg_core.evaluation.rank_charts import rank_charts
from seg_core.evaluation.sheets import leaderboard_sheet, pairing_sheet
from tests.evaluation.test_tables import evaluation

RANDOM = np.random.default_rng(5)
LESIONS = {f"photo {number}": int(hit) for number, hit in enumerate(RANDOM.integers(60, 95, 80))}


def less(by: int, spread: int = 2) -> dict[str, int]:
    """Fewer of the hundred pixels of each lesion, by about as many."""
    noise = np.random.default_rng(by).integers(-spread, spread + 1, len(LESIONS)).tolist()
    return {id: min(100, max(1, hit - by + some)) for (id, hit), some in zip(LESIONS.items(), noise, strict=True)}


MODELS = {
    "second": evaluation(less(0)),
    "worst": evaluation(less(30)),
    "first": evaluation(LESIONS),
    "third": evaluation(less(12)),
}


def test_models_share_a_rank_unless_one_is_shown_to_be_better() -> None:
    board = leaderboard(MODELS)
    assert board
    assert [place.label for place in board.places][2:] == ["third", "worst"]
    assert [place.rank for place in board.places] == [1, 1, 3, 4]
    assert [place.finding for place in board.places] == ["", "as good within 0.01", "worse", "worse"]
    assert [(place.best, place.worst) for place in board.places[2:]] == [(3, 3), (4, 4)]
    assert sum(board.places[0].shares) == pytest.approx(1)
    assert 1 <= board.places[0].shares[0] + board.places[1].shares[0] < 1.1  # in some resamples both have the same mean
    assert board.places[3].by_score["dice"] == 4
    assert board.images == 80


def test_the_verdict_of_many_models_names_who_is_as_good_and_who_is_worse() -> None:
    board = leaderboard(MODELS)
    assert board
    said = answers(pairings(MODELS), board)
    assert said[0].startswith(f"{board.places[0].label} leads: IoU 0.7")
    assert said[1:] == [f"As good within 0.01: {board.places[1].label}.", "Worse: third, worst."]
    few = {label: MODELS[label] for label in ("first", "third")}
    assert answers(pairings(few), leaderboard(few)) == [pairings(few)[0].sentence]


def test_equal_means_have_the_better_place() -> None:
    assert places_by(np.array([0.3, 0.1, 0.3, 0.9])).tolist() == [2, 1, 2, 4]
    same = leaderboard({"A": MODELS["first"], "B": MODELS["first"], "C": MODELS["worst"]})
    assert same
    assert [place.by_score["iou"] for place in same.places] == [1, 1, 3]
    assert [place.shares for place in same.places[:2]] == [(1, 0, 0), (1, 0, 0)]


def test_models_that_share_no_image_have_no_ranks() -> None:
    assert leaderboard({"A": evaluation({"a": 50}), "B": evaluation({"b": 50})}) is None
    assert leaderboard({}) is None


def test_charts_show_every_pair_and_every_place() -> None:
    board = leaderboard(MODELS)
    assert board
    who, places = (chart.figure["data"][0] for chart in rank_charts(board))
    assert [row[column] for column, row in enumerate(who["text"])] == [""] * 4  # none beside itself
    assert who["text"][0] == ["", "as good", "better", "better"]
    assert who["text"][3] == ["worse", "worse", "worse", ""]
    assert places["z"][3] == [0, 0, 0, 1]
    many = leaderboard({f"model {number}": evaluation(less(number)) for number in range(9)})
    assert many
    assert rank_charts(many)[0].figure["data"][0]["text"][8][0] == "−"


def test_sheets_have_the_same_figures_in_every_format() -> None:
    board = leaderboard(MODELS)
    assert board
    sheet = leaderboard_sheet(board)
    assert sheet.csv().splitlines()[1].startswith(f"1,{board.places[0].label},{board.places[0].score.mean:.6f}")
    assert f"| 3 | third | {board.places[2].score.mean:.4f} |" in sheet.markdown()
    assert sheet.markdown().rstrip().endswith("Worse: third, worst.")
    assert r"3 & third & " in sheet.latex()
    of_pairs = pairing_sheet(board.pairings)
    assert len(of_pairs.rows) == 6
    assert "< 0.0001" in of_pairs.markdown()
    assert "<" not in of_pairs.csv()
