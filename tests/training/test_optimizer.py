"""Optimizers, the learning rate of encoder and decoder, and its schedule."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from seg_core.config import Config
from seg_core.data.dataset import Dataset
from seg_core.training.optimizer import OPTIMIZERS, SCHEDULES, schedule_factor
from tests.helpers import tiny_config
from tests.training.trainings import run

pytestmark = pytest.mark.usefixtures("thin_network")


@pytest.mark.parametrize(("field", "choices"), [("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)])
def test_there_is_an_optimizer_and_a_schedule_for_each_name_that_a_config_takes(field: str, choices: dict[str, Any]) -> None:
    assert set(choices) == set(get_args(Config.model_fields[field].annotation))


def test_one_cycle_goes_up_over_three_tenths_and_down_to_almost_nothing() -> None:
    config = Config.of("best", epochs=10, swa_fraction=0)
    factors = [schedule_factor(config, step, 10) for step in range(100)]
    assert factors[0] == pytest.approx(1 / 25)
    assert max(factors) == pytest.approx(1, abs=2e-3)
    assert factors.index(max(factors)) == 30
    assert factors[-1] == pytest.approx(1e-4)
    assert all(a < b for a, b in pairwise(factors[:31]))
    assert all(a > b for a, b in pairwise(factors[30:]))
    # Half way up, a quarter and three quarters of the cosine: position 0.15 of 0.3, so (0.04 + 1) / 2.
    halfway = schedule_factor(Config.of("best", epochs=1), 15, 101)
    assert halfway == pytest.approx(0.52)


def test_where_epochs_are_averaged_the_cycle_ends_before_them_at_a_quarter_and_the_rate_stays_there() -> None:
    config = Config.of("best", epochs=10, swa_fraction=0.4)
    factors = [schedule_factor(config, step, 10) for step in range(100)]
    assert factors[0] == pytest.approx(1 / 25)
    assert factors.index(max(factors)) == 18  # three tenths of 60 steps
    assert all(a > b for a, b in pairwise(factors[18:60]))
    assert factors[59:] == [pytest.approx(1 / 4)] * 41


@pytest.mark.parametrize("averaged", [0, 0.5])
def test_a_continued_run_goes_through_another_cycle(averaged: float) -> None:
    config = Config.of("best", epochs=10, swa_fraction=averaged)
    whole = [schedule_factor(config, step, 5) for step in range(50)]
    continued = config.model_copy(update={"epochs": 14, "schedule_from": 10})
    short = Config.of("best", epochs=4, swa_fraction=averaged)
    assert [schedule_factor(continued, step, 5) for step in range(50, 70)] == [schedule_factor(short, s, 5) for s in range(20)]
    assert whole[-1] == pytest.approx(0.25 if averaged else 1e-4)


def test_the_reports_learning_rate_is_constant_and_a_single_step_is_no_error() -> None:
    assert {schedule_factor(Config.of("report"), step, 10) for step in range(250)} == {1.0}
    assert schedule_factor(Config.of("best", epochs=1), 0, 1) == pytest.approx(1 / 25)


@pytest.mark.parametrize(("variant", "shares"), [("fine-tune", [0.25, 1]), ("trainable-decoder", [1]), ("frozen-decoder", [1])])
def test_the_schedule_reaches_the_optimizer(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variant: str, shares: list[float]
) -> None:
    config = tiny_config(variant=variant, epochs=2, encoder_rate=0.25)
    used: list[list[float]] = []
    step = torch.optim.AdamW.step

    def spy(self: torch.optim.AdamW, *args: Any, **options: Any) -> Any:
        used.append([group["lr"] for group in self.param_groups])
        return step(self, *args, **options)

    monkeypatch.setattr(torch.optim.AdamW, "step", spy)
    run(config, dataset, tmp_path)
    rates = config.learning_rate * np.array([schedule_factor(config, number, 2) for number in range(4)])
    np.testing.assert_allclose(used, rates[:, None] * shares)  # encoder and decoder, or what learns alone
