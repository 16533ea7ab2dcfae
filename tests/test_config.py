"""The settings of a training: recipes, bounds, and messages."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from seg_core.config import DECODERS, RECIPES, VARIANT_LABELS, VARIANTS, Config
from seg_core.errors import InputError


@pytest.mark.parametrize(
    ("share", "fraction", "counts"), [(0, 0.5, 0), (0.5, 0, 0), (0.5, 0.5, 5), (0.75, 0.5, 15), (0.2, 0.5, 1), (0.01, 0.1, 1)]
)
def test_the_model_before_counts_as_epochs(share: float, fraction: float, counts: int) -> None:
    assert Config.of(epochs=10, swa_fraction=fraction, before_share=share).epochs_before == counts


def test_the_recipe_report_is_what_the_report_states() -> None:
    report = Config.of("report")
    stated = {"learning_rate": 1e-3, "epochs": 25, "optimizer": "adam", "loss": "bce", "augmentation": "report"}
    assert {name: getattr(report, name) for name in stated} == stated
    assert (report.recipe, report.decoder, report.schedule, report.encoder_weights) == ("report", "plain", "constant", "imagenet")


def test_the_recipe_best_is_the_default_and_has_skip_connections() -> None:
    assert Config.of() == Config.of("best")
    assert Config.of().recipe == "best"
    assert Config.of().decoder == "pyramid"


def test_a_config_from_before_encoder_rate_trained_both_at_one_rate() -> None:
    older = Config.of("best").model_dump()
    del older["encoder_rate"]
    assert Config(**older).encoder_rate == 1
    assert (Config.of("best").encoder_rate, Config.of("report").encoder_rate) == (0.3, 1)


def test_a_config_from_before_averaging_averaged_nothing() -> None:
    older = Config.of("best", epochs=10).model_dump()
    del older["swa_fraction"]
    assert Config(**older).averaged_from == 11


@pytest.mark.parametrize(
    ("epochs", "fraction", "start", "first"),
    [(10, 0.4, 0, 7), (1, 0.9, 0, 2), (3, 0.4, 0, 3), (14, 0.5, 10, 13), (90, 0.7, 0, 28)],
)
def test_the_last_epochs_of_the_schedule_are_averaged(epochs: int, fraction: float, start: int, first: int) -> None:
    assert Config.of("best", epochs=epochs, swa_fraction=fraction, schedule_from=start).averaged_from == first


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("decoder", DECODERS)
def test_every_variant_goes_with_every_recipe_and_decoder(recipe: str, variant: str, decoder: str) -> None:
    config = Config.of(recipe, variant=variant, decoder=decoder)
    assert (config.recipe, config.variant, config.decoder) == (recipe, variant, decoder)
    assert config.label == VARIANT_LABELS[config.variant]


def test_the_labels_are_those_of_the_report_and_its_second_reading() -> None:
    assert VARIANT_LABELS == {
        "trainable-decoder": "Model 1 · trainable decoder",
        "fine-tune": "Model 2 · fine-tuned",
        "frozen-decoder": "Model 2b · frozen decoder",
    }


def test_a_setting_given_as_none_keeps_the_recipes_value() -> None:
    assert Config.of("report", epochs=None, learning_rate=None, seed=7) == Config.of("report", seed=7)
    assert Config.of("report", epochs=3).epochs == 3


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("variant", "everything", "Variant cannot be 'everything'; choose trainable-decoder, fine-tune or frozen-decoder."),
        ("decoder", "deeplab", "Decoder cannot be 'deeplab'; choose plain, unet or pyramid."),
        ("encoder_weights", "lesions", "Encoder weights cannot be 'lesions'; choose imagenet or random."),
        ("image_size", 100, "Image size must be a multiple of 32: 96 or 128."),
        ("image_size", 1023, "Image size must be a multiple of 32: 992 or 1024."),
        ("image_size", 32, "Image size cannot be 32; it must be a multiple of 32, from 64 to 1,024."),
        ("image_size", 1056, "Image size cannot be 1056; it must be a multiple of 32, from 64 to 1,024."),
        ("batch_size", 0, "Batch size cannot be 0; it must be a whole number from 1 to 256."),
        ("epochs", 0, "Epochs cannot be 0; it must be a whole number from 1 to 1,000."),
        ("epochs", 2.5, "Epochs cannot be 2.5; it must be a whole number from 1 to 1,000."),
        ("learning_rate", 0.0, "Learning rate cannot be 0.0; it must be a number above 0 to 1."),
        ("learning_rate", "fast", "Learning rate cannot be 'fast'; it must be a number above 0 to 1."),
        ("learning_rate", float("nan"), "Learning rate cannot be nan; it must be a number above 0 to 1."),
        ("swa_fraction", 1.0, "SWA share cannot be 1.0; it must be a number from 0 to below 1."),
        ("val_fraction", 1.0, "Validation share cannot be 1.0; it must be a number above 0 and below 1."),
        ("folds", 21, "Folds cannot be 21; it must be a whole number from 1 to 20."),
        ("seed", -1, "Seed cannot be -1; it must be a whole number from 0 to below 2,147,483,648."),
        ("seed", 2**31, "Seed cannot be 2147483648; it must be a whole number from 0 to below 2,147,483,648."),
        ("device", "gpu", "Device cannot be 'gpu'; choose auto, cpu, mps or cuda, or one of several as cuda:1."),
        ("precision", "16-mixed", "Precision cannot be '16-mixed'; choose auto, 32-true or bf16-mixed."),
        ("skip_problems", "perhaps", "Skip pairs with problems cannot be 'perhaps'; choose true or false."),
        ("groups", 5, "Groups from a CSV file cannot be 5; it must be text."),
        ("momentum", 0.9, "There is no setting momentum; choose from variant, recipe, "),
    ],
)
def test_a_value_out_of_bounds_is_refused_in_plain_words(setting: str, value: Any, sentence: str) -> None:
    with pytest.raises(InputError) as refused:
        Config.of("best", **{setting: value})
    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)


def test_a_fold_beyond_the_last_is_refused() -> None:
    with pytest.raises(InputError, match=r"^There is no fold 6 of 5; choose one from 1 to 5\.$"):
        Config.of(folds=5, fold=6)


def test_a_group_has_the_next_seeds_or_every_fold_and_all_else_alike() -> None:
    config = Config.of("report", seed=7)
    assert config.repeated() == [config]
    assert config.repeated(seeds=3) == [config, Config.of("report", seed=8), Config.of("report", seed=9)]
    assert config.repeated(folds=2) == [Config.of("report", seed=7, folds=2, fold=fold) for fold in (1, 2)]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [({"seeds": 2, "folds": 2}, "not both"), ({"seeds": 21}, "cannot have 21 seeds"), ({"folds": 0}, "cannot have 0 folds")],
)
def test_a_group_of_both_or_too_many_is_refused(asked: dict[str, int], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Config.of().repeated(**asked)


def test_a_group_whose_seeds_would_run_out_is_refused() -> None:
    with pytest.raises(InputError, match="Seed cannot be 2147483648"):
        Config.of(seed=2**31 - 1).repeated(seeds=2)


def test_an_unknown_recipe_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"There is no recipe 'fast'; choose one of best, report\."):
        Config.of("fast")


@pytest.mark.parametrize("device", ["auto", "cpu", "mps", "cuda", "cuda:0", "cuda:11"])
def test_devices_are_taken_by_torchs_names(device: str) -> None:
    assert Config.of(device=device).device == device


def test_a_config_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Config.of().epochs = 3


def test_a_config_survives_json() -> None:
    config = Config.of("report", variant="frozen-decoder", learning_rate=3e-4, seed=5, skip_problems=True)
    assert Config(**json.loads(json.dumps(config.model_dump()))) == config


def test_every_setting_but_the_names_explains_itself() -> None:
    assert [name for name, field in Config.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("none", "none"),
        ("tensorboard", "tensorboard"),
        ("mlflow, tensorboard", "tensorboard,mlflow"),
        (["trackio", "wandb,trackio"], "wandb,trackio"),
        ((), "none"),
    ],
)
def test_several_loggers_are_kept_as_text_in_one_order(given: Any, kept: str) -> None:
    config = Config.of(log=given)
    assert config.log == kept
    assert config.loggers == tuple(name for name in kept.split(",") if name != "none")
    assert Config(**json.loads(json.dumps(config.model_dump()))) == config


@pytest.mark.parametrize("given", ["comet", "mlflow,comet", ["comet"], 5])
def test_unknown_loggers_are_refused(given: Any) -> None:
    with pytest.raises(
        InputError, match=r"^Also log to cannot be .*; choose none, or one or more of tensorboard, wandb, mlflow, trackio\.$"
    ):
        Config.of(log=given)
