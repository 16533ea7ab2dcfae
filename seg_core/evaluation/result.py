"""The result of an evaluation: pixel counts of every image at every threshold, and the scores that follow from them."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seg_core import metrics
from seg_core.common.atomic_file import atomic_file
from seg_core.errors import InputError

METRICS = ("accuracy", "iou", "dice", "sensitivity", "specificity", "thresholded_iou")
"""Known at every threshold."""
BOUNDARY_METRICS = ("boundary_iou", "hausdorff_95", "surface_dice", "hausdorff_px", "hausdorff_95_px")
"""Known at the model's threshold only (`seg_core.evaluation.boundary`)."""
MASK_METRICS = (*BOUNDARY_METRICS, "lesion_f1")
"""All that are known at the model's threshold only."""
RANKING_METRICS = ("auroc", "average_precision")
"""Of the probabilities, whatever the threshold; undefined (NaN) where a photograph shows no lesion or nothing else."""
IN_PIXELS = ("hausdorff_px", "hausdorff_95_px")
"""All others lie between 0 and 1."""
FORMAT_VERSION = 4
RELIABILITY_BINS = 10

_TEXTS = ("ids", "missing", "notes")
_ARRAYS = ("thresholds", "true_positive", "false_positive", "lesion", "pixels", "probability", *MASK_METRICS, *RANKING_METRICS)


