"""The models that ship: whole, small enough, and described by what they hold."""

from __future__ import annotations

import pytest
from huggingface_hub import ModelCard, ModelCardData

from seg_core.common.home import PROJECT, SHIPPED_CHECKPOINTS
from seg_core.config import Config
from seg_core.prediction.catalogue import SHIPPED
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.prediction.checkpoint_file import read_metadata
from seg_core.report.model_card import TITLES, model_card

BEST = [name for name in SHIPPED if "-best" in name]


def test_what_ships_is_what_is_offered_each_with_its_card_and_below_15_megabytes() -> None:
    files = {file.stem: file for file in SHIPPED_CHECKPOINTS.glob("*.safetensors")}
    assert set(files) == set(SHIPPED)
    assert all(file.stat().st_size <= 15_000_000 for file in files.values())
    assert {card.stem for card in SHIPPED_CHECKPOINTS.glob("*.md")} == set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_card_says_what_its_checkpoint_holds(name: str) -> None:
    file = SHIPPED_CHECKPOINTS / f"{name}.safetensors"
    model = load_checkpoint(file)
    recipe = name.removeprefix(f"{model.config.variant}-")
    assert file.with_suffix(".md").read_text(encoding="utf-8") == model_card(model.config, model.metadata, recipe)
    # What ships is what the recipe is now; when it was trained, copies were not looked for, and its photographs have none.
    assert model.config == Config.of(model.config.recipe, variant=model.config.variant, copies="anywhere")


@pytest.mark.parametrize("name", SHIPPED)
def test_the_hugging_face_hub_reads_the_front_matter_of_a_card(name: str) -> None:
    metadata = read_metadata(SHIPPED_CHECKPOINTS / f"{name}.safetensors")
    data = ModelCard((SHIPPED_CHECKPOINTS / f"{name}.md").read_text(encoding="utf-8")).data
    assert isinstance(data, ModelCardData)
    assert (data.license, data.library_name, data.pipeline_tag) == ("mit", "lesionlab", "image-segmentation")
    assert (data.datasets, data.metrics) == ([metadata["dataset"]["name"]], list(TITLES))
    assert data.tags
    assert "skin-lesion-segmentation" in data.tags
    assert data.model_name == metadata["label"]
    expected = {
        (split, metric): of_split["scores"][metric][0] for split, of_split in metadata["evaluation"].items() for metric in TITLES
    }
    expected |= {
        (split, "expected_calibration_error"): each["calibration_error"] for split, each in metadata["evaluation"].items()
    }
    assert data.eval_results
    found = {(result.dataset_split, result.metric_type): result.metric_value for result in data.eval_results}
    assert found == pytest.approx(expected, abs=5.1e-5)
    assert {(result.task_type, result.dataset_type) for result in data.eval_results} == {
        ("image-segmentation", metadata["dataset"]["name"])
    }


def test_the_table_of_the_models_is_that_of_the_cards() -> None:
    table = (PROJECT / "docs" / "models.md").read_text(encoding="utf-8")
    for name in BEST:
        metadata = read_metadata(SHIPPED_CHECKPOINTS / f"{name}.safetensors")
        scores = [metadata["evaluation"][split]["scores"] for split in ("validation", "validation, original size", "test")]
        figures = [f"{of_split[metric][0]:.3f}" for of_split in scores for metric in ("iou", "dice")]
        minutes = sum(epoch["seconds"] for epoch in metadata["history"]) / 60
        assert f"](../checkpoints/{name}.md) | {' | '.join(figures)} | {minutes:.0f} |" in table
