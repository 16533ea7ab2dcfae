"""Scoring a model on a split at every threshold, each image at its stored resolution, as the ISIC challenge does."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seg_core import metrics
from seg_core.common.atomic_file import atomic_file
from seg_core.common.parallel import ordered_map
from seg_core.data.folders import Pair
from seg_core.data.image import read_mask
from seg_core.errors import InputError, some_of
from seg_core.evaluation.boundary import outline_scores
from seg_core.prediction.predictor import Prediction, Predictor

METRICS = ("accuracy", "iou", "dice", "sensitivity", "specificity", "thresholded_iou")
"""What is known at every threshold."""
OUTLINE_METRICS = ("boundary_iou", "hausdorff_95")
"""What is known at the model's own threshold alone (`seg_core.evaluation.boundary`)."""
FORMAT_VERSION = 3
RELIABILITY_BINS = 10
_AT_ONCE = 1 << 20
"""Pixels counted at a time: what is computed on the way takes ten times the memory of the mask."""


_TEXTS = ("ids", "missing", "notes")
_ARRAYS = ("thresholds", "true_positive", "false_positive", "lesion", "pixels", "probability", *OUTLINE_METRICS)


@dataclass(frozen=True, eq=False)
class Reliability:
    """What probabilities mean, in bins of equal width from 0 to 1; NaN where a bin is empty (DeGroot & Fienberg, 1983)."""

    weight: np.ndarray
    """(10,) share of the pixels that are in the bin."""
    predicted: np.ndarray
    """(10,) mean probability of these."""
    found: np.ndarray
    """(10,) share of these that are lesion."""

    @property
    def calibration_error(self) -> float:
        """Expected calibration error: the mean distance of ``predicted`` and ``found``, by ``weight`` (Naeini et al., 2015)."""
        return float(np.nansum(self.weight * np.abs(self.predicted - self.found)))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What one model got right on N images, in pixels, at each of T thresholds; every score follows from that."""

    ids: tuple[str, ...]
    thresholds: np.ndarray
    """(T,) rising: the hundredths between 0 and 1, and the model's own threshold."""
    own: float
    """The model's own threshold."""
    true_positive: np.ndarray
    """(N, T) pixels of the lesion with a probability of at least the threshold."""
    false_positive: np.ndarray
    """(N, T) other pixels with a probability of at least the threshold."""
    lesion: np.ndarray
    """(N,) pixels of the lesion."""
    pixels: np.ndarray
    """(N,) all pixels."""
    probability: np.ndarray
    """(N, T + 1) sums of the probabilities below the first threshold, between each two, and from the last one on."""
    boundary_iou: np.ndarray
    """(N,) boundary IoU at the model's own threshold, 0 to 1."""
    hausdorff_95: np.ndarray
    """(N,) 95th percentile of the Hausdorff distance at the model's own threshold, as a share of the diagonal: less is better."""
    missing: tuple[str, ...] = ()
    """Ids of images that there was no prediction for: they are not among the N."""
    notes: tuple[str, ...] = ()
    """Sentences for whoever reads the scores."""

    def __post_init__(self) -> None:
        images, table, between = (
            (len(self.ids),),
            (len(self.ids), len(self.thresholds)),
            (len(self.ids), len(self.thresholds) + 1),
        )
        counted = (self.lesion, self.pixels, self.true_positive, self.false_positive, self.probability)
        shapes = [each.shape for each in (*counted, self.boundary_iou, self.hausdorff_95)]
        if shapes != [images, images, table, table, between, images, images]:
            raise ValueError(f"counts of shapes {shapes} for {len(self.ids)} images and {len(self.thresholds)} thresholds")

    def index(self, threshold: float | None = None) -> int:
        """Where a threshold stands among ``thresholds``; the model's own by default.

        Raises:
            InputError: if nothing was counted at this threshold.
        """
        wanted = self.own if threshold is None else float(threshold)
        nearest = int(np.abs(self.thresholds - wanted).argmin())
        if not abs(self.thresholds[nearest] - wanted) < 1e-6:  # sliders add up hundredths
            raise InputError(f"There are no scores at threshold {wanted:g}; choose a hundredth, from 0.01 to 0.99.")
        return nearest

    def scores(self, threshold: float | None = None) -> dict[str, np.ndarray]:
        """Every one of `METRICS` of every image at a threshold (the model's own by default): name to (N,) values in [0, 1]."""
        column = self.index(threshold)
        return {name: values[:, 0] for name, values in self._scores(slice(column, column + 1)).items()}

    @property
    def own_scores(self) -> dict[str, np.ndarray]:
        """`scores` at the model's own threshold, and those of `OUTLINE_METRICS`."""
        return self.scores() | {name: getattr(self, name) for name in OUTLINE_METRICS}

    def means_at(self, threshold: float | None = None) -> dict[str, float]:
        """The mean over images of every metric at a threshold (the model's own by default)."""
        return {name: sum(values.tolist()) / len(self.ids) for name, values in self.scores(threshold).items()}

    @property
    def means(self) -> dict[str, float]:
        """The mean over images of every metric, at the model's own threshold."""
        return self.means_at()

    @property
    def images(self) -> dict[str, dict[str, float]]:
        """Scores by id, then by metric, at the model's own threshold."""
        scores = {name: values.tolist() for name, values in self.scores().items()}
        return {id: {name: scores[name][row] for name in METRICS} for row, id in enumerate(self.ids)}

    def scores_at_all(self, name: str) -> np.ndarray:
        """One metric of every image at every threshold, (N, T)."""
        return self._scores(slice(None))[name]

    def curve(self, name: str) -> np.ndarray:
        """The mean over images of one metric at every threshold, (T,)."""
        mean: np.ndarray = self.scores_at_all(name).mean(axis=0)
        return mean

    def reliability(self, weights: np.ndarray | None = None) -> Reliability:
        """How often pixels were lesion that were predicted to be so with a probability of 0 to 0.1, of 0.1 to 0.2, and so on.

        Each image counts alike, however many pixels it has, or by its share of ``weights`` (N,).
        """
        lesion = _between(self.true_positive, self.lesion)
        pixels = lesion + _between(self.false_positive, self.pixels - self.lesion)
        tenth = np.searchsorted(np.arange(1, RELIABILITY_BINS) / RELIABILITY_BINS, [0, *(self.thresholds + 1e-9)], side="right")
        sums = np.zeros((3, RELIABILITY_BINS))
        for row, counted in enumerate((pixels, lesion, self.probability)):
            np.add.at(sums[row], tenth, np.average(counted / self.pixels[:, None], axis=0, weights=weights))
        weight, found, predicted = sums
        with np.errstate(invalid="ignore"):
            return Reliability(weight, predicted / weight, found / weight)

    def save(self, path: Path) -> None:
        """Write all of it as a NumPy archive (``.npz``), whole or not at all."""
        texts = {name: np.array(getattr(self, name), np.str_) for name in _TEXTS}
        counted = {name: getattr(self, name) for name in _ARRAYS}
        with atomic_file(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, format=FORMAT_VERSION, own=self.own, **texts, **counted)

    @classmethod
    def load(cls, path: Path) -> Evaluation:
        """Read what `save` wrote; nothing in it is unpickled.

        Raises:
            InputError: if the file is missing, is no evaluation, is damaged, or comes from another version.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                if archive["format"] != FORMAT_VERSION:
                    raise ValueError("another version")
                values: dict[str, Any] = {name: archive[name] for name in _ARRAYS}
                values |= {name: tuple(archive[name].tolist()) for name in _TEXTS}
                return cls(own=float(archive["own"]), **values)
        except OSError as error:
            raise InputError(f"The evaluation {path} cannot be read ({error.strerror or error}); evaluate again.") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, TypeError, ValueError):
            raise InputError(f"{path} is no evaluation of this version of LesionLab, or is damaged; evaluate again.") from None

    def _scores(self, columns: slice) -> dict[str, np.ndarray]:
        """Every metric of every image at some of the thresholds: name to (N, t)."""
        found, wrong = self.true_positive[:, columns], self.false_positive[:, columns]
        lesion, skin = self.lesion[:, None], (self.pixels - self.lesion)[:, None]
        return metrics.from_counts(metrics.Counts(found, wrong, lesion - found, skin - wrong))


def evaluate(
    predictor: Predictor,
    pairs: Sequence[Pair],
    on_progress: Callable[[int, int], None] | None = None,
    *,
    on_prediction: Callable[[Pair, Prediction], None] | None = None,
    allow_missing: bool = False,
) -> Evaluation:
    """Predict every photograph, scale the probabilities to the stored size of its truth, and count there; on all cores.

    Args:
        predictor: a checkpoint, or a folder of predicted masks (`seg_core.prediction.mask_folder.open_predicted_masks`).
        pairs: photographs and their truth.
        on_progress: gets how many are done and how many there are, after each; what it raises ends the evaluation.
        on_prediction: gets every pair with its prediction, in order, to keep or draw.
        allow_missing: leave out the pairs that there is no prediction for, and name them in the result, instead of refusing.

    Raises:
        InputError: if there are no pairs, none or not every one has a prediction, a file cannot be read, or a mask differs in
            size from its photograph.
    """
    if not pairs:
        raise InputError("There are no photographs to evaluate on; choose another split or dataset.")
    missing = predictor.missing(pairs)
    if missing and (len(missing) == len(pairs) or not allow_missing):
        raise InputError(_no_prediction(predictor.label, missing, len(pairs)))
    left_out = set(missing)
    scored = [pair for pair in pairs if pair.id not in left_out]
    thresholds = np.unique(np.append(np.arange(1, 100) / 100, predictor.threshold))
    found, wrong = np.zeros((2, len(scored), len(thresholds)), np.int64)
    probability = np.zeros((len(scored), len(thresholds) + 1))
    lesion, pixels = np.zeros((2, len(scored)), np.int64)
    outlines = np.zeros((2, len(scored)))

    def score(row: int) -> Prediction:
        pair = scored[row]
        truth, _ = read_mask(pair.mask)
        prediction = predictor.predict_pair(pair)
        if truth.shape[::-1] != prediction.size:
            raise InputError(f"{pair.image.name} and {pair.mask.name} differ in size; export the mask at the photograph's size.")
        found[row], wrong[row], probability[row] = count(prediction.probability(), truth, thresholds)
        lesion[row], pixels[row] = truth.sum(), truth.size
        outlines[:, row] = outline_scores(prediction, truth)
        return prediction

    with closing(ordered_map(score, range(len(scored)))) as predictions:
        for row, pair in enumerate(scored):
            prediction = next(predictions)
            if on_prediction:
                on_prediction(pair, prediction)
            if on_progress:
                on_progress(row + 1, len(scored))
    return Evaluation(
        ids=tuple(pair.id for pair in scored),
        thresholds=thresholds,
        own=predictor.threshold,
        true_positive=found,
        false_positive=wrong,
        lesion=lesion,
        pixels=pixels,
        probability=probability,
        boundary_iou=outlines[0],
        hausdorff_95=outlines[1],
        missing=tuple(missing),
        notes=tuple(predictor.notes),
    )


def count(probability: np.ndarray, truth: np.ndarray, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True and false positives (T,) at rising ``thresholds`` (T,), as `Prediction.mask` draws the line, and the sums (T + 1,) of
    the probabilities between the thresholds; one look at each pixel.

    Args:
        probability: (H, W) float32; what is no number counts as 0.
        truth: (H, W) bool.
        thresholds: (T,) float64, rising.
    """
    lines = thresholds.astype(probability.dtype)  # as NumPy compares an array with a float of Python's
    of_all, of_lesion = np.zeros((2, len(lines) + 1), np.int64)  # pixels by how many of the lines they reach
    sums = np.zeros(len(lines) + 1)
    rows = max(1, _AT_ONCE // probability.shape[1])
    for top in range(0, len(probability), rows):
        strip = np.nan_to_num(probability[top : top + rows], nan=0.0)
        reached = np.searchsorted(lines, strip, side="right")
        of_all += np.bincount(reached.ravel(), minlength=len(of_all))
        of_lesion += np.bincount(reached[truth[top : top + rows]], minlength=len(of_lesion))
        sums += np.bincount(reached.ravel(), weights=strip.ravel(), minlength=len(sums))
    positive, found = (reached[::-1].cumsum()[::-1][1:] for reached in (of_all, of_lesion))
    return found, positive - found, sums


def _between(at_least: np.ndarray, all_of_them: np.ndarray) -> np.ndarray:
    """Pixels (N, T + 1) between the thresholds, from those (N, T) that reach each and the number (N,) of all."""
    edges = np.column_stack([all_of_them, at_least, np.zeros_like(all_of_them)])
    return -np.diff(edges, axis=1)


def _no_prediction(label: str, missing: Sequence[str], total: int) -> str:
    if len(missing) == total:
        return f"{label} has a prediction for none of the {total} photographs; choose another folder or dataset."
    which = f"{len(missing)} of the {total} photographs ({some_of(missing)})"
    return f"{label} has no prediction for {which}; add them, or leave these photographs out of the scores."
