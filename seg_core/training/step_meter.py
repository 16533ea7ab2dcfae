"""How an epoch goes rather than what it learns: gradients, the learning rate, and the time that steps wait for photographs."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from seg_core.training.batches import Batch


class StepMeter:
    """Measures the steps of one epoch."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self._groups = optimizer.param_groups
        self._norms: list[torch.Tensor] = []
        self._waited, self._began = 0.0, time.perf_counter()

    def waiting(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield the batches, and count the time until each is there: read, copied to the device and augmented."""
        asked = time.perf_counter()
        for batch in batches:
            self._waited += time.perf_counter() - asked
            yield batch
            asked = time.perf_counter()

    def step(self) -> None:
        """Measure the gradients of a step, after the backward pass and before the optimizer uses them."""
        gradients = [weight.grad for group in self._groups for weight in group["params"] if weight.grad is not None]
        self._norms.append(torch.nn.utils.get_total_norm(gradients).detach())  # a GPU is not waited for

    def values(self) -> dict[str, float]:
        """Return what `seg_core.training.events.EpochDone.process` holds of the steps so far, but for the counts."""
        values = {
            "learning_rate": max(float(group["lr"]) for group in self._groups),
            "gradient_norm": float(torch.stack(self._norms).float().mean()) if self._norms else 0.0,
            "data_wait": self._waited / max(time.perf_counter() - self._began, 1e-9),
        }
        device = self._groups[0]["params"][0].device
        return values | ({"gpu_memory": torch.cuda.max_memory_allocated(device) / 1e9} if device.type == "cuda" else {})
