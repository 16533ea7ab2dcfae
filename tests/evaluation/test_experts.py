"""Models beside several experts, on masks whose agreement is worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.simulated_experts import EXPERTS, drawn, write_experts
from seg_core.data.dataset import open_dataset
from seg_core.data.folders import Pair
from seg_core.errors import InputError
from seg_core.evaluation.clusters import Clusters
from seg_core.evaluation.columns import ALL_COLUMNS, IOU, Column
from seg_core.evaluation.evaluate import evaluate, evaluate_each
from seg_core.evaluation.expert_tables import cells, experts_sheet, sentences, titles, to_json
from seg_core.evaluation.experts import (
    CEILING,
    ONE_WAY,
    Agreements,
    BesideExperts,
    against_experts,
    among_experts,
    beside_experts,
    by_expert,
    mean_scores,
    symmetric,
)
from seg_core.evaluation.result import Evaluation
from seg_core.prediction.expert_masks import ExpertMasks
from tests.evaluation.stub import Stub, per_image
from tests.helpers import make_dataset

SHAPE = 4, 8


def columns(count: int) -> np.ndarray:
    """A mask of the first columns."""
    mask = np.zeros(SHAPE, bool)
    mask[:, :count] = True
    return mask


def write_drawn(folder: Path, photos: Mapping[str, Mapping[str, int]]) -> list[Pair]:
    """Photographs, each with how many columns its experts mark."""
    for id, experts in photos.items():
        (folder / "images").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SHAPE[::-1]).save(folder / "images" / f"{id}.png")
        for expert, count in experts.items():
            (folder / f"masks_{expert}").mkdir(parents=True, exist_ok=True)
            Image.fromarray(columns(count)).save(folder / f"masks_{expert}" / f"{id}.png")
    return open_dataset(folder).pairs


# On a, experts agree by 1/2, 1 and 1/2; on b, which expert3 did not outline, by 1; on c, which one outlined, with nobody.
PHOTOS = {"a": {"expert1": 4, "expert2": 2, "expert3": 4}, "b": {"expert1": 1, "expert2": 1}, "c": {"expert2": 3}}


def predictions(photos: Mapping[str, int]) -> dict[str, list[list[float]]]:
    return {id: columns(count).astype(float).tolist() for id, count in photos.items()}


def test_agreement_is_the_mean_over_photographs_of_the_mean_over_experts(tmp_path: Path) -> None:
    pairs = write_drawn(tmp_path, PHOTOS)
    agreements = among_experts(pairs, EXPERTS)
    assert {two: each.scores()["iou"].tolist() for two, each in agreements.of_two.items()} == {
        ("expert1", "expert2"): [1 / 2, 1],
        ("expert1", "expert3"): [1],
        ("expert2", "expert3"): [1 / 2],
    }
    human = mean_scores(list(agreements.of_two.values()), IOU)
    assert dict(zip(human.ids, human.means.tolist(), strict=True)) == {"a": pytest.approx(2 / 3), "b": 1}

    stub = Stub(predictions({"a": 2, "b": 1, "c": 1}))
    models = {"Ours": by_expert([against_experts(stub, pairs, EXPERTS)])}
    assert stub.asked == ["a", "b", "c"]  # once each
    found = beside_experts(models, agreements, {"Ours": evaluate(stub, pairs)})
    assert found.ceiling.mean == pytest.approx(5 / 6)
    assert found.images == 2
    ours, first, second, third = found.rows
    assert {name: interval.mean for name, interval in ours.by_expert.items()} == {
        "expert1": pytest.approx(3 / 4),
        "expert2": pytest.approx((1 + 1 + 1 / 3) / 3),
        "expert3": pytest.approx(1 / 2),
    }
    assert ours.mean.mean == pytest.approx((2 / 3 + 1) / 2)  # as the ceiling, without c
    assert ours.images == 2
    # The majority of a marks 4 columns; the middle of b is 1; c is expert2's.
    assert ours.truth
    assert ours.truth.mean == pytest.approx((1 / 2 + 1 + 1 / 3) / 3)
    assert [row.label for row in found.rows[1:]] == list(EXPERTS)
    assert [each.mean.mean for each in (first, second, third)] == [pytest.approx(value) for value in (7 / 8, 3 / 4, 3 / 4)]


def test_a_threshold_of_all_moves_the_models_and_not_the_experts(tmp_path: Path) -> None:
    pairs = write_drawn(tmp_path, PHOTOS)
    agreements = among_experts(pairs, EXPERTS)
    # Sure of the first column alone, and of as many as expert1 marks by 0.6.
    stub = Stub({id: np.maximum(0.6 * columns(count), columns(1)).tolist() for id, count in {"a": 4, "b": 1, "c": 3}.items()})
    each, truth = {"Ours": by_expert([against_experts(stub, pairs, EXPERTS)])}, {"Ours": evaluate(stub, pairs)}
    own, high = (beside_experts(each, agreements, truth, threshold=threshold) for threshold in (None, 0.9))
    assert [found.rows[0].by_expert["expert1"].mean for found in (own, high)] == [1, pytest.approx((1 / 4 + 1) / 2)]
    assert own.ceiling == high.ceiling
    assert repr(own.rows[1:]) == repr(high.rows[1:])  # an interval of one photograph is NaN, which equals nothing


def test_each_expert_is_compared_with_the_consensus_of_the_others(tmp_path: Path) -> None:
    pairs = write_drawn(tmp_path, PHOTOS)
    agreements = among_experts(pairs, EXPERTS)
    # On a: the middle of 2 and 4 columns is 3, of 4 and 4 is 4. On b one other is left. On c nobody.
    assert {name: each.scores()["iou"].tolist() for name, each in agreements.of_others.items()} == {
        "expert1": [3 / 4, 1],
        "expert2": [1 / 2, 1],
        "expert3": [3 / 4],
    }
    assert not among_experts(pairs, ["expert1", "expert2"]).of_others
    of_one = among_experts(open_dataset(f"{tmp_path}?truth=expert3").pairs, EXPERTS)  # whoever is the truth, the others agree
    assert {name: each.scores()["iou"].tolist() for name, each in of_one.of_others.items()} == {
        "expert1": [3 / 4],
        "expert2": [1 / 2],
        "expert3": [3 / 4],
    }


def test_experts_who_share_no_photograph_cannot_be_compared(tmp_path: Path) -> None:
    pairs = write_drawn(tmp_path, PHOTOS)
    with pytest.raises(InputError, match="No two experts outlined the same photograph"):
        among_experts([pair for pair in pairs if pair.id == "c"], EXPERTS)


def test_scores_that_depend_on_which_is_the_truth_give_way_to_iou(tmp_path: Path) -> None:
    pairs = open_dataset(make_dataset(tmp_path / "data", size=(48, 40), train=3)).pairs
    (pair_a, pair_b, _), folder = pairs, tmp_path / "three"
    write_experts(folder, [pair_a, pair_b])
    three = open_dataset(folder).pairs
    one, other = (
        evaluate_each(ExpertMasks(mine), three, {"": [theirs]})[""].all_scores
        for mine, theirs in (("expert1", "expert3"), ("expert3", "expert1"))
    )
    for column in ALL_COLUMNS:
        is_same = np.allclose(one[column.name], other[column.name], atol=1e-12)
        assert is_same == (column.name not in ONE_WAY), column
        assert symmetric(column) == (IOU if column.name in ONE_WAY else column)


def made(ids: Sequence[str], iou: np.ndarray) -> Evaluation:
    """An evaluation with these IoUs: of 1,000 pixels of a lesion so many are found, and no others."""
    found = np.round(1000 * iou).astype(int)[:, None]
    return Evaluation(
        ids=tuple(ids),
        thresholds=np.array([0.5]),
        model_threshold=0.5,
        true_positive=found,
        false_positive=0 * found,
        lesion=np.full(len(ids), 1000),
        pixels=np.full(len(ids), 5000),
        probability=np.zeros((len(ids), 2)),
        **per_image(len(ids)),
    )


IDS = [f"p{number:02d}" for number in range(40)]
NOISE = np.random.default_rng(0).normal(0, 0.004, (3, 40))
HUMAN = np.round(0.80 + 0.05 * np.sin(np.arange(40)), 3)


def compared(offset: float, noise: float = 1, column: Column = IOU, clusters: Clusters | None = None) -> BesideExperts:
    """A model that agrees with two experts by ``offset`` more than they do with each other."""
    agreements = Agreements(("anna", "ben"), {("anna", "ben"): made(IDS, HUMAN)})
    each = {name: made(IDS, HUMAN + offset + noise * NOISE[place]) for place, name in enumerate(("anna", "ben"))}
    return beside_experts({"Ours": each}, agreements, {"Ours": made(IDS, HUMAN)}, column=column, clusters=clusters)


@pytest.mark.parametrize(
    ("offset", "noise", "finding", "said"),
    [
        pytest.param(
            0,
            1,
            "as well",
            "Ours agrees with the experts as well as they agree with each other, within 0.01: IoU 0.80",
            id="as well",
        ),
        pytest.param(
            0.03, 1, "better", "Ours agrees with the experts better than they agree with each other: IoU 0.83", id="better"
        ),
        pytest.param(
            -0.05, 1, "less well", "Ours agrees with the experts less well than they agree with each other: IoU 0.75", id="worse"
        ),
        pytest.param(
            0, 15, "not settled", "Whether Ours agrees with the experts as well as they agree with each other is not", id="open"
        ),
    ],
)
def test_the_sentence_says_what_was_found(offset: float, noise: float, finding: str, said: str) -> None:
    found = compared(offset, noise)
    assert found.agreements["Ours"].finding == finding
    (sentence,) = sentences(found)
    assert sentence.startswith(said)
    assert sentence.endswith("on 40 photographs.")
    if offset:
        assert f"{offset:+.3f}".replace("-", "−")[:4] in sentence


def test_p_values_are_corrected_over_the_models() -> None:
    agreements = Agreements(("anna", "ben"), {("anna", "ben"): made(IDS, HUMAN)})
    each = {name: made(IDS, HUMAN + NOISE[place] * 4 + 0.004) for place, name in enumerate(("anna", "ben"))}
    one = beside_experts({"A": each}, agreements, {"A": made(IDS, HUMAN)})
    two = beside_experts({"A": each, "B": each}, agreements, {name: made(IDS, HUMAN) for name in "AB"})
    assert two.agreements["A"].pairing.p == pytest.approx(2 * one.agreements["A"].pairing.p)
    assert 0 < one.agreements["A"].pairing.p < 0.5


def test_photographs_of_one_patient_count_together() -> None:
    apart = compared(0.01, 4)
    together = compared(0.01, 4, clusters=Clusters("x.csv:patient", {id: number // 8 for number, id in enumerate(IDS)}))
    assert len(together.agreements["Ours"].pairing.gains) == 5
    assert together.ceiling.mean == apart.ceiling.mean
    assert together.ceiling[1:] != apart.ceiling[1:]


def test_models_are_compared_on_the_photographs_that_all_have() -> None:
    agreements = Agreements(("anna", "ben"), {("anna", "ben"): made(IDS, HUMAN)})
    whole, half = ({name: made(ids, HUMAN[: len(ids)]) for name in ("anna", "ben")} for ids in (IDS, IDS[:20]))
    found = beside_experts({"A": whole, "B": half}, agreements, {"A": made(IDS, HUMAN), "B": made(IDS[:20], HUMAN[:20])})
    assert {row.images for row in found.rows} == {20}
    assert found.images == 20
    assert found.ceiling.mean == pytest.approx(HUMAN[:20].mean())


def test_of_groups_the_interval_holds_the_variation_between_models() -> None:
    agreements = Agreements(("anna", "ben"), {("anna", "ben"): made(IDS, HUMAN)})
    members = [{name: made(IDS, HUMAN + shift) for name in ("anna", "ben")} for shift in (-0.03, 0, 0.03)]
    group, single = by_expert(members), by_expert(members[1:2])
    found = beside_experts({"G": group, "S": single}, agreements, {"G": group["anna"], "S": single["anna"]})
    of_group, of_single = found.rows[:2]
    assert of_group.mean.mean == pytest.approx(of_single.mean.mean)
    assert of_group.mean.high - of_group.mean.low > 3 * (of_single.mean.high - of_single.mean.low)
    assert found.agreements["G"].finding == "not settled"
    assert found.agreements["S"].finding == "as well"


def test_tables_have_models_experts_and_the_ceiling(tmp_path: Path) -> None:
    pairs = write_drawn(tmp_path, PHOTOS)
    stub = Stub(predictions({"a": 2, "b": 1, "c": 1}))
    found = beside_experts(
        {"Ours": by_expert([against_experts(stub, pairs, EXPERTS)])},
        among_experts(pairs, EXPERTS),
        {"Ours": evaluate(stub, pairs)},
    )
    assert titles(found) == ["All experts", *EXPERTS, "Truth", "Photographs"]
    rows = dict(cells(found))
    assert list(rows) == ["Ours", *EXPERTS, CEILING]
    assert [text for text, _ in rows["Ours"]] == ["0.8333", "0.7500", "0.7778", "0.5000", "0.6111", "2"]
    assert [text for text, _ in rows["expert3"]] == ["0.7500", "1.0000", "0.5000", "–", "0.7500", "1"]
    assert [text for text, _ in rows[CEILING]] == ["0.8333", "–", "–", "–", "–", "2"]
    sheet = experts_sheet(found)
    assert sheet.titles[:5] == ["", "Score", "All experts", "All experts low", "All experts high"]
    assert all(len(row) == len(sheet.titles) for row in sheet.rows)
    as_json = to_json(found)
    assert as_json["among_each_other"]["mean"] == pytest.approx(5 / 6)
    assert [row["kind"] for row in as_json["rows"]] == ["model", "expert", "expert", "expert"]
    assert as_json["rows"][0]["finding"] == found.agreements["Ours"].finding


def test_simulated_experts_are_tight_wide_and_rough() -> None:
    y, x = np.mgrid[:80, :80]
    truth = (y - 40) ** 2 + (x - 40) ** 2 < 24**2
    tight, wide, rough = drawn(truth, 0)
    assert not (tight & ~truth).any()
    assert not (truth & ~wide).any()
    assert tight.sum() < truth.sum() < wide.sum()
    assert (rough & ~truth).any()
    assert (truth & ~rough).any()
