"""Sample photographs of the HTML report, with the outlines of the truth and of every model's mask."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from seg_core.data.folders import Pair
from seg_core.data.truth import read_truth
from seg_core.prediction.overlay import draw_mask, preview
from seg_core.report.scoring import ScoredModel

PICTURE_SIDE = 420
PER_REASON = 2
"""Photographs shown for each reason."""


@dataclass(frozen=True)
class Sample:
    """One photograph with the outlines of its truth and of every model's mask."""

    id: str
    reason: str
    picture: str
    """A JPEG as a data URL."""
    scores: list[str]


def samples(models: Sequence[ScoredModel], colours: Mapping[str, str], pairs: Sequence[Pair]) -> list[Sample]:
    """Choose and draw photographs that show what models can and cannot do.

    Args:
        models: all scored on ``pairs``.
        colours: by label.
        pairs: photographs and their truth.
    """
    scores = np.array([model.evaluation.scores()["iou"] for model in models])
    return [_sample(pairs[row], reason, models, colours, scores[:, row]) for row, reason in chosen_rows(scores).items()]


def chosen_rows(scores: np.ndarray) -> dict[int, str]:
    """Choose photographs from the scores (M, N) of M models: row to the reason why; none is chosen twice.

    Two each have the lowest mean score, the largest disagreement between models, the highest mean score, and a mean score close
    to the median.
    """
    mean = scores.mean(axis=0)
    ranked_by = {
        "worst": mean,
        "disagreement": -np.ptp(scores, axis=0),
        "best": -mean,
        "typical": np.abs(mean - np.median(mean)),
    }
    if len(scores) == 1:
        del ranked_by["disagreement"]
    chosen: dict[int, str] = {}
    for reason, key in ranked_by.items():
        free = [row for row in np.argsort(key, kind="stable").tolist() if row not in chosen]
        chosen |= dict.fromkeys(free[:PER_REASON], reason)
    return chosen


def _sample(pair: Pair, reason: str, models: Sequence[ScoredModel], colours: Mapping[str, str], scores: np.ndarray) -> Sample:
    photo, _ = preview(pair.image, PICTURE_SIDE, PICTURE_SIDE)
    truth = Image.fromarray(read_truth(pair).mask).resize(photo.size, Image.Resampling.NEAREST)
    drawn = draw_mask(photo, np.asarray(truth), "#ffffff", opacity=0)
    for model in models:
        mask = model.checkpoint.predict(pair.image).mask(size=photo.size)
        drawn = draw_mask(drawn, mask, colours[model.label], opacity=0)
    return Sample(pair.id, reason, _data_url(drawn), [f"{score:.3f}" for score in scores])


def _data_url(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=88, subsampling=0)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
