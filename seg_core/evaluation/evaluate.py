"""Score a model on a split at every threshold, each image at its stored resolution, as the ISIC challenge does."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import numpy as np

from seg_core.common.parallel import ordered_map
from seg_core.data.folders import Pair
from seg_core.data.truth import read_truth
from seg_core.errors import InputError, some_of
from seg_core.evaluation.boundary import boundary_scores
from seg_core.evaluation.lesions import lesion_f1
from seg_core.evaluation.ranking import ranking_scores
from seg_core.evaluation.result import MASK_METRICS, RANKING_METRICS, Evaluation
from seg_core.prediction.predictor import Prediction, Predictor

_AT_ONCE = 1 << 20
"""Pixels counted at a time: the intermediate arrays take ten times the memory of the mask."""


@dataclass(frozen=True, eq=False)
class ImageCounts:
    """Pixel counts of one image: a row of the fields of the same names in `seg_core.evaluation.result.Evaluation`."""

    true_positive: np.ndarray
    """(T,)"""
    false_positive: np.ndarray
    """(T,)"""
    probability: np.ndarray
    """(T + 1,)"""
    lesion: int
    pixels: int
    scores: dict[str, float]
    """`MASK_METRICS` and `RANKING_METRICS`."""


def evaluate(
    predictor: Predictor,
    pairs: Sequence[Pair],
    on_progress: Callable[[int, int], None] | None = None,
    *,
    on_prediction: Callable[[Pair, Prediction], None] | None = None,
    allow_missing: bool = False,
) -> Evaluation:
    """Predict every photograph, scale the probabilities to the stored size of its truth, and count pixels there; on all cores.

    Args:
        predictor: a checkpoint, or a folder of predicted masks (`seg_core.prediction.mask_folder.open_predicted_masks`).
        pairs: photographs and their truth.
        on_progress: called with (done, total) after each photograph; an exception that it raises ends the evaluation.
        on_prediction: called with every pair and its prediction, in order.
        allow_missing: leave out pairs without a prediction and name them in the result, instead of refusing.

    Raises:
        InputError: if there are no pairs, none or not every one has a prediction, a file cannot be read, or a mask differs in
            size from its photograph.
    """
    own: Truths = {"": None}
    return evaluate_each(predictor, pairs, own, on_progress, on_prediction=on_prediction, allow_missing=allow_missing)[""]


Truths = Mapping[str, Collection[str] | None]
"""Truths by name: the experts whose masks form it; None for a pair's own."""


def evaluate_each(
    predictor: Predictor,
    pairs: Sequence[Pair],
    truths: Truths,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    on_prediction: Callable[[Pair, Prediction], None] | None = None,
    allow_missing: bool = False,
) -> dict[str, Evaluation]:
    """As `evaluate`, beside several truths at once, by their names; each photograph is predicted once.

    A photograph that none of a truth's experts outlined is not in its evaluation. Truths without any photograph are left out.
    """
    missing = _missing(predictor, pairs, allow_missing=allow_missing)
    left_out = set(missing)
    scored = [pair for pair in pairs if pair.id not in left_out]
    thresholds = np.unique(np.append(np.arange(1, 100) / 100, predictor.threshold))
    rows: dict[str, list[tuple[Pair, ImageCounts]]] = {name: [] for name in truths}
    with closing(ordered_map(partial(_count_image, predictor, thresholds, truths), scored)) as results:
        for done, (pair, (counts, prediction)) in enumerate(zip(scored, results, strict=True), start=1):
            for name, row in counts.items():
                rows[name].append((pair, row))
            if on_prediction:
                on_prediction(pair, prediction)
            if on_progress:
                on_progress(done, len(scored))
    notes = (*predictor.notes, *_notes_on_truth(scored))
    return {
        name: _put_together(counted, predictor.threshold, thresholds, tuple(missing), notes)
        for name, counted in rows.items()
        if counted
    }


