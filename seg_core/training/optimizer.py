"""Optimizers, the learning rate of each part of the network, and its schedule.

To add an optimizer or a schedule, add it to `OPTIMIZERS` or `SCHEDULES`, and its name to ``Config.optimizer`` or
``Config.schedule``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from seg_core.config import Config
from seg_core.network import Segmenter

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
"""The optimizer of each name that ``Config.optimizer`` takes."""

SWA_RATE = 0.25
"""Share of the learning rate at which averaged epochs train, with the one-cycle schedule."""


def build_optimizer(network: Segmenter, config: Config) -> torch.optim.Optimizer:
    """Build the config's optimizer for the trainable weights, encoder and decoder in separate groups.

    Each group carries its ``share`` of the learning rate. Where one of the two is frozen, the other has the whole rate.
    """
    parts = [[weight for weight in part.parameters() if weight.requires_grad] for part in (network.encoder, network.decoder)]
    shares = [config.encoder_rate, 1.0] if all(parts) else [1.0, 1.0]
    groups = [{"params": weights, "share": share} for weights, share in zip(parts, shares, strict=True) if weights]
    return OPTIMIZERS[config.optimizer](groups, lr=config.learning_rate)


def set_learning_rate(optimizer: torch.optim.Optimizer, config: Config, step: int, batches: int) -> None:
    """Set the learning rate of every group for a step, counted from 0 over all epochs of ``batches`` steps each."""
    factor = schedule_factor(config, step, batches)
    for group in optimizer.param_groups:
        group["lr"] = config.learning_rate * group["share"] * factor


def schedule_factor(config: Config, step: int, batches: int) -> float:
    """Return the factor on the learning rate at a step, counted from 0 over all epochs of ``batches`` steps each.

    A run that is continued for more epochs goes through its schedule again over these epochs, a warm restart (Loshchilov &
    Hutter, 2017). Where epochs are averaged, the schedule ends before them, and the rate stays where it ended.
    """
    steps = (config.averaged_from - 1 - config.schedule_from) * batches
    position = min(1.0, (step - config.schedule_from * batches) / max(1, steps - 1))
    return SCHEDULES[config.schedule](position, SWA_RATE if config.averages else 1e-4)


def constant(position: float, lowest: float) -> float:
    """Keep the learning rate."""
    return 1.0


def one_cycle(position: float, lowest: float) -> float:
    """Rise from 1/25 to 1 over the first 30 %, then fall to ``lowest``, both along half a cosine (Smith & Topin, 2018)."""
    rising = position < 0.3
    start, end, share = (0.04, 1.0, position / 0.3) if rising else (1.0, lowest, (position - 0.3) / 0.7)
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


SCHEDULES: dict[str, Callable[[float, float], float]] = {"constant": constant, "one-cycle": one_cycle}
"""The schedule of each name that ``Config.schedule`` takes: from the position in the run, from 0 to 1, and the factor to end at,
to the factor on the learning rate."""
