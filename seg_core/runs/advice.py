"""How a training goes, and what to do where it goes badly: short rules over what was recorded of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seg_core.runs.resources import Room
from seg_core.runs.run import MetricPoint, Run

SMOOTHED = 3
"""Epochs whose mean is looked at, since single ones go up and down."""
PATIENCE = 5
"""Epochs before the curves say anything."""
NO_FALL, RISE = 0.97, 1.25
"""A loss has not fallen at this share of the first epoch's, and rises at that many times its lowest."""
OVERFIT, IOU_LOST = 1.15, 0.003
"""A validation loss rises from this many times its lowest on, where IoU has fallen by this much too."""
MARKS_NOTHING = 0.05
LONG_WAIT = 0.3
"""Share of the training time in which steps wait for photographs."""
WIDE_MARGIN = 0.04
"""Half the width of the 95 % interval of the mean IoU over the validation photographs."""
LITTLE_DISK, LITTLE_MEMORY = 1e9, 0.5e9
"""Bytes."""

Curves = dict[str, list[float]]
"""Values of every epoch, by split and name, such as ``val iou``."""


@dataclass(frozen=True)
class Advice:
    """Something that goes badly, and what to do about it."""

    kind: str
    text: str


def advise(run: Run, points: Sequence[MetricPoint], room: Room | None = None) -> list[Advice]:
    """Return what goes badly in a run, the most urgent first; empty if nothing does.

    Args:
        run: the run.
        points: its metrics, as `seg_core.runs.history.RunHistory.metrics` gives them.
        room: what is left on its machine, if that is known and matters.
    """
    curves = _curves(points)
    found = [*_of_the_machine(room), *_of_settings(run), *_of_losses(curves), *_of_masks(curves), *_of_validation(run, curves)]
    return [*found, *_of_steps(curves)]


def _curves(points: Sequence[MetricPoint]) -> Curves:
    curves: Curves = defaultdict(list)
    for point in sorted(points, key=lambda point: point.epoch):
        curves[f"{point.split} {point.name}"].append(point.value)
    return curves


def _of_the_machine(room: Room | None) -> Iterator[Advice]:
    if room and room.disk < LITTLE_DISK:
        yield Advice("disk", f"Only {room.disk / 1e9:.1f} GB are free on the disk of the runs; delete runs or move other files.")
    if room and room.memory < LITTLE_MEMORY:
        text = f"Only {room.memory / 1e9:.1f} GB of memory are free; train fewer runs at a time, or with a smaller batch."
        yield Advice("memory", text)


def _of_settings(run: Run) -> Iterator[Advice]:
    config = run.config
    if config.variant == "trainable-decoder" and config.encoder_weights == "random" and not config.begin_from:
        text = "The encoder is frozen with random weights, so it sees little; choose ImageNet weights, or train it too."
        yield Advice("frozen", text)


def _of_losses(curves: Curves) -> Iterator[Advice]:
    train, val, iou = (_smoothed(curves[name]) for name in ("train loss", "val loss", "val iou"))
    epochs = len(curves["train loss"])
    if epochs < PATIENCE or len(val) != len(train) or len(iou) != len(train):
        return
    first, lowest = curves["train loss"][0], min(train)
    since = epochs - 1 - train.index(lowest)
    if min(curves["train loss"][1:]) > NO_FALL * first:
        text = f"The training loss has not fallen in {epochs} epochs; try other learning rates, and look at the masks on Data."
        yield Advice("loss", text)
    elif train[-1] > RISE * lowest and since >= SMOOTHED:
        text = f"The training loss has risen since epoch {epochs - since}; start again with a lower learning rate."
        yield Advice("loss", text)
    best = val.index(min(val))
    falls = train[-1] < NO_FALL * train[best]
    if epochs - 1 - best >= PATIENCE and val[-1] > OVERFIT * val[best] and falls and iou[-1] < max(iou) - IOU_LOST:
        text = (
            f"Overfitting since epoch {best + 1}: the validation loss rises while the training loss falls; further photographs, "
            "stronger augmentation or fewer epochs help."
        )
        yield Advice("overfitting", text)


def _of_masks(curves: Curves) -> Iterator[Advice]:
    iou = curves["val iou"]
    if len(iou) >= PATIENCE and max(iou) < MARKS_NOTHING:
        text = f"Validation IoU is {iou[-1]:.2f} after {len(iou)} epochs; look on Data whether the masks mark the lesions."
        yield Advice("masks", text)


def _of_validation(run: Run, curves: Curves) -> Iterator[Advice]:
    margins, iou = curves["process iou_margin"], curves["val iou"]
    if run.config.keep != "best" or len(iou) < PATIENCE or not margins or margins[-1] < WIDE_MARGIN:
        return
    second_half = iou[len(iou) // 2 :]
    if max(second_half) - min(second_half) < margins[-1]:
        text = (
            "The validation photographs are too few to tell the last epochs apart: their mean IoU is known to "
            f"± {margins[-1]:.2f}. Validate on more of them, or keep the last epoch instead of the best."
        )
        yield Advice("validation", text)


def _of_steps(curves: Curves) -> Iterator[Advice]:
    waits, norms = curves["process data_wait"][1:], curves["process gradient_norm"]  # in the first epoch the cache fills
    if len(waits) >= SMOOTHED and (wait := _smoothed(waits)[-1]) > LONG_WAIT:
        text = (
            f"It waits for photographs {wait:.0%} of the training time; a faster disk for the home folder or fewer pixels help."
        )
        yield Advice("data", text)
    if norms and norms[-1] < 1e-9:
        yield Advice("gradient", "No gradient reaches the network, so it learns nothing; choose another loss or variant.")


def _smoothed(values: Sequence[float]) -> list[float]:
    """Return the mean of each value and of those before it, up to `SMOOTHED` of them."""
    windows = (values[max(0, end - SMOOTHED) : end] for end in range(1, len(values) + 1))
    return [sum(window) / len(window) for window in windows]
