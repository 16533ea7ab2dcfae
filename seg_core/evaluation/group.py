"""A group of models scored as one: repeats of one training with other seeds or on other folds."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from seg_core.evaluation.result import Evaluation, Reliability


@dataclass(frozen=True, eq=False)
class GroupEvaluation:
    """Evaluations of a group's models; each score of an image is the mean over the models that were scored on it.

    It offers what tables and charts read from an `Evaluation`. All models of a group share one threshold.
    """

    members: tuple[Evaluation, ...]

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Ids of the N images that any of the models was scored on."""
        return tuple(dict.fromkeys(id for member in self.members for id in member.ids))

    @cached_property
    def _rows(self) -> list[np.ndarray]:
        """For each model, the positions of its images in ``ids``."""
        row = {id: place for place, id in enumerate(self.ids)}
        return [np.array([row[id] for id in member.ids]) for member in self.members]

    @property
    def is_crossed(self) -> bool:
        """True if every model was scored on every image, which tells variation between models from that between images."""
        return all(len(member.ids) == len(self.ids) for member in self.members)

    @property
    def model_threshold(self) -> float:
        """As `Evaluation.model_threshold`."""
        return self.members[0].model_threshold

    @property
    def thresholds(self) -> np.ndarray:
        """As `Evaluation.thresholds`."""
        return self.members[0].thresholds

    def index(self, threshold: float | None = None) -> int:
        """As `Evaluation.index`."""
        return self.members[0].index(threshold)

    @property
    def lesion(self) -> np.ndarray:
        """As `Evaluation.lesion`."""
        return self._mean([member.lesion for member in self.members])

    @property
    def pixels(self) -> np.ndarray:
        """As `Evaluation.pixels`."""
        return self._mean([member.pixels for member in self.members])

    @property
    def missing(self) -> tuple[str, ...]:
        """Ids of images without a prediction by any model."""
        there = set(self.ids)
        return tuple(dict.fromkeys(id for member in self.members for id in member.missing if id not in there))

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences to show beside the scores."""
        return tuple(dict.fromkeys(note for member in self.members for note in member.notes))

    def scores(self, threshold: float | None = None) -> dict[str, np.ndarray]:
        """As `Evaluation.scores`."""
        return self._means([member.scores(threshold) for member in self.members])

    @property
    def all_scores(self) -> dict[str, np.ndarray]:
        """As `Evaluation.all_scores`."""
        return self.known_scores()

    def known_scores(self, threshold: float | None = None) -> dict[str, np.ndarray]:
        """As `Evaluation.known_scores`; what is undefined depends on the truth alone, so it is so for every model."""
        return self._means([member.known_scores(threshold) for member in self.members])

    def both_empty(self, threshold: float | None = None) -> np.ndarray:
        """As `Evaluation.both_empty`: True where that is so for any model that was scored on the image."""
        return self._mean([member.both_empty(threshold) for member in self.members]) > 0

    def soft_iou(self, threshold: float | None = None) -> np.ndarray:
        """As `Evaluation.soft_iou`."""
        return self._mean([member.soft_iou(threshold) for member in self.members])

    def only(self, ids: Container[str]) -> GroupEvaluation:
        """As `Evaluation.only`; a model that was scored on none of these images drops out."""
        members = (member.only(ids) for member in self.members)
        return GroupEvaluation(tuple(member for member in members if member.ids))

    def means_of_members(self, name: str, threshold: float | None = None) -> np.ndarray:
        """Mean of a metric over the images of each of the R models, (R,)."""
        return np.array([member.means_at(threshold)[name] for member in self.members])

    def tables(self, threshold: float | None = None) -> dict[str, np.ndarray]:
        """Every known score of every image by each of the R models: name to (R, N) values, at a threshold or the models' own.

        Raises:
            ValueError: if the group is not `is_crossed`.
        """
        if not self.is_crossed:
            raise ValueError("not every model of the group was scored on every image")
        scores = [member.known_scores(threshold) for member in self.members]
        tables = {name: np.empty((len(self.members), len(self.ids))) for name in scores[0]}
        for place, (rows, of_member) in enumerate(zip(self._rows, scores, strict=True)):
            for name, values in of_member.items():
                tables[name][place, rows] = values
        return tables

    def curve(self, name: str) -> np.ndarray:
        """As `Evaluation.curve`."""
        mean: np.ndarray = self._mean([member.scores_by_threshold(name) for member in self.members]).mean(axis=0)
        return mean

    def reliability(self) -> Reliability:
        """As `Evaluation.reliability`; an image scored by several models counts once."""
        weights = [1 / self._scored[rows] for rows in self._rows]
        each = [member.reliability(of_images) for member, of_images in zip(self.members, weights, strict=True)]
        shares = [of_images.sum() for of_images in weights]
        weight = np.average([one.weight for one in each], axis=0, weights=shares)
        with np.errstate(invalid="ignore"):
            predicted, found = (
                np.average([np.nan_to_num(one.weight * getattr(one, what)) for one in each], axis=0, weights=shares) / weight
                for what in ("predicted", "found")
            )
        return Reliability(weight, predicted, found)

    @cached_property
    def _scored(self) -> np.ndarray:
        """Number of models scored on each image, (N,)."""
        return np.bincount(np.concatenate(self._rows), minlength=len(self.ids))

    def _means(self, scores: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        return {name: self._mean([of_member[name] for of_member in scores]) for name in scores[0]}

    def _mean(self, values: Sequence[np.ndarray]) -> np.ndarray:
        """Mean of each image over the models that were scored on it, (N, ...), from the values of each model's images."""
        total = np.zeros((len(self.ids), *values[0].shape[1:]))
        for rows, of_member in zip(self._rows, values, strict=True):
            total[rows] += of_member
        mean: np.ndarray = total / self._scored.reshape(-1, *[1] * (total.ndim - 1))
        return mean


Scored = Evaluation | GroupEvaluation
"""The evaluation of one model or of a group."""
