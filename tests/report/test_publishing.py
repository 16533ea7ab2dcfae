"""Publishing: the model in fp16, its scores, and its card."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard, ModelCardData

from seg_core.data.dataset import Dataset, open_dataset
from seg_core.errors import InputError
from seg_core.evaluation.evaluate import evaluate
from seg_core.evaluation.lesion_size import iou_by_size
from seg_core.evaluation.result import METRICS
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.prediction.checkpoint_file import read_metadata
from seg_core.report.model_card import model_card
from seg_core.report.publishing import publish
from seg_core.training.loop import train
from tests.helpers import make_dataset, textured, tiny_config

pytestmark = pytest.mark.usefixtures("thin_network")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return open_dataset(make_dataset(tmp_path_factory.mktemp("publishing") / "data", train=6, val=3, test=4))


@pytest.fixture(scope="module")
def run(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short training."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESIONLAB_HOME", str(folder / "home"))
        train(tiny_config(threshold=0.4), dataset, folder=folder)
    return folder


def test_a_published_model_is_scored_as_it_is_published(run: Path, dataset: Dataset, tmp_path: Path) -> None:
    path, metadata = publish(run / "best.safetensors", dataset, tmp_path)
    assert path == tmp_path / "fine-tune-best.safetensors"
    assert path.stat().st_size < 0.6 * (run / "best.safetensors").stat().st_size
    assert read_metadata(path)["evaluation"] == metadata["evaluation"]
    test = metadata["evaluation"]["test"]
    evaluation = evaluate(load_checkpoint(path), dataset.test)
    assert test["scores"]["hausdorff_95"][0] == pytest.approx(evaluation.hausdorff_95.mean())
    assert test["n"] == 4
    assert {name: test["scores"][name][0] for name in METRICS} == pytest.approx(evaluation.means)
    assert all(low <= mean <= high for mean, low, high in test["scores"].values())
    assert test["calibration_error"] == pytest.approx(evaluation.reliability().calibration_error)
    with_tta = evaluate(load_checkpoint(path, tta=True), dataset.test)
    assert metadata["evaluation_tta"]["test"]["scores"]["dice"][0] == pytest.approx(with_tta.means["dice"])
    assert list(metadata["evaluation"]) == ["validation", "test"]
    assert np.sum(metadata["reliability"]["weight"]) == pytest.approx(1)

    card = path.with_suffix(".md").read_text(encoding="utf-8")
    assert "not a medical device" in card
    assert "The threshold is 0.4." in card
    assert "--threshold 0.4" in card  # the command gives this model again
    assert f"| test | 4 | {test['scores']['accuracy'][0]:.4f} (" in card
    assert "turned by 30°" in card
    data = ModelCard(card).data
    assert isinstance(data, ModelCardData)
    assert data.license == "unknown"  # whoever shares the model has to choose one
    assert "No licence of the weights is stated." in card


@pytest.mark.slow
def test_a_further_model_of_a_recipe_is_set_beside_the_first(run: Path, dataset: Dataset, tmp_path: Path) -> None:
    first, _ = publish(run / "best.safetensors", dataset, tmp_path)
    path, metadata = publish(run / "last.safetensors", dataset, tmp_path, suffix="plus", originals=dataset, beside=first)
    assert path == tmp_path / "fine-tune-best-plus.safetensors"
    assert load_checkpoint(path).label == "Model 2 · fine-tuned (best-plus)"
    assert metadata["evaluation"]["validation, original size"] == metadata["evaluation"]["validation"]
    ours, theirs = (evaluate(load_checkpoint(model), dataset.test).means["iou"] for model in (path, first))
    assert metadata["beside"]["test"]["iou"][0] == pytest.approx(ours - theirs)
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    assert "Paired differences from Model 2 · fine-tuned (best), on the same photographs" in card
    assert "--suffix plus" in card


def test_a_model_is_scored_by_source_without_the_photographs_that_trained_it(tmp_path: Path) -> None:
    first, second = (
        textured(tmp_path / "first", train=5, val=2, test=1),
        textured(tmp_path / "second", first=20, train=4, val=3),
    )
    dataset = open_dataset([first, second])
    train(tiny_config(epochs=1), dataset, folder=tmp_path / "run")
    clinic = open_dataset(textured(tmp_path / "clinic", first=50, train=2))
    again = open_dataset(textured(tmp_path / "again", first=22, train=4))  # the first two trained, the others validated
    path, metadata = publish(
        tmp_path / "run" / "last.safetensors",
        dataset,
        tmp_path,
        also={"Clinic | 7": clinic, "again": again},
        licences={"": "CC0 1.0", "second": "CC BY-NC 4.0", "Clinic | 7": "CC BY 4.0"},
    )
    found = [(each["source"], each["split"], each["n"], each["left_out"], each["is_own"]) for each in metadata["by_source"]]
    assert found == [
        ("first", "validation", 2, 0, True),
        ("first", "test", 1, 0, True),
        ("second", "validation", 3, 0, True),
        ("Clinic | 7", "all", 2, 0, False),
        ("again", "all", 2, 2, False),
    ]
    model, of_second = load_checkpoint(path), metadata["by_source"][2]
    evaluation = evaluate(model, [pair for pair in dataset.unique_pairs if pair.split == "val" and int(pair.id[5:]) >= 20])
    assert of_second["scores"]["iou"][0] == pytest.approx(evaluation.means["iou"])
    sizes = iou_by_size(evaluation)
    assert {name: size["n"] for name, size in of_second["sizes"].items()} == {name: count for name, (count, _) in sizes.items()}

    card = path.with_suffix(".md").read_text(encoding="utf-8")
    assert 'license: "cc-by-nc-4.0"' in card
    assert "They were trained on photographs under CC0 1.0 (`first`) and CC BY-NC 4.0 (`second`)." in card
    assert "| `second` | yes | validation | 3 | CC BY-NC 4.0 | " in card
    assert "| `Clinic \\| 7` | no | all | 2 | CC BY 4.0 | " in card
    assert "| `again` | 2, left out | all | 2 | not stated | " in card
    assert "--data DIR1 --data DIR2 --output checkpoints --also 'Clinic | 7' --also again --licence 'first=CC0 1.0'" in card
    assert card == model_card(model.config, read_metadata(path), "best")
    # Published again without a comparison or licences, it keeps its licences.
    _, again_metadata = publish(path, dataset, tmp_path)
    assert again_metadata["licences"] == metadata["licences"]
    assert len(again_metadata["by_source"]) == 3
    with pytest.raises(InputError, match="The photographs of all of it that would score the model have all trained it; leave"):
        publish(path, dataset, tmp_path, also={"all of it": open_dataset(textured(tmp_path / "trained", first=20, train=4))})


def test_what_it_was_not_trained_on_does_not_score_it(run: Path, tmp_path: Path) -> None:
    other = open_dataset(make_dataset(tmp_path / "other", train=4, test=2, first=50))
    with pytest.raises(InputError, match="was trained on other data than other; name the data"):
        publish(run / "best.safetensors", other, tmp_path)


def test_what_was_published_stays_until_the_new_one_is_measured(run: Path, dataset: Dataset, tmp_path: Path) -> None:
    old = tmp_path / "fine-tune-best.safetensors"
    old.write_bytes(b"old")
    with pytest.raises(InputError, match=r"typo\.safetensors cannot be read"):
        publish(run / "best.safetensors", dataset, tmp_path, beside=tmp_path / "typo.safetensors")

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(run / "best.safetensors", dataset, tmp_path, stop)
    assert old.read_bytes() == b"old"
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be written"):
        publish(run / "best.safetensors", dataset, tmp_path / "file")


def test_originals_have_to_be_all_there(run: Path, dataset: Dataset, tmp_path: Path) -> None:
    other = open_dataset(make_dataset(tmp_path / "originals", train=4, first=50))
    with pytest.raises(InputError, match="originals lacks photographs of the validation split: ISIC_"):
        publish(run / "best.safetensors", dataset, tmp_path, originals=other)
    assert not list(tmp_path.glob("*.safetensors"))
