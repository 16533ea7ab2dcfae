"""How an epoch goes: gradients, the learning rate and the wait for data, by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from seg_core.training.batches import Batch
from seg_core.training.part import Part
from seg_core.training.step_meter import StepMeter


def test_values_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("seg_core.training.step_meter.time.perf_counter", lambda: now[0])
    weights = [torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))]
    optimizer = torch.optim.SGD([{"params": weights[:1], "lr": 0.3}, {"params": weights[1:], "lr": 1.0}])
    meter = StepMeter(optimizer)

    def batches() -> Iterator[Batch]:
        for number in (1, 2):
            now[0] += 3  # reading
            yield Batch(torch.zeros(1), torch.zeros(1), [0], number, Part.whole(1))

    for gradients in zip(meter.waiting(batches()), ([3.0, 4.0], [0.0, 5.0]), (12.0, 12.0), strict=True):
        weights[0].grad, weights[1].grad = torch.tensor(gradients[1]), torch.tensor(gradients[2:])
        meter.step()  # the third weight is frozen and has none
        now[0] += 7  # computing
    assert meter.values() == {"learning_rate": 1.0, "gradient_norm": 13.0, "data_wait": pytest.approx(6 / 20)}


def test_an_epoch_without_steps_has_no_gradient() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    assert StepMeter(optimizer).values()["gradient_norm"] == 0
