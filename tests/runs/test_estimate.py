"""How long runs will take, by hand: photographs over speed, for every epoch."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seg_core.config import Config
from seg_core.runs.estimate import about, estimate_seconds
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore
from tests.runs.stores import finished


@pytest.fixture
def run(store: RunStore) -> Run:
    return store.get_run(finished(store))


def of(config: Config, speed: float | None, run: Run) -> Run:
    return replace(run, config=config, images_per_second=speed)


def test_the_last_run_of_the_same_kind_tells_the_speed(run: Run) -> None:
    config = Config.of(epochs=10, image_size=128)
    known = [
        of(Config.of(variant="frozen-decoder"), 1, run),  # another kind of model
        of(Config.of(), None, run),  # it was stopped before its speed was known
        of(Config.of(image_size=256), 5, run),  # four times the pixels: 20 a second at 128
        of(Config.of(), 1000, run),
    ]
    # 10 epochs of 80 photographs that train and 20 that validate, which take 0.3 of the time: 860 at 20 a second.
    assert estimate_seconds([config], 100, 0, known) == pytest.approx(15 + 860 / 20)
    assert estimate_seconds([config], 100, 50, known) == pytest.approx(15 + 10 * (50 + 15) / 20)
    folds = config.repeated(folds=5)
    assert estimate_seconds(folds, 100, 50, known) == pytest.approx(5 * (15 + 860 / 20))


def test_without_runs_larger_photographs_take_longer() -> None:
    small, large = (estimate_seconds([Config.of(image_size=size)], 1000, 0, []) for size in (128, 256))
    assert large - 15 == pytest.approx(4 * (small - 15))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (20, "less than a minute"),
        (40, "about 1 minute"),
        (725, "about 12 minutes"),
        (5300, "about 88 minutes"),
        (5400, "about 2 hours"),
        (40 * 3600, "about 40 hours"),
        (72 * 3600, "about 3 days"),
    ],
)
def test_durations_are_said_in_round_words(seconds: float, words: str) -> None:
    assert about(seconds) == words