@dataclass(frozen=True, eq=False)
class Reliability:
    """Reliability diagram in bins of equal width from 0 to 1; NaN where a bin is empty (DeGroot & Fienberg, 1983)."""

    weight: np.ndarray
    """(10,) share of the pixels that are in the bin."""
    predicted: np.ndarray
    """(10,) mean probability of these."""
    found: np.ndarray
    """(10,) share of these that are lesion."""

    @property
    def calibration_error(self) -> float:
        """Expected calibration error: distance of ``predicted`` and ``found``, averaged by ``weight`` (Naeini et al., 2015)."""
        return float(np.nansum(self.weight * np.abs(self.predicted - self.found)))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Pixel counts of one model on N images at each of T thresholds; every score is a ratio of them."""

    ids: tuple[str, ...]
    thresholds: np.ndarray
    """(T,) rising: the hundredths between 0 and 1, and the model's threshold."""
    model_threshold: float
    """The threshold that the model was made with."""
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
    """(N,) boundary IoU at the model's threshold, 0 to 1."""
    hausdorff_95: np.ndarray
    """(N,) 95th percentile of the Hausdorff distance at the model's threshold, as a share of the diagonal; lower is better."""
    surface_dice: np.ndarray
    """(N,) normalised surface Dice at the model's threshold, 0 to 1."""
    hausdorff_px: np.ndarray
    """(N,) Hausdorff distance at the model's threshold, in pixels of the stored truth; lower is better."""
    hausdorff_95_px: np.ndarray
    """(N,) as ``hausdorff_95``, in pixels of the stored truth."""
    lesion_f1: np.ndarray
    """(N,) F1 score of whole lesions at the model's threshold, 0 to 1 (`seg_core.evaluation.lesions`)."""
    auroc: np.ndarray
    """(N,) area under the ROC curve of the pixels, 0 to 1, or NaN (`seg_core.evaluation.ranking`)."""
    average_precision: np.ndarray
    """(N,) area under the precision-recall curve of the pixels, 0 to 1, or NaN."""
    missing: tuple[str, ...] = ()
    """Ids of images without a prediction; they are not among the N."""
    notes: tuple[str, ...] = ()
    """Sentences to show beside the scores."""

    def __post_init__(self) -> None:
        images, thresholds = len(self.ids), len(self.thresholds)
        expected = {
            "true_positive": (images, thresholds),
            "false_positive": (images, thresholds),
            "lesion": (images,),
            "pixels": (images,),
            "probability": (images, thresholds + 1),
        } | dict.fromkeys((*MASK_METRICS, *RANKING_METRICS), (images,))
        shapes = {name: getattr(self, name).shape for name in expected}
        if shapes != expected:
            raise ValueError(f"counts of shapes {shapes} for {images} images and {thresholds} thresholds")

    def index(self, threshold: float | None = None) -> int:
        """Position of a threshold in ``thresholds``; the model's by default.

        Raises:
            InputError: if nothing was counted at this threshold.
        """
        wanted = self.model_threshold if threshold is None else float(threshold)
        nearest = int(np.abs(self.thresholds - wanted).argmin())
        if not abs(self.thresholds[nearest] - wanted) < 1e-6:  # sliders add up hundredths
            raise InputError(f"There are no scores at threshold {wanted:g}; choose a hundredth, from 0.01 to 0.99.")
        return nearest

    def scores(self, threshold: float | None = None) -> dict[str, np.ndarray]:
        """`METRICS` of every image at a threshold (the model's by default): name to (N,) values in [0, 1]."""
        column = self.index(threshold)
        return {name: values[:, 0] for name, values in self._scores(slice(column, column + 1)).items()}

    @property
    def all_scores(self) -> dict[str, np.ndarray]:
        """Every score of every image at the model's threshold: name to (N,) values, of `RANKING_METRICS` perhaps NaN."""
        return self.known_scores()

    def known_scores(self, threshold: float | None = None) -> dict[str, np.ndarray]:
        """Every score that is known at a threshold: all but `MASK_METRICS`, and these too if it is None, the model's own."""
        column = self.index(threshold)
        of_mask = MASK_METRICS if threshold is None else ()
        area = metrics.area_similarity_from_counts(self._counts(slice(column, column + 1)))[:, 0]
        others = {name: getattr(self, name) for name in (*of_mask, *RANKING_METRICS)}
        return self.scores(threshold) | {"area_similarity": area} | others

    def both_empty(self, threshold: float | None = None) -> np.ndarray:
        """(N,) True where neither the truth nor the mask at a threshold has a pixel: every ratio is 0/0 there and counts 1."""
        column = self.index(threshold)
        empty: np.ndarray = self.lesion + self.true_positive[:, column] + self.false_positive[:, column] == 0
        return empty

    def soft_iou(self, threshold: float | None = None) -> np.ndarray:
        """(N,) IoU to expect of each mask at a threshold by its probabilities: `seg_core.prediction.expected_iou.soft_iou`."""
        column = self.index(threshold)
        both = self.probability[:, column + 1 :].sum(axis=1)
        either = self.probability.sum(axis=1) + self.true_positive[:, column] + self.false_positive[:, column] - both
        soft: np.ndarray = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
        return soft

    def only(self, ids: Container[str]) -> Evaluation:
        """Return the evaluation of some of the images; the others leave no trace."""
        rows = [row for row, id in enumerate(self.ids) if id in ids]
        of_images = (name for name in _ARRAYS if name != "thresholds")
        return replace(self, ids=tuple(self.ids[row] for row in rows), **{name: getattr(self, name)[rows] for name in of_images})

    def means_at(self, threshold: float | None = None) -> dict[str, float]:
        """Mean over images of every metric at a threshold (the model's by default)."""
        return {name: sum(values.tolist()) / len(self.ids) for name, values in self.scores(threshold).items()}

    @property
    def means(self) -> dict[str, float]:
        """Mean over images of every metric at the model's threshold."""
        return self.means_at()

    @property
    def images(self) -> dict[str, dict[str, float]]:
        """Scores at the model's threshold, by id, then by metric."""
        scores = {name: values.tolist() for name, values in self.scores().items()}
        return {id: {name: scores[name][row] for name in METRICS} for row, id in enumerate(self.ids)}

    def scores_by_threshold(self, name: str) -> np.ndarray:
        """One metric of every image at every threshold, (N, T)."""
        return self._scores(slice(None))[name]

    def curve(self, name: str) -> np.ndarray:
        """Mean over images of one metric at every threshold, (T,)."""
        mean: np.ndarray = self.scores_by_threshold(name).mean(axis=0)
        return mean

    def reliability(self, weights: np.ndarray | None = None) -> Reliability:
        """Return the reliability diagram of the predicted probabilities, in ten bins.

        Every image counts the same, however many pixels it has, or by its share of ``weights`` (N,).
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
        """Write everything as a NumPy archive (``.npz``), whole or not at all."""
        texts = {name: np.array(getattr(self, name), np.str_) for name in _TEXTS}
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        with atomic_file(path) as partial, partial.open("wb") as file:
            # The file keeps the first name of ``model_threshold``, so that older ones load.
            np.savez_compressed(file, allow_pickle=False, format=FORMAT_VERSION, own=self.model_threshold, **texts, **arrays)

    @classmethod
    def load(cls, path: Path) -> Evaluation:
        """Read a file that `save` wrote; nothing in it is unpickled.

        Raises:
            InputError: if the file is missing, is no evaluation, is damaged, or comes from another version.
        """
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                if archive["format"] != FORMAT_VERSION:
                    raise ValueError("another version")
                values: dict[str, Any] = {name: archive[name] for name in _ARRAYS}
                values |= {name: tuple(archive[name].tolist()) for name in _TEXTS}
                return cls(model_threshold=float(archive["own"]), **values)
        except OSError as error:
            raise InputError(f"The evaluation {path} cannot be read ({error.strerror or error}); evaluate again.") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, TypeError, ValueError):
            raise InputError(f"{path} is no evaluation of this version of LesionLab, or is damaged; evaluate again.") from None

    def _scores(self, columns: slice) -> dict[str, np.ndarray]:
        """`METRICS` of every image at some of the thresholds: name to (N, t)."""
        return metrics.from_counts(self._counts(columns))

    def _counts(self, columns: slice) -> metrics.Counts:
        """Pixels of every image by outcome at some of the thresholds, each (N, t)."""
        true_positive, false_positive = self.true_positive[:, columns], self.false_positive[:, columns]
        lesion, skin = self.lesion[:, None], (self.pixels - self.lesion)[:, None]
        return metrics.Counts(true_positive, false_positive, lesion - true_positive, skin - false_positive)


def _between(at_least: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Pixels (N, T + 1) between the thresholds, from those (N, T) that reach each threshold and all pixels (N,)."""
    edges = np.column_stack([total, at_least, np.zeros_like(total)])
    return -np.diff(edges, axis=1)
