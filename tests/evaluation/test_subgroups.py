"""For whom a model fails: parts, differences and tests against SciPy and by hand, and the sentences on them."""

from __future__ import annotations

import csv
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, t, ttest_ind

from seg_core.data.partition import Part, Partition
from seg_core.evaluation.bootstrap import Interval, mean_interval
from seg_core.evaluation.confidence import holm
from seg_core.evaluation.group import GroupEvaluation
from seg_core.evaluation.lesion_size import LESION_SIZES, RESAMPLES, iou_by_size
from seg_core.evaluation.result import Evaluation
from seg_core.evaluation.sheets import groups_sheet
from seg_core.evaluation.subgroups import (
    LEAST,
    LEAST_FOR_INTERVAL,
    PartScore,
    by_lesion_size,
    compare_parts,
    scores_of_parts,
    too_small,
    worst_parts,
)
from tests.evaluation.stub import per_image

A, B, C = (Part(name, f"photographs with {name}") for name in "ABC")
RANDOM = np.random.default_rng(0)
GOOD, POOR = RANDOM.uniform(0.7, 1, 60), RANDOM.uniform(0.4, 0.8, 30)


def evaluation(iou: Sequence[float] | np.ndarray, lesion: Sequence[int] | None = None) -> Evaluation:
    """Images of 10,000 pixels with a lesion of 1,000, or as many as told; the mask lies within it, so its share is the IoU."""
    of_lesion = np.full(len(iou), 1000) if lesion is None else np.array(lesion)
    found = np.round(np.asarray(iou) * of_lesion).astype(int)[:, None]
    count = len(found)
    arrays = found, 0 * found, of_lesion, np.full(count, 10_000), np.zeros((count, 2))
    return Evaluation(tuple(map(str, range(count))), np.array([0.5]), 0.5, *arrays, **per_image(count))


def partition(*counts: int, parts: Sequence[Part] = (A, B, C)) -> Partition:
    """The first photographs in the first part, and so on."""
    rows = np.repeat(np.arange(len(counts)), counts)
    return Partition("Kind", tuple(parts), {str(number): int(row) for number, row in enumerate(rows)})


def test_a_part_is_compared_with_all_others_of_its_model() -> None:
    iou, rows = np.concatenate([GOOD, POOR, [0.0, 0.1]]), np.repeat([0, 1, -1], [60, 30, 2])
    ((good, poor),) = scores_of_parts([iou[None]], rows, [A, B, C])  # of C there is none
    assert (good.photographs, good.others, poor.photographs, poor.others) == (60, 30, 30, 60)
    assert poor.iou == mean_interval(POOR, RESAMPLES)
    test = mannwhitneyu(POOR, GOOD)
    assert poor.p == pytest.approx(test.pvalue)
    assert poor.effect == pytest.approx(2 * test.statistic / (60 * 30) - 1)
    assert good.p == pytest.approx(poor.p)
    assert good.effect == pytest.approx(-poor.effect)

    mean, low, high = poor.difference
    assert mean == pytest.approx(POOR.mean() - GOOD.mean())
    margin = t.ppf(0.975, 59) * GOOD.std(ddof=1) / 60**0.5
    assert mean - low == pytest.approx(np.hypot(poor.iou.mean - poor.iou.low, margin))
    assert high - mean == pytest.approx(np.hypot(poor.iou.high - poor.iou.mean, margin))
    welch = ttest_ind(POOR, GOOD, equal_var=False).confidence_interval()  # another method, so nearly the same
    assert (low, high) == pytest.approx((welch.low, welch.high), abs=0.01)
    assert poor.is_worse
    assert good.is_significant
    assert not good.is_worse


def test_a_difference_is_significant_where_test_and_interval_agree() -> None:
    def score(p: float, effect: float, *difference: float) -> PartScore:
        return PartScore(A, 30, 30, 30, 30, Interval(0.5, 0.4, 0.6), Interval(*difference), p, effect)

    assert score(0.01, -0.5, -0.2, -0.3, -0.1).is_worse
    assert not score(0.05, -0.5, -0.2, -0.3, -0.1).is_significant
    assert not score(0.01, -0.5, -0.2, -0.5, 0.1).is_significant
    assert not score(0.01, 0.5, -0.2, -0.3, -0.1).is_significant  # mean and ranks point in opposite directions
    assert score(0.01, 0.5, 0.2, 0.1, 0.3).is_significant
    assert not score(0.01, 0.5, 0.2, 0.1, 0.3).is_worse
    assert not score(np.nan, np.nan, np.nan, np.nan, np.nan).is_significant


def test_equal_scores_show_nothing() -> None:
    ((one, other),) = scores_of_parts([np.full((1, 60), 0.5)], np.repeat([0, 1], 30), [A, B])
    assert (one.p, one.effect, one.difference) == (1, 0, Interval(0, 0, 0))
    assert not one.is_significant
    assert not other.is_significant


def test_few_photographs_are_not_tested() -> None:
    for count, tested in ((LEAST - 1, False), (LEAST, True)):
        ((few, many),) = scores_of_parts([np.linspace(0.1, 0.9, 100)[None]], np.repeat([0, 1], [count, 100 - count]), [A, B])
        assert few.is_tested == many.is_tested == tested
        assert np.isnan(few.p) != tested
        assert not np.isnan(few.iou.low)
    ((few, _),) = scores_of_parts([np.linspace(0.1, 0.9, 100)[None]], np.repeat([0, 1], [LEAST_FOR_INTERVAL - 1, 96]), [A, B])
    assert few.iou.mean == pytest.approx(0.1 + 0.8 / 99 * 1.5)
    assert np.isnan(few.iou.low)
    assert np.isnan(few.iou.high)


