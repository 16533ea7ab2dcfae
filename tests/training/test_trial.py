"""A training that is tried before launch: its speed, its memory, and learning rates."""

from __future__ import annotations

from pathlib import Path

import pytest

from seg_core.config import Config
from seg_core.data.dataset import open_dataset
from seg_core.errors import InputError
from seg_core.runs.estimate import seconds_at
from seg_core.training import trial
from seg_core.training.trial import try_training
from seg_core.training.trial_result import Trial
from tests.helpers import make_dataset

pytestmark = pytest.mark.usefixtures("thin_network")

CONFIG = Config.of("report", image_size=64, batch_size=4, encoder_weights="random", precision="32-true")


def of(rates: list[float], losses: list[float]) -> Trial:
    return Trial(10.0, 0.5, rates, losses)


def test_the_suggested_rate_is_a_fifth_of_the_first_that_nearly_reaches_the_lowest_loss() -> None:
    assert of([1e-4, 1e-3, 1e-2, 1e-1], [1.0, 0.6, 0.21, 0.2]).suggested == 2e-3  # 0.21 is within 5 % of the fall of 0.8
    assert of([1e-4, 1e-3, 1e-2, 1e-1], [1.0, 0.6, 0.3, 0.2]).suggested == 2e-2
    assert of([1e-4, 7e-4, 1e-2], [1.0, 0.2, 3.0]).suggested == 1e-4  # 0.00014, to one digit
    assert of([1e-4, 1e-3], [1.0, 1.2]).suggested is None
    assert of([], []).suggested is None


def test_a_trial_is_kept_and_a_damaged_one_is_a_sentence(tmp_path: Path) -> None:
    kept = of([1e-4, 1e-3], [1.0, 0.5])
    kept.save(tmp_path / "trial.json")
    assert Trial.load(tmp_path / "trial.json") == kept
    (tmp_path / "trial.json").write_text('{"rates": []}', encoding="utf-8")
    with pytest.raises(InputError, match="try again"):
        Trial.load(tmp_path / "trial.json")


@pytest.mark.parametrize("variant", ["fine-tune", "trainable-decoder", "frozen-decoder"])
def test_steps_are_timed_and_rates_rise_until_the_loss_diverges(
    variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "SECONDS", 0.01)
    monkeypatch.setattr(trial, "STEPS", 12)
    said: list[tuple[int, int, str]] = []
    dataset = open_dataset([str(make_dataset(tmp_path / "data", train=8))])
    config = Config.of(**CONFIG.model_dump() | {"variant": variant})
    found = try_training(config, dataset, lambda *progress: said.append(progress), rates=True)
    assert found.images_per_second > 1
    assert 0.1 < found.memory < 50
    assert found.rates == pytest.approx([1e-5 * 10 ** (5 * step / 11) for step in range(len(found.rates))])
    assert 2 <= len(found.losses) == len(found.rates) <= 12
    assert max(found.losses) <= 4 * min(found.losses)
    assert {what for *_, what in said} >= {"Timing steps", "Trying learning rates"}
    assert all(0 <= done <= total for done, total, _ in said)


def test_without_rates_it_only_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "SECONDS", 0.01)
    dataset = open_dataset([str(make_dataset(tmp_path / "data", train=5, val=1))])
    assert try_training(CONFIG, dataset, lambda *progress: None, rates=False).rates == []


def test_the_time_of_a_run_at_a_speed() -> None:
    config = Config.of("report", epochs=10, val_fraction=0.2)
    # 80 train, 20 validate at 0.3 of the time: 86 photographs an epoch at 8.6 a second, and 15 s to start.
    assert seconds_at(8.6, config, 100, 0) == pytest.approx(10 * 10 + 15)
    assert seconds_at(8.6, config, 100, 100) == pytest.approx(10 * 30 / 8.6 + 15)
