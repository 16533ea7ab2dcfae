"""The Train page: the command that it shows trains the same run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from streamlit.testing.v1 import AppTest

from pages.dataset.panel import in_words
from pages.runs.settings import ELSEWHERE, FIRST, GROUPS
from pages.shared.markdown import plain
from seg_core.cli import app
from seg_core.config import Config
from seg_core.data.check import Problem
from seg_core.training.command_line import command_line

CHANGED: dict[str, Any] = {
    "decoder": "plain",
    "encoder_weights": "random",
    "image_size": 192,
    "batch_size": 7,
    "epochs": 3,
    "learning_rate": 0.0125,
    "encoder_rate": 0.5,
    "optimizer": "adam",
    "schedule": "constant",
    "swa_fraction": 0.25,
    "keep": "last",
    "loss": "bce",
    "augmentation": "report",
    "val_fraction": 0.3,
    "folds": 4,
    "fold": 3,
    "copies": "anywhere",
    "groups": "lesions.csv:lesion_id",
    "begin_from": "/models/skin's best.safetensors",
    "before_share": 0.25,
    "threshold": 0.4,
    "second_look": 0.1,
    "seed": 11,
    "device": "cpu",
    "devices": 2,
    "precision": "32-true",
    "log": "tensorboard,mlflow",
    "skip_problems": True,
}


def read_back(command: str) -> tuple[Config, list[str], str]:
    """Config, sources and name that the command line makes of a command."""
    words = shlex.split(command)
    assert words[:4] == ["python", "-m", "seg_core", "train"]
    train = typer.main.get_command(app).commands["train"]  # type: ignore[attr-defined]
    given = train.make_context("train", words[4:]).params
    given.pop("as_json")
    for unused in ("seeds", "images", "masks", "lesion", "experts", "truth"):
        given.pop(unused)
    sources, name, recipe = given.pop("data"), given.pop("name"), given.pop("recipe")
    return Config.of(recipe, **given), list(sources), name


@pytest.mark.parametrize("settings", [{}, *({name: value} for name, value in CHANGED.items() if name != "fold"), CHANGED])
def test_the_shown_command_trains_the_same(settings: dict[str, Any]) -> None:
    config = Config.of("best", variant="trainable-decoder", **settings)
    sources = ["sample", "/data/with space/[a]?images=photos&lesion=2"]
    assert read_back(command_line(config, sources, "it's mine")) == (config, sources, "it's mine")


def test_the_command_of_a_group_says_how_often() -> None:
    assert command_line(Config.of(), ["sample"], "", seeds=3).endswith(" --recipe best --seeds 3")
    assert "--fold " not in command_line(Config.of(folds=3, fold=2), ["sample"], "", folds=5)
    assert command_line(Config.of(seed=4), ["sample"], "x", folds=5).endswith(" --recipe best --seed 4 --folds 5 --name x")


def test_the_command_of_a_run_that_was_continued_has_a_second_line() -> None:
    first, more = command_line(Config.of(epochs=50, schedule_from=40), ["sample"], "longer").splitlines()
    assert read_back(first) == (Config.of(epochs=40), ["sample"], "longer")
    assert more == "python -m seg_core runs continue RUN --epochs 10"


def page_of_settings() -> None:
    import streamlit as st

    from pages.runs.settings import settings_panel
    from seg_core.config import Config

    st.text(settings_panel("best", Config.of(log="mlflow"), "form").get("log", "as the recipe"))


def test_several_loggers_are_chosen_on_the_page() -> None:
    app = AppTest.from_function(page_of_settings).run()
    (loggers,) = app.multiselect
    assert (loggers.label, loggers.options, loggers.value) == (
        "Also log to",
        ["tensorboard", "wandb", "mlflow", "trackio"],
        ["mlflow"],
    )
    assert app.text[0].value == "mlflow"  # of the run that is cloned
    assert loggers.set_value(["trackio", "tensorboard"]).run().text[0].value == "tensorboard,trackio"
    assert app.multiselect[0].set_value([]).run().text[0].value == "as the recipe"


def test_loggers_may_be_given_one_by_one() -> None:
    read = read_back("python -m seg_core train --data sample --recipe best --log wandb --log tensorboard,mlflow")
    assert read[0] == Config.of(log="tensorboard,wandb,mlflow")


def test_every_setting_is_tried() -> None:
    assert set(CHANGED) == set(Config.model_fields) - {"variant", "recipe", "schedule_from"}
    assert [name for name, value in CHANGED.items() if value == getattr(Config.of("best"), name)] == []


def test_every_setting_stands_in_one_place_on_the_page() -> None:
    shown = [*ELSEWHERE, *FIRST, *(name for _, names in GROUPS.values() for name in names)]
    assert sorted(shown) == sorted(Config.model_fields)


@pytest.mark.parametrize(
    ("kinds", "held_out", "words"),
    [
        (["leakage", "leakage"], "test", "2 test photographs also appear in training"),
        (["leakage"], "validation or test", "1 validation or test photograph also appears in training"),
        (["unreadable", "missing mask", "unreadable"], "test", "2 files cannot be read, 1 photograph has no mask"),
    ],
)
def test_problems_are_counted_in_words(kinds: list[Any], held_out: str, words: str) -> None:
    problems = [Problem(kind, Path(f"{place}.jpg"), "…") for place, kind in enumerate(kinds)]
    assert in_words([*problems, problems[0]], held_out) == words  # a file is counted once


def test_names_are_shown_as_they_are() -> None:
    assert plain("![x](http://a/b.png) *b* $c$") == "\\!\\[x\\]\\(http\\:/\u2060/a/b\\.png\\) \\*b\\* \\$c\\$"
    assert plain("www.a.b me@a.b") == "www\u2060\\.a\\.b me@\u2060a\\.b"
    assert plain("ISIC 2016, 7 px") == "ISIC 2016, 7 px"