def test_p_values_are_corrected_over_all_parts_and_models() -> None:
    iou = np.concatenate([GOOD, POOR])
    models = {"one": evaluation(iou), "two": evaluation(np.flip(iou))}
    found = compare_parts(models, partition(40, 40, 10))
    raw = [
        mannwhitneyu(values[rows], np.delete(values, rows)).pvalue
        for model in models.values()
        for values in [model.scores()["iou"]]
        for rows in [np.arange(40), np.arange(40, 80)]  # ten photographs are too few
    ]
    tested = [score.p for scores in found.values() for score in scores if score.is_tested]
    assert tested == pytest.approx(holm(raw))
    assert [len(scores) for scores in found.values()] == [3, 3]


def test_variation_between_the_models_of_a_group_widens_what_is_known() -> None:
    shifted = [evaluation(np.clip(np.concatenate([GOOD, POOR - shift]), 0, 1)) for shift in (0, 0.1, 0.2)]
    group = GroupEvaluation(tuple(shifted))
    parts = partition(60, 30)
    (_, of_group) = compare_parts({"group": group}, parts)["group"]
    (_, of_one) = compare_parts({"one": evaluation(group.scores()["iou"])}, parts)["one"]
    assert of_group.iou.mean == pytest.approx(of_one.iou.mean, abs=1e-3)
    differences = [member.scores()["iou"][60:].mean() - member.scores()["iou"][:60].mean() for member in shifted]
    between = t.ppf(0.975, 2) * np.std(differences, ddof=1) / 3**0.5
    assert of_group.difference.mean - of_group.difference.low == pytest.approx(
        np.hypot(of_one.difference.mean - of_one.difference.low, between), abs=1e-3
    )


def test_lesion_sizes_are_those_of_the_table_of_the_report() -> None:
    lesion = [499, 500, 2000, 2001, 8000, 0]
    model = evaluation([0.5, 0.6, 0.7, 0.8, 0.9, 0], lesion)
    sizes = by_lesion_size([model])
    assert sizes.rows_of(model.ids).tolist() == [0, 1, 1, 2, 2, -1]
    assert by_lesion_size([model]) is sizes
    found = compare_parts({"one": model}, sizes)["one"]
    assert {score.part.name: (score.photographs, score.iou.mean) for score in found} == {
        name: (count, interval.mean) for name, (count, interval) in iou_by_size(model).items()
    }
    assert [part.name for part in sizes.parts] == list(LESION_SIZES)


def test_the_worst_part_is_named_where_it_is_significant() -> None:
    iou = np.concatenate([GOOD, POOR])
    low = evaluation(np.concatenate([GOOD[:30], GOOD[30:] - 0.3, POOR - 0.3]))
    found = compare_parts({"one": evaluation(iou), "flat": evaluation(np.tile(GOOD[:45], 2)), "two": low}, partition(30, 30, 30))
    worst = found["one"][2]
    mean, below, above = worst.iou
    sentences = worst_parts(found)
    assert len(sentences) == 2
    assert sentences[0] == (
        f"one is worst on photographs with C: IoU {mean:.2f} ({below:.2f} to {above:.2f}, 30 photographs), "
        f"{GOOD.mean() - POOR.mean():.2f} below the others."
    )
    assert sentences[1].startswith("two is worst on photographs with C: ")  # B is worse than the others too, but less so
    assert worst_parts({"flat": found["flat"]}) == ["No group is shown to be served worse."]


def test_small_parts_are_told_with_the_reason() -> None:
    model = {"one": evaluation(np.concatenate([GOOD, POOR]))}
    assert too_small(compare_parts(model, partition(45, 45))) == ""
    assert too_small(compare_parts(model, partition(50, 28, 12))) == (
        "Too small to say anything: C (12). Among fewer than 20 photographs a single failure moves the mean by 0.05 or more, so "
        "these groups are not tested."
    )
    assert too_small(compare_parts(model, partition(80, 10))).endswith(
        "There are fewer than 20 other photographs to compare A with."
    )


def test_the_file_has_every_part_of_every_property() -> None:
    model = evaluation(np.concatenate([GOOD, POOR]))
    text = groups_sheet({"=one": model}, [by_lesion_size([model]), partition(50, 28, 12)]).csv()
    rows = list(csv.DictReader(text.splitlines()))
    assert [(row["Property"], row["Group"], row["Photographs"], row["Significant"]) for row in rows] == [
        ("Lesion size", "5 to 20 %", "90", "not tested"),  # all of them: there are no others
        ("Kind", "A", "50", "yes"),
        ("Kind", "B", "28", "yes"),
        ("Kind", "C", "12", "not tested"),
    ]
    assert {row["Model"] for row in rows} == {"'=one"}  # a spreadsheet would compute it
    assert float(rows[1]["IoU"]) == pytest.approx(model.scores()["iou"][:50].mean(), abs=1e-5)
    assert float(rows[1]["p (Mann-Whitney, Holm)"]) < 0.05
    assert rows[3]["Difference"] == rows[3]["p (Mann-Whitney, Holm)"] == ""
