"""A training tried before it is launched: how fast it goes, how much memory it takes, and which learning rates suit it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from itertools import chain, count
from typing import Any

import psutil
import torch
from lightning_fabric import Fabric

from seg_core.config import Config
from seg_core.data.dataset import Dataset
from seg_core.network import build_model
from seg_core.training.batches import Batch, Batches
from seg_core.training.device import choose_precision, find_device
from seg_core.training.losses import LOSSES
from seg_core.training.optimizer import build_optimizer
from seg_core.training.preparation import prepare
from seg_core.training.trial_result import Trial

WARM_UP, SECONDS = 2, 2.0
"""Steps that are not timed, since the first ones are slower, and how long the others are."""
LOWEST, HIGHEST, STEPS = 1e-5, 1.0, 80
"""Learning rates that are tried, and in how many steps from the lowest to the highest."""
DIVERGES = 4.0
"""Times its lowest value from which on a loss has diverged."""
SMOOTHING = 0.9


def try_training(config: Config, dataset: Dataset, advance: Callable[[int, int, str], None], *, rates: bool) -> Trial:
    """Train for some steps, and keep nothing of it but the photographs that were decoded.

    With ``rates``, the learning rate rises from 1e-5 to 1 (the range test of Smith, 2017), until the loss diverges.

    Raises:
        InputError: if the data or a setting cannot be used.
    """
    accelerator, index = find_device(config.device)
    fabric = Fabric(accelerator=accelerator, devices=1 if accelerator == "cpu" else [index], precision=choose_precision(config))
    torch.manual_seed(config.seed)
    data = prepare(dataset, config, lambda done, total, what: advance(done, total, f"Preparing {what}"))
    steps = _Steps(config, fabric, Batches(data.train, config, fabric.device))
    speed = steps.speed(lambda done: advance(done, 100, "Timing steps"))
    found = steps.rates(lambda done: advance(done, STEPS, "Trying learning rates")) if rates else []
    return Trial(speed, steps.memory, [rate for rate, _ in found], [loss for _, loss in found])


class _Steps:
    """Steps of a training on a network that is thrown away."""

    def __init__(self, config: Config, fabric: Fabric, batches: Batches) -> None:
        network = build_model(config).to(memory_format=torch.channels_last)
        network.fold_frozen_encoder()
        self._model, self._optimizer = fabric.setup(network, build_optimizer(network, config))
        self._config, self._fabric = config, fabric
        self._model.train()
        self._batches: Iterator[Batch] = chain.from_iterable(batches.shuffled() for _ in count())
        self._size = batches.size

    def speed(self, advance: Callable[[int], object]) -> float:
        """Return how many photographs a second train, at a low learning rate."""
        for _ in range(WARM_UP):
            self._step(LOWEST)
        began, images = time.perf_counter(), 0
        while (spent := time.perf_counter() - began) < SECONDS or not images:
            images += self._step(LOWEST)[1]
            advance(min(100, round(100 * spent / SECONDS)))
        return images / (time.perf_counter() - began)

    def rates(self, advance: Callable[[int], object]) -> list[tuple[float, float]]:
        """Return learning rates, and the smoothed loss at each, until it diverges."""
        found: list[tuple[float, float]] = []
        mean = 0.0
        for step in range(STEPS):
            rate = LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1))
            loss, _ = self._step(rate)
            mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
            smoothed = mean / (1 - SMOOTHING ** (step + 1))  # without the weight of the 0 that it began with
            if not math.isfinite(smoothed) or (found and smoothed > DIVERGES * min(loss for _, loss in found)):
                break
            found.append((rate, smoothed))
            advance(step + 1)
        return found

    def _step(self, rate: float) -> tuple[float, int]:
        """Train on a batch; return the loss before, and the number of photographs."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["share"]
        batch = next(self._batches)
        loss: Any = LOSSES[self._config.loss](self._model(batch.images).float(), batch.masks)
        self._optimizer.zero_grad()
        self._fabric.backward(loss)
        self._optimizer.step()
        return float(loss.item()), len(batch.images)

    @property
    def memory(self) -> float:
        """The most in use so far, in GB."""
        device = self._fabric.device
        used = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else psutil.Process().memory_info().rss
        return used / 1e9
