"""Photographs of one lesion or patient: which they are, and what intervals and tests make of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import bootstrap, wilcoxon

from seg_core.data.dataset import open_dataset
from seg_core.data.groups import cluster_columns
from seg_core.errors import InputError
from seg_core.evaluation.bootstrap import cluster_means, mean_intervals, resampled_means
from seg_core.evaluation.clusters import ALONE, Clusters, choose_clusters
from seg_core.evaluation.confidence import paired_differences
from seg_core.evaluation.leaderboard import leaderboard
from seg_core.evaluation.overlap import overlap
from seg_core.evaluation.pairing import pairings, score_pairings
from seg_core.evaluation.subgroups import compare_parts
from tests.evaluation.test_subgroups import evaluation, partition
from tests.helpers import make_dataset

RANDOM = np.random.default_rng(2)  # used here alone, so that no test depends on another
OF = np.repeat(np.arange(40), RANDOM.integers(1, 6, 40))
"""The patient of each of some photographs."""
SCORES = 0.8 + RANDOM.normal(0, 0.08, 40)[OF] + RANDOM.normal(0, 0.02, len(OF))


def test_clusters_of_one_image_each_change_nothing() -> None:
    values = np.random.default_rng(3).uniform(size=(50, 3))
    assert mean_intervals(values, clusters=np.arange(50)) == mean_intervals(values)
    both, alone = [(0, 1), (2, 0)], np.arange(50)
    assert paired_differences(values, both, alone) == paired_differences(values, both)


def test_means_of_clusters_by_hand() -> None:
    values = np.array([[1.0, 10], [3, 30], [8, 80]])
    assert cluster_means(values, np.array([4, 4, 1])).tolist() == [[8, 80], [2, 20]]  # by the number of the cluster
    drawn = resampled_means(values, 200, np.array([0, 0, 1]))
    # Two draws of two clusters: both the first (mean 2), both the second (8), or one of each, which is all three images (4).
    assert {round(mean, 9) for mean in drawn[:, 0].tolist()} == {2, 4, 8}
    assert drawn[:, 1] == pytest.approx(10 * drawn[:, 0])


def test_the_mean_stays_and_its_interval_is_that_of_whole_clusters() -> None:
    (alone,) = mean_intervals(SCORES[:, None])
    (found,) = mean_intervals(SCORES[:, None], clusters=OF)
    assert found.mean == alone.mean
    assert found.high - found.low > 1.3 * (alone.high - alone.low)
    sums, sizes = np.bincount(OF, SCORES), np.bincount(OF).astype(float)
    expected = bootstrap(
        (sums, sizes),
        lambda total, count, axis=-1: total.sum(axis=axis) / count.sum(axis=axis),
        paired=True,
        n_resamples=9999,
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.06 * (expected.high - expected.low))


def test_the_bounds_by_hand_and_whatever_the_order() -> None:
    # Two clusters, of the means 1.5 and 4: a draw gives 1.5, 4, or the mean of all three.
    (interval,) = mean_intervals(np.array([[1.0], [2], [4]]), clusters=np.array([0, 0, 1]))
    assert tuple(interval) == pytest.approx((7 / 3, 1.5, 4))
    scores = np.array([0.0] * 2 + [1.0] * 38)[:, None]  # many draws have the mean of all, but for rounding
    (one,), (other,) = mean_intervals(scores), mean_intervals(scores[::-1])
    assert tuple(one) == pytest.approx(tuple(other))
    assert one.high == 1


def test_a_single_part_is_not_tested_with_clusters_either() -> None:
    model = evaluation(np.clip(SCORES, 0, 1))
    clusters = Clusters("people.csv:patient_id", {str(number): int(of) for number, of in enumerate(OF)})
    (part,) = compare_parts({"A": model}, partition(len(SCORES)), clusters=clusters)["A"]
    assert (part.counted, part.others_counted, part.is_tested) == (40, 0, False)


def test_one_cluster_says_nothing_of_others() -> None:
    (interval,) = mean_intervals(np.array([[0.7], [0.8]]), clusters=np.zeros(2, int))
    assert interval.mean == pytest.approx(0.75)
    assert np.isnan(interval[1:]).all()


def test_clusters_that_are_alike_leave_nothing_open() -> None:
    values = np.tile([0.6, 0.8], 10)[:, None]  # they vary within each cluster alone
    (interval,) = mean_intervals(values, clusters=np.arange(10).repeat(2))
    assert interval == pytest.approx((0.7, 0.7, 0.7))


def test_the_test_counts_each_cluster_once() -> None:
    better = SCORES + np.random.default_rng(5).normal(0.02, 0.03, len(SCORES))
    (difference,) = paired_differences(np.column_stack([better, SCORES]), [(0, 1)], OF)
    sizes = np.bincount(OF)
    assert difference.p == pytest.approx(wilcoxon(np.bincount(OF, better - SCORES) / sizes).pvalue)
    assert difference.wins + difference.losses == len(SCORES)  # photographs are still counted


def test_copies_of_a_photograph_make_nothing_surer() -> None:
    ours, theirs = np.random.default_rng(6).uniform(0.6, 0.9, (2, 30))
    (once,) = score_pairings({"A": ours, "B": theirs})
    ten = {label: np.repeat(values, 10) for label, values in {"A": ours, "B": theirs}.items()}
    (copied,) = score_pairings(ten, patients=np.repeat(np.arange(30), 10).tolist())
    (believed,) = score_pairings(ten)
    assert copied.p == pytest.approx(once.p)
    assert copied.difference.interval == pytest.approx(once.difference.interval)
    assert believed.p < copied.p
    assert copied.images == 300
    assert "ten times as many patients would not settle it" in copied.outlook
    noise = np.random.default_rng(4).normal(0, 0.02, 30)
    shifted = ten | {"A": ten["B"] + (0.006 + noise - noise.mean()).repeat(10)}
    (open_yet,) = score_pairings(shifted, margin=0.001, patients=np.repeat(np.arange(30), 10).tolist())
    assert "patients like these would settle it (now 30;" in open_yet.outlook


def test_a_patient_for_each_image_is_needed() -> None:
    with pytest.raises(ValueError, match="shorter"):
        score_pairings({"A": [0.1, 0.2], "B": [0.1, 0.3]}, patients=["one"])


def test_ranks_and_groups_count_clusters_too() -> None:
    ids = [str(number) for number in range(len(SCORES))]
    clusters = Clusters("people.csv:patient_id", {id: int(of) for id, of in zip(ids, OF, strict=True)})
    models = {name: evaluation(np.clip(SCORES + shift, 0, 1)) for name, shift in {"A": 0.05, "B": 0.02, "C": 0.0}.items()}
    board, alone = leaderboard(models, clusters=clusters), leaderboard(models)
    assert board
    assert alone
    assert board.places[0].score.mean == alone.places[0].score.mean
    assert board.places[0].score.low < alone.places[0].score.low
    assert {pairing.counted for pairing in pairings(models, clusters=clusters)} == {"patients"}
    half = len(SCORES) // 2
    parts = compare_parts({"A": models["A"]}, partition(half, len(SCORES) - half), clusters=clusters)["A"]
    assert sum(part.counted for part in parts) in (40, 41)  # one patient may be in both
    assert sum(part.photographs for part in parts) == len(SCORES)


def test_the_columns_that_name_patients_or_lesions(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", train=24, test=0)
    pairs = open_dataset(data).unique_pairs

    def write(photographs_of_a_patient: int) -> None:
        rows = [
            f"{pair.id}.jpg,L{number // 2},P{number // photographs_of_a_patient},back,{number},C{number // 2}"
            for number, pair in enumerate(pairs)
        ]
        (data / "people.csv").write_text("\n".join(["image,lesion_id,patient id,site,age,camera", *rows]))

    (data / "broken.csv").write_bytes(b"\xff\xfe\x00patient_id\n")
    sources = open_dataset(data).sources
    write(2)
    assert cluster_columns(sources, pairs) == ["people.csv:patient id", "people.csv:lesion_id"]
    write(3)
    assert cluster_columns(sources, pairs) == ["people.csv:lesion_id"]  # eight patients say too little

    clusters = choose_clusters(None, sources, pairs)
    assert clusters
    assert clusters.many == "lesions"
    ids = [pair.id for pair in pairs]
    assert clusters.rows_of(ids).tolist() == [number // 2 for number in range(24)]
    assert clusters.note(ids) == (
        "The 24 photographs are of 12 lesions (lesion_id in people.csv): intervals draw these, and tests count each once."
    )
    assert clusters.note(ids[::2]) == ""
    assert clusters.rows_of([*ids[:2], "unknown", "other"]).tolist() == [0, 0, 1, 2]
    assert choose_clusters(ALONE, sources, pairs) is None
    alike = "\n".join(["image,patient_id", *(f"{id},{'NA' if number < 12 else number // 2}" for number, id in enumerate(ids))])
    (data / "alike.csv").write_text(f"{alike}\n{ids[0]},x\n{ids[1]},x\n{ids[1]},11\n")
    unknown = choose_clusters("alike.csv:patient_id", sources, pairs)
    assert unknown
    assert unknown.count(ids[2:12]) == 10  # nobody knows whether these are of one patient
    assert unknown.count([ids[0], ids[1], ids[22]]) == 1  # one photograph is of two patients, who are one then
    assert unknown.note(ids[22:]).startswith("The 2 photographs are of one patient (patient_id in alike.csv), which says nothing")
    named = choose_clusters("people.csv:camera", sources, pairs)
    assert named
    assert named.many == "values of camera"
    with pytest.raises(InputError, match="has no column 'eye'"):
        choose_clusters("people.csv:eye", sources, pairs)


def test_a_model_that_saw_the_same_lesions_is_named(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", train=3, test=2)
    dataset = open_dataset(data)
    train, test = [pair.id for pair in dataset.trainable], [pair.id for pair in dataset.test]
    clusters = Clusters("l.csv:lesion_id", {train[0]: 0, test[1]: 0, train[1]: 1})
    trained_on = {"train_ids": train, "fingerprint": dataset.fingerprint}
    seen = overlap(trained_on, dataset.fingerprint, dataset.test, clusters=clusters)  # type: ignore[arg-type]
    assert seen
    assert seen.sentences == [f"trained on other photographs of the same lesions as 1 of these ({test[1]})"]
    alone = overlap(trained_on, dataset.fingerprint, dataset.test)  # type: ignore[arg-type]
    assert alone
    assert alone.sentences == []
