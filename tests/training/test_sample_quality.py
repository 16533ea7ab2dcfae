"""Quality of the built-in photographs for training: a model that saw only them is scored on real ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from seg_core import Config, evaluate, load_checkpoint, open_dataset, train
from seg_core.common.home import PROJECT

REAL = PROJECT.parent / "shared" / "data" / "isic2016-256"


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not REAL.is_dir(), reason="the real photographs are not on this machine")
def test_a_model_trained_on_the_sample_carries_over(tmp_path: Path) -> None:
    sample = open_dataset("sample")
    config = Config.of("best")
    model = load_checkpoint(train(config, sample, folder=tmp_path).checkpoint)

    on_sample = evaluate(model, sample.split(config.split_spec).test).means["iou"]
    on_real = evaluate(model, open_dataset(REAL).split(config.split_spec).test).means["iou"]

    assert on_real >= 0.50, f"IoU {on_real:.3f} on real test photographs"
    assert 0.85 <= on_sample < 0.97, f"IoU {on_sample:.3f} on its own test split"