def _put_together(
    counted: Sequence[tuple[Pair, ImageCounts]],
    threshold: float,
    thresholds: np.ndarray,
    missing: tuple[str, ...],
    notes: tuple[str, ...],
) -> Evaluation:
    pairs, rows = zip(*counted, strict=True)
    return Evaluation(
        ids=tuple(pair.id for pair in pairs),
        thresholds=thresholds,
        model_threshold=threshold,
        true_positive=np.array([row.true_positive for row in rows]),
        false_positive=np.array([row.false_positive for row in rows]),
        lesion=np.array([row.lesion for row in rows], np.int64),
        pixels=np.array([row.pixels for row in rows], np.int64),
        probability=np.array([row.probability for row in rows]),
        **{name: np.array([row.scores[name] for row in rows]) for name in (*MASK_METRICS, *RANKING_METRICS)},
        missing=missing,
        notes=notes,
    )


def _notes_on_truth(pairs: Sequence[Pair]) -> list[str]:
    """Say what is read as lesion where the true masks are not the usual ones of 0 and 255."""
    rules = {id(rule): rule.rule.note for pair in pairs for rule in pair.rules}
    return [note for note in rules.values() if note]


def _missing(predictor: Predictor, pairs: Sequence[Pair], *, allow_missing: bool) -> list[str]:
    """Return the ids without a prediction; refuse them as `evaluate` says."""
    if not pairs:
        raise InputError("There are no photographs to evaluate on; choose another split or dataset.")
    missing = predictor.missing(pairs)
    if len(missing) == len(pairs):
        raise InputError(
            f"{predictor.label} has a prediction for none of the {len(pairs)} photographs; choose another folder or dataset."
        )
    if missing and not allow_missing:
        which = f"{len(missing)} of the {len(pairs)} photographs ({some_of(missing)})"
        raise InputError(
            f"{predictor.label} has no prediction for {which}; add them, or leave these photographs out of the scores."
        )
    return missing


def _count_image(
    predictor: Predictor, thresholds: np.ndarray, truths: Truths, pair: Pair
) -> tuple[dict[str, ImageCounts], Prediction]:
    prediction = predictor.predict_pair(pair)
    probability, mask = prediction.probability(), prediction.mask()
    found = {}
    for name, experts in truths.items():
        if drawn := pair if experts is None else pair.by(experts):
            truth = read_truth(drawn, prediction.size).mask
            scores = {
                **boundary_scores(mask, truth)._asdict(),
                "lesion_f1": lesion_f1(mask, truth),
                **ranking_scores(probability, truth)._asdict(),
            }
            counts = count(probability, truth, thresholds)
            found[name] = ImageCounts(*counts, int(truth.sum()), truth.size, scores)
    return found, prediction


def count(probability: np.ndarray, truth: np.ndarray, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count true and false positives at every threshold, in one pass over the pixels.

    Args:
        probability: (H, W) float32; NaN counts as 0.
        truth: (H, W) bool.
        thresholds: (T,) float64, rising.

    Returns:
        True positives (T,) and false positives (T,), with thresholds applied as `Prediction.mask` does, and the sums (T + 1,) of
        the probabilities between the thresholds.
    """
    cuts = thresholds.astype(probability.dtype)  # as NumPy compares an array with a Python float
    of_all, of_lesion = np.zeros((2, len(cuts) + 1), np.int64)  # pixels by the number of thresholds that they reach
    sums = np.zeros(len(cuts) + 1)
    rows = max(1, _AT_ONCE // probability.shape[1])
    for top in range(0, len(probability), rows):
        strip = np.nan_to_num(probability[top : top + rows], nan=0.0)
        reached = np.searchsorted(cuts, strip, side="right")
        of_all += np.bincount(reached.ravel(), minlength=len(of_all))
        of_lesion += np.bincount(reached[truth[top : top + rows]], minlength=len(of_lesion))
        sums += np.bincount(reached.ravel(), weights=strip.ravel(), minlength=len(sums))
    positive, true_positive = (reached[::-1].cumsum()[::-1][1:] for reached in (of_all, of_lesion))
    return true_positive, positive - true_positive, sums
