"""How long runs will take: from the speed of this machine's last runs or, without any, from that of two usual cores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seg_core.config import Config, Variant
from seg_core.runs.run import Run

# Photographs per second at 128 pixels: those of the trainings of the shipped models, on two cores with other work beside.
_USUAL: dict[Variant, float] = {"trainable-decoder": 46.0, "fine-tune": 29.0, "frozen-decoder": 29.0}
_VALIDATING = 0.3
"""Time for a photograph in validation, in times for one in training."""
_STARTING = 15.0
"""Seconds until the first batch: torch is loaded, the network is built."""


def estimate_seconds(configs: Iterable[Config], pairs: int, own_val: int, runs: Sequence[Run]) -> float:
    """Return about how long some runs will train one after the other, in seconds.

    Args:
        configs: theirs.
        pairs: number of photographs that train or validate.
        own_val: those of a validation split of the dataset's own; 0 if there is none.
        runs: the runs of this machine, the newest first.
    """
    return sum(_seconds(config, pairs, own_val, runs) for config in configs)


def seconds_at(speed: float, config: Config, pairs: int, own_val: int) -> float:
    """Return about how long a run takes at ``speed`` photographs per second in training; else as `estimate_seconds`."""
    val = pairs / config.folds if config.folds > 1 else own_val or pairs * config.val_fraction
    return _STARTING + config.epochs * (pairs - val + _VALIDATING * val) / speed


def about(seconds: float) -> str:
    """Return a duration in words, such as ``about 12 minutes``."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 90:
        return f"about {minutes} minute{'s' if minutes > 1 else ''}"
    hours = round(seconds / 3600)
    return f"about {hours} hours" if hours < 48 else f"about {round(seconds / 86400)} days"


def _seconds(config: Config, pairs: int, own_val: int, runs: Sequence[Run]) -> float:
    return seconds_at(_speed(config, runs), config, pairs, own_val)


def _alike(config: Config) -> tuple[str, str, str, int]:
    return config.variant, config.decoder, config.device, config.devices


def _speed(config: Config, runs: Sequence[Run]) -> float:
    """Photographs per second in training: time is proportional to a photograph's pixels."""
    pixels = (config.image_size / 128) ** 2
    for run in runs:
        if _alike(run.config) == _alike(config) and run.images_per_second and run.epochs_done:
            return run.images_per_second * (run.config.image_size / 128) ** 2 / pixels
    return _USUAL[config.variant] / pixels
