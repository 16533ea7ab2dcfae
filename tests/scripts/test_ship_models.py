"""The program that makes the models that ship, on tiny sources."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scripts import ship_models, ship_sources
from scripts.ship_models import MODELS, ShippedModel
from seg_core import cli
from seg_core.data.dataset import open_dataset
from seg_core.prediction.checkpoint_file import read_metadata
from tests.helpers import textured, tiny_config

pytestmark = pytest.mark.usefixtures("thin_network")

TRAINS_ON = {"epochs": 2, "schedule_from": 1}
TINY = tiny_config(epochs=1).model_dump(exclude={"variant", "recipe", "copies"}, exclude_defaults=True)
FIRST_ISIC = "ISIC_0000000"


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A first source, two further ones, of which one has lesions with two photographs, and one to judge by."""
    numbers = {"isic2016-a": 0, "isic2017-b": 20, "ham10000-c": 40}
    folders = {name: textured(tmp_path / name, first=first, train=6) for name, first in numbers.items()}
    folders["clinic"] = textured(tmp_path / "clinic", first=70, test=2)
    (folders["ham10000-c"] / "lesions.csv").write_text(
        "id,lesion_id\n" + "".join(f"ISIC_{40 + number:07d},HAM_{number // 2}\n" for number in range(6)), encoding="utf-8"
    )
    copy = folders["isic2017-b"] / "train" / "images" / "ISIC_0000020.jpg"  # a photograph that validates, turned
    with Image.open(folders["isic2016-a"] / "train" / "images" / f"{FIRST_ISIC}.jpg") as photo:
        photo.transpose(Image.Transpose.ROTATE_90).save(copy, quality=95)
    named = tmp_path / "validation.txt"
    named.write_text(f"{FIRST_ISIC} ISIC_0000001", encoding="utf-8")
    monkeypatch.setattr(ship_sources, "VALIDATION", named)
    monkeypatch.setattr(ship_sources, "HELD_OUT", 1)
    return folders


@pytest.fixture
def ship(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """The program with some arguments; its commands run in this process, and it returns what is printed."""

    printed: list[str] = []

    def lesionlab(*arguments: str) -> dict[str, Any]:
        monkeypatch.setattr(sys, "argv", ["seg_core", *arguments, "--json"])
        printed.append(capsys.readouterr().out)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        found = capsys.readouterr()
        assert not ended.value.code, found.err
        return dict(json.loads(found.out.splitlines()[-1]))

    def run(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["ship_models", *map(str, arguments)])
        ship_models.main()
        return "".join([*printed, capsys.readouterr().out])

    monkeypatch.setattr(ship_models, "lesionlab", lesionlab)
    tiny = [
        ShippedModel(model.variant, model.recipe, model.suffix, model.more, TINY | (TRAINS_ON if model.suffix else {}))
        for model in MODELS.values()
    ]
    monkeypatch.setattr(ship_models, "MODELS", {model.name: model for model in tiny})
    return run


@pytest.mark.slow
def test_models_of_one_and_of_all_sources_are_scored_on_the_same_photographs(
    sources: dict[str, Path], ship: Any, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    given = ["--data", sources["isic2016-a"], "--more", sources["isic2017-b"], sources["ham10000-c"], "--also", sources["clinic"]]
    given += ["--licence", "clinic=CC BY 4.0", "--output", made]
    printed = ship(*given, "--only", "fine-tune-best", "fine-tune-best-plus")
    assert "isic2017-b: 4 train, 1 val, 0 test" in printed  # its copy of a photograph that validates is left out
    assert "ham10000-c: 4 train, 2 val, 0 test" in printed  # both photographs of one lesion
    alone, plus = (read_metadata(made / f"{name}.safetensors") for name in ("fine-tune-best", "fine-tune-best-plus"))
    assert alone["dataset"]["name"] == "isic2016-a"
    assert plus["dataset"]["name"] == "isic2016-a + isic2017-b + ham10000-c"
    assert (plus["config"]["epochs"], plus["config"]["schedule_from"], len(plus["history"])) == (2, 1, 2)
    rows = [[(each["source"], each["split"], each["n"]) for each in metadata["by_source"]] for metadata in (alone, plus)]
    validation = [("isic2016-a", "validation", 2), ("isic2017-b", "validation", 1), ("ham10000-c", "validation", 2)]
    assert rows == [[*validation, ("clinic", "test", 2)]] * 2
    assert not set(alone["dataset"]["train_ids"] or []) & {FIRST_ISIC, "ISIC_0000001"}
    ham = open_dataset(sources["ham10000-c"])
    held_out = {pair.id for pair in ham.unique_pairs} - set(plus["dataset"]["train_ids"] or [])
    assert len({int(id[5:]) // 2 for id in held_out}) == 1
    assert (alone["licences"]["weights"], plus["licences"]["weights"]) == ("MIT", "CC BY-NC 4.0")
    assert plus["licences"]["photographs"]["clinic"] == "CC BY 4.0"
    assert plus["beside"]["label"] == "Model 2 · fine-tuned (best)"

    # Scored again, nothing but the figures is new; the card is made from the metadata alone.
    file = made / "fine-tune-best-plus.safetensors"
    card = file.with_suffix(".md").read_text(encoding="utf-8")
    file.with_suffix(".md").write_text("", encoding="utf-8")
    ship("--cards", "--output", made)
    assert file.with_suffix(".md").read_text(encoding="utf-8") == card
    ship(*given, "--only", "fine-tune-best-plus", "--scores")
    assert read_metadata(file) == plus


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "typo"], "no model 'typo'|There is no model typo; choose of fine-tune-best"),
        (["--more", "clinic"], "The licence of clinic is not known; state it, as --licence 'clinic=LICENCE'"),
        (["--more", "isic2016-a"], "Two folders are called isic2016-a"),
    ],
)
def test_what_cannot_be_made_is_refused_in_one_sentence(
    arguments: list[str], said: str, sources: dict[str, Path], ship: Any, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=said):
        ship("--data", sources["isic2016-a"], *(sources.get(each, each) for each in arguments), "--output", tmp_path)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("fine-tune-best", "a"), ("fine-tune-best-plus-cc0", "a b"), ("fine-tune-best-plus", "a b c"), ("fine-tune-report", "a")],
)
def test_a_model_of_free_photographs_leaves_out_those_for_non_commercial_use(name: str, wanted: str) -> None:
    licences = {"a": "CC0 1.0", "b": "CC0 1.0", "c": "CC BY-NC 4.0"}
    laid_out = [ship_sources.ShippedSource(source, "", licence) for source, licence in licences.items()]
    assert [source.name for source in MODELS[name].sources(laid_out)] == wanted.split()
