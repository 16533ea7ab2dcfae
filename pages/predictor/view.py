"""Drawing one photograph for each chosen model: the picture with the mask, and its measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL import Image

from pages.predictor.photo import Photo
from seg_core.common.colours import run_colour
from seg_core.errors import InputError
from seg_core.prediction.measures import Measures
from seg_core.prediction.overlay import draw_mask
from seg_core.prediction.predictor import Prediction


@dataclass(frozen=True)
class SideView:
    """The picture for one model, and either the measures or the sentence that says why there are none."""

    picture: Image.Image
    threshold: float | None = None
    area: int | None = None
    """Pixels of lesion, at the photograph's own size."""
    seconds: float | None = None
    problem: str = ""


def view(
    photo: Photo,
    models: Sequence[str],
    thresholds: Sequence[float | None],
    *,
    opacity: float = 0,
    outline: bool = True,
    tta: bool = False,
) -> tuple[list[SideView], Measures | None]:
    """Draw the masks of one or two models, given by path, on the preview, and measure them at full size; a model runs only once.

    A threshold of None is that of the checkpoint. The second value measures all masks that there are; None for no mask.
    """
    plain = photo.drawable()
    sides: list[SideView] = []
    made: list[Prediction] = []
    for index, (prediction, wanted) in enumerate(zip(photo.predict(models, tta=tta), thresholds, strict=False)):
        if isinstance(prediction, InputError):
            sides.append(SideView(plain, problem=str(prediction)))
            continue
        threshold = prediction.threshold if wanted is None else wanted
        mask = prediction.mask(threshold, plain.size)
        picture = draw_mask(plain, mask, run_colour(index), opacity=opacity, outline=outline)
        made.append(prediction)
        sides.append(SideView(picture, threshold, seconds=prediction.seconds))
    if not made:
        return sides, None
    measures = photo.measures(made, [side.threshold for side in sides if side.threshold is not None])
    areas = iter(measures.areas)
    return [side if side.problem else replace(side, area=next(areas)) for side in sides], measures
