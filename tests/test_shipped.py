"""The models that ship: whole, small enough, and described by what they hold."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence

import pytest
from huggingface_hub import ModelCard, ModelCardData

from scripts.models_table import models_table
from scripts.ship_models import MODELS
from seg_core.common.home import PROJECT, SHIPPED_CHECKPOINTS
from seg_core.config import Config
from seg_core.prediction.catalogue import SHIPPED
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.prediction.checkpoint_file import read_metadata
from seg_core.prediction.licences import licence_of
from seg_core.prediction.metadata import SplitScores, source_names
from seg_core.report.model_card import TITLES, model_card

LATER_SETTINGS = ("copies",)
"""Settings that came after some of the models were trained; these have what runs did before."""
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
    later = {setting: getattr(model.config, setting) for setting in LATER_SETTINGS}
    assert model.config == MODELS[name].config.model_copy(update=later)  # what ships is what would be made now


@pytest.mark.parametrize("name", SHIPPED)
def test_the_hugging_face_hub_reads_the_front_matter_of_a_card(name: str) -> None:
    metadata = read_metadata(SHIPPED_CHECKPOINTS / f"{name}.safetensors")
    data = ModelCard((SHIPPED_CHECKPOINTS / f"{name}.md").read_text(encoding="utf-8")).data
    assert isinstance(data, ModelCardData)
    assert data.license == licence_of(metadata).identifier
    assert data.license in ("mit", "cc-by-nc-4.0")
    assert (data.library_name, data.pipeline_tag) == ("lesionlab", "image-segmentation")
    sources = source_names(metadata["dataset"])
    assert (data.datasets, data.metrics) == (sources, list(TITLES))
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
    assert {(result.task_type, result.dataset_type) for result in data.eval_results} == {("image-segmentation", sources[0])}


def test_a_card_is_whole_whatever_the_data_is_called() -> None:
    metadata = read_metadata(SHIPPED_CHECKPOINTS / "fine-tune-best.safetensors")
    name = 'clinic "A": 100 % {new} + #2 # – {{ x }}'
    metadata["dataset"] |= {"name": name, "fingerprint": "0"}
    card = ModelCard(model_card(Config(**metadata["config"]), metadata, "best"))
    assert isinstance(card.data, ModelCardData)
    assert card.data.datasets == ["clinic-A-100-new", "2-x"]
    assert card.data.eval_results
    assert card.data.eval_results[0].dataset_name == f"{name}, validation"
    assert f"`{name}`" in card.text


def test_a_card_names_the_model_that_a_training_began_from() -> None:
    metadata = read_metadata(SHIPPED_CHECKPOINTS / "fine-tune-best.safetensors")
    config = Config(**metadata["config"])
    assert "It began from" not in model_card(config, metadata, "best")
    metadata["began_from"] = {"name": "skin", "digest": "0123456789abcdef"}
    assert "\nIt began from the weights of skin (fingerprint `0123456789abcdef`).\n" in model_card(config, metadata, "best")


def test_the_table_of_the_models_is_that_of_the_cards() -> None:
    table = (PROJECT / "docs" / "models.md").read_text(encoding="utf-8")
    assert models_table() in table
    for name in BEST:
        metadata = read_metadata(SHIPPED_CHECKPOINTS / f"{name}.safetensors")
        (row,) = (line for line in table.splitlines() if f"](../checkpoints/{name}.md)" in line)
        scored: Sequence[SplitScores] = [*metadata["by_source"], metadata["evaluation"]["validation, original size"]]
        figures = ["/".join(f"{each['scores'][metric][0]:.3f}" for metric in ("iou", "dice")) for each in scored]
        minutes = sum(epoch["seconds"] for epoch in metadata["history"]) / 60
        cells = [cell.strip() for cell in row.split("|")[2:-1]]
        assert [cell for cell in cells if cell != "–"] == [*figures, f"{minutes:.0f}", licence_of(metadata).name]


def test_the_package_names_every_licence_that_is_in_it() -> None:
    licences = {licence_of(read_metadata(SHIPPED_CHECKPOINTS / f"{name}.safetensors")).name.replace(" ", "-") for name in SHIPPED}
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(project["license"].split(" AND ")) == {"MIT", *licences}


def test_the_card_says_what_was_averaged() -> None:
    for epoch, said in ((80, True), (25, False), (24, False)):
        metadata = read_metadata(SHIPPED_CHECKPOINTS / "fine-tune-best.safetensors")
        card = model_card(Config.of("best"), {**metadata, "epoch": epoch}, "best")
        assert ("\nIts weights are the mean of those of epochs 25 to 80.\n" in card) == said


def test_the_card_of_a_model_that_was_trained_on_says_what_stayed_of_the_one_before() -> None:
    metadata = read_metadata(SHIPPED_CHECKPOINTS / "fine-tune-best.safetensors")
    metadata["began_from"] = {"name": "skin", "digest": "0123456789abcdef"}
    card = model_card(Config.of("best", begin_from="skin.safetensors", before_share=0.5), metadata, "best")
    assert (
        "\nOf its weights 50 % are those that it began from, with their BatchNorm statistics, and the rest the mean of those of "
        "epochs 25 to 80.\n" in card
    )
    assert "\nIts weights are the mean" not in card
