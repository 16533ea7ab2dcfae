"""The true masks of a dataset that may be wrong, ranked by the models of a cross-validation, and kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seg_core.data.accepted import mask_content
from seg_core.data.dataset import Dataset, open_dataset
from seg_core.data.folders import Pair
from seg_core.data.image import scaled_mask
from seg_core.data.truth import read_truth
from seg_core.errors import InputError
from seg_core.evaluation.doubtful import Doubt, Reason, doubts, reason, usual_size
from seg_core.evaluation.result import Evaluation
from seg_core.jobs.evaluating import keep_evaluation
from seg_core.jobs.job import Request
from seg_core.jobs.requests import doubtful_request, evaluation_request, unseen
from seg_core.jobs.results import delete_result, evaluation_folder, new_result, result_folder
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore

LEAST_GAP = 0.1
"""Masks that agree with the model nearly as well as it expects are not listed."""
MOST = 1000
"""Masks that are listed."""
Advance = Callable[[int, int, str], None]


@dataclass(frozen=True)
class DoubtfulMask:
    """A true mask that may be wrong, as it was when it was ranked."""

    pair: Pair
    expected: float
    """The IoU that the model expects of its own mask."""
    iou: float
    """The IoU of that and the truth."""
    reason: Reason
    evaluation: str
    """Key of the evaluation that has the model's probabilities."""
    number: int
    """The photograph's number in that, from 1."""
    threshold: float
    """At which the model's mask is cut."""
    facts: tuple[int, ...]
    """Size and time of photograph and mask: `seg_core.data.fingerprint.pair_facts`."""
    content: str
    """`seg_core.data.accepted.mask_content` of the mask."""


@dataclass(frozen=True)
class Ranking:
    """The masks that may be wrong, the most doubtful first, and how many photographs were looked at."""

    photographs: int
    masks: tuple[DoubtfulMask, ...]

    def open_ones(self, dataset: Dataset, accepted: dict[str, str]) -> list[DoubtfulMask]:
        """Return those that nobody has looked at: neither accepted, nor left out or changed since.

        Args:
            dataset: as it is now.
            accepted: contents of masks that were found right, by id.
        """
        now = {pair.id: pair for pair in dataset.unique_pairs}
        there = [mask for mask in self.masks if mask.pair.id in now and accepted.get(mask.pair.id) != mask.content]
        facts = dataset.facts_of([now[mask.pair.id] for mask in there])
        return [mask for mask, now_facts in zip(there, facts.tolist(), strict=True) if tuple(now_facts) == mask.facts]


def keep_doubtful(runs: Sequence[Run], store: RunStore, advance: Advance) -> Ranking:
    """Rank the true masks of the photographs that each of some runs did not train on, and keep the ranking.

    Evaluations that are kept are used; the others are made, and kept.

    Raises:
        InputError: if a model, a photograph or the dataset is gone or cannot be read.
    """
    dataset = open_dataset(runs[0].sources)
    evaluations, keys = [], []
    for place, run in enumerate(runs, start=1):
        model = store.folder(run.id) / "best.safetensors"
        request = evaluation_request(model, unseen(dataset, model, run.config.split_spec))

        def step(done: int, total: int, what: str, place: int = place) -> None:
            advance(done, total, f"{what}, {place} of {len(runs)}" if len(runs) > 1 else what)

        evaluations.append(_evaluation(request, step))
        keys.append(request.key)
    ranked = doubts(evaluations)
    listed = [doubt for doubt in ranked if doubt.gap >= LEAST_GAP][:MOST]
    usual, pairs = usual_size(evaluations), {pair.id: pair for pair in dataset.unique_pairs}
    masks = []
    for done, doubt in enumerate(listed, start=1):
        evaluation, key = evaluations[doubt.evaluation], keys[doubt.evaluation]
        pair = pairs[evaluation.ids[doubt.row]]
        masks.append(_described(doubt, pair, evaluation, key, usual, dataset))
        advance(done, len(listed), "Comparing the masks")
    ranking = Ranking(len(ranked), tuple(masks))
    with new_result(doubtful_request(runs, store)) as folder:
        listing = {"photographs": ranking.photographs, "masks": [_to_json(mask) for mask in masks]}
        (folder / "doubtful.json").write_text(json.dumps(listing), encoding="utf-8")
    return ranking


def load_doubtful(folder: Path) -> Ranking:
    """Read the result of `doubtful_request`.

    Raises:
        InputError: if it is damaged.
    """
    try:
        listing = json.loads((folder / "doubtful.json").read_text(encoding="utf-8"))
        return Ranking(int(listing["photographs"]), tuple(map(_from_json, listing["masks"])))
    except (OSError, ValueError, TypeError, KeyError):
        raise InputError("The ranking of these masks is damaged; rank them again.") from None


def probabilities(mask: DoubtfulMask) -> np.ndarray:
    """Return the model's probabilities (h, w) uint8, 255 standing for 1.

    Raises:
        InputError: if they are gone.
    """
    return _picture(mask.evaluation, mask.number)


def _evaluation(request: Request, advance: Advance) -> Evaluation:
    """Return an evaluation that is kept, or make it."""
    if folder := result_folder(request):
        try:
            return Evaluation.load(folder / "evaluation.npz")
        except InputError:  # damaged, or of another version
            delete_result(request)
    keep_evaluation(request, advance)
    folder = result_folder(request)
    assert folder is not None
    return Evaluation.load(folder / "evaluation.npz")


def _described(doubt: Doubt, pair: Pair, evaluation: Evaluation, key: str, usual: float, dataset: Dataset) -> DoubtfulMask:
    grey, threshold = _picture(key, doubt.row + 1), evaluation.model_threshold
    truth = scaled_mask(read_truth(pair).mask, grey.shape[::-1])
    why = reason(truth, grey / np.float32(255), threshold, usual)
    (facts,) = dataset.facts_of([pair]).tolist()
    return DoubtfulMask(pair, doubt.expected, doubt.iou, why, key, doubt.row + 1, threshold, tuple(facts), mask_content(pair))


def _picture(key: str, number: int) -> np.ndarray:
    folder = evaluation_folder(key)
    try:
        with Image.open(Path(folder or "", f"{number:05d}.png")) as picture:
            return np.asarray(picture)
    except OSError:
        raise InputError("The predictions of these masks are gone; rank them again.") from None


def _to_json(mask: DoubtfulMask) -> dict[str, Any]:
    return vars(mask) | {"pair": mask.pair.to_json(), "reason": vars(mask.reason)}


def _from_json(values: dict[str, Any]) -> DoubtfulMask:
    pair, why, facts = Pair.from_json(values["pair"]), Reason(**values["reason"]), tuple(values["facts"])
    return DoubtfulMask(**values | {"pair": pair, "reason": why, "facts": facts})
