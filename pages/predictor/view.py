"""Drawing one photograph for each chosen model: the picture with the mask, and its measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pages.predictor.photo import Photo, agreement
from seg_core.common.colours import run_colour
from seg_core.errors import InputError
from seg_core.prediction.overlay import draw_mask


@dataclass(frozen=True)
class SideView:
    """The picture for one model, and either the measures or the sentence that says why there are none."""

    picture: Image.Image
    threshold: float | None = None
    area: float | None = None
    """Share of the photograph that is lesion, 0 to 1."""
    seconds: float | None = None
    problem: str = ""


def view(
    photo: Photo,
    models: Sequence[str],
    thresholds: Sequence[float | None],
    *,
    opacity: float = 0.4,
    outline: bool = True,
    tta: bool = False,
) -> tuple[list[SideView], float | None]:
    """Draw the masks of one or two models, given by path, and measure them on the preview; a model runs only once.

    A threshold of None is that of the checkpoint. The second value is the agreement of two masks.
    """
    plain = photo.drawable()
    sides: list[SideView] = []
    masks: list[np.ndarray] = []
    for index, (prediction, wanted) in enumerate(zip(photo.predict(models, tta=tta), thresholds, strict=False)):
        if isinstance(prediction, InputError):
            sides.append(SideView(plain, problem=str(prediction)))
            continue
        threshold = prediction.threshold if wanted is None else wanted
        mask = prediction.mask(threshold, plain.size)
        picture = draw_mask(plain, mask, run_colour(index), opacity=opacity, outline=outline)
        masks.append(mask)
        sides.append(SideView(picture, threshold, float(mask.mean()), prediction.seconds))
    return sides, agreement(masks)
