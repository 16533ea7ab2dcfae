"""Fixtures of the tests of the Predict widget: models of the test's own, and a photograph."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from seg_core.prediction.checkpoint_file import save_checkpoint
from tests.helpers import lesion, metadata_of, tiny_config
from tests.pages.predictor.helpers import MakeModel


@pytest.fixture
def make_model(lab_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MakeModel:
    """Write an untrained checkpoint as a run of this test, or as one that ships; no other checkpoints are there."""
    from seg_core.network import build_model

    shipped = tmp_path / "shipped"
    shipped.mkdir()
    monkeypatch.setattr("seg_core.prediction.catalogue.SHIPPED_CHECKPOINTS", shipped)

    def make(
        run: int = 0,
        stem: str = "",
        label: str = "Model 2 · fine-tuned",
        threshold: float = 0.5,
        licence: str = "",
        **known: object,
    ) -> Path:
        config = tiny_config(threshold=threshold, seed=run)
        file = shipped / f"{stem}.safetensors" if stem else lab_home / f"{run:04d}" / "best.safetensors"
        known |= {"licences": {"weights": licence, "photographs": {}}} if licence else {}
        save_checkpoint(file, build_model(config), metadata_of(config, label=label, metrics={"val": {"iou": 0.5}}, **known))
        return file

    return make


@pytest.fixture
def photo_file(tmp_path: Path) -> Path:
    file = tmp_path / "ISIC_1.jpg"
    Image.fromarray(lesion((120, 90))[0]).save(file, quality=95)
    return file
