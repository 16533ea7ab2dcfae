"""Trainings that begin from a checkpoint: with its weights, at a low rate, and without it once they have begun."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from seg_core.data.dataset import Dataset
from seg_core.errors import InputError
from seg_core.network import build_model
from seg_core.prediction.checkpoint_file import checkpoint_digest, read_metadata, save_checkpoint
from seg_core.runs.store import RunStore
from seg_core.training.beginning import settings_of
from seg_core.training.events import Message
from tests.helpers import metadata_of, tiny_config
from tests.training.trainings import Trained, assert_same, run, weights

pytestmark = pytest.mark.usefixtures("thin_network")


@pytest.fixture
def checkpoint(trained: Trained, tmp_path: Path) -> Path:
    """A model to begin from, which may be deleted."""
    return Path(shutil.copy(trained.folder / "best.safetensors", tmp_path / "model.safetensors"))


def made(folder: Path, **settings: Any) -> Path:
    """Write a checkpoint of an untrained model with some settings."""
    config = tiny_config(settings.pop("recipe", "best"), **settings)
    save_checkpoint(folder / "made.safetensors", build_model(config), metadata_of(config))
    return folder / "made.safetensors"


@pytest.mark.parametrize("recipe", ["best", "report"])
def test_a_training_begins_with_the_weights_of_a_checkpoint(recipe: str, dataset: Dataset, tmp_path: Path) -> None:
    half = tmp_path / "half.safetensors"  # in fp16, as those that ship
    config = tiny_config(recipe)
    model = build_model(config)
    save_checkpoint(half, model, metadata_of(config, name="shipped"), half=True)
    on = tiny_config(recipe, epochs=1, learning_rate=1e-12, swa_fraction=0, begin_from=str(half), seed=5)
    _, log = run(on, dataset, tmp_path / "run")

    trained, before = weights(tmp_path / "run"), model.state_dict()
    learned = [name for name, _ in model.named_parameters()]
    assert all(torch.allclose(trained[name], before[name].half().float(), rtol=0, atol=1e-9) for name in learned)
    metadata = read_metadata(tmp_path / "run" / "best.safetensors")
    assert metadata["began_from"] == {"name": "shipped", "digest": checkpoint_digest(half)}
    assert metadata["config"]["begin_from"] == "half.safetensors"  # no folder of this machine
    assert any(f" It began from shipped ({checkpoint_digest(half)})." in each.text for each in log.of(Message))


@pytest.mark.parametrize("share", [0.5, pytest.param(0, marks=pytest.mark.slow)])
def test_once_it_has_begun_it_resumes_to_the_bit_without_the_checkpoint(
    share: float, checkpoint: Path, dataset: Dataset, tmp_path: Path
) -> None:
    config = tiny_config(epochs=3, learning_rate=2e-4, begin_from=str(checkpoint), before_share=share)
    run(config, dataset, tmp_path / "whole")
    run(config, dataset, tmp_path / "parts", stop_after=(2, 1))
    checkpoint.unlink()
    resumed, _ = run(config, dataset, tmp_path / "parts", resume=True)
    assert resumed.status == "finished"
    for which in ("last", "best", "resume"):
        assert_same(weights(tmp_path / "whole", which), weights(tmp_path / "parts", which))
    whole, parts = (read_metadata(tmp_path / name / "last.safetensors") for name in ("whole", "parts"))
    assert whole["began_from"] == parts["began_from"]


def test_half_of_the_model_before_stays_and_all_of_its_statistics(checkpoint: Path, dataset: Dataset, tmp_path: Path) -> None:
    config = tiny_config(epochs=2, swa_fraction=0.5, learning_rate=2e-3, begin_from=str(checkpoint), before_share=0.5)
    before = weights(checkpoint.parent, checkpoint.stem)
    for on in (config, config.model_copy(update={"epochs": 4, "schedule_from": 2})):  # then on, from what was kept
        _, log = run(on, dataset, tmp_path / "run", resume=on is not config)
        kept, learnt = (weights(tmp_path / "run", which) for which in ("last", "resume"))
        for name, tensor in kept.items():
            own = learnt[f"model/{name}"]
            if "running" in name or "num_batches" in name:
                assert torch.equal(tensor, before[name])
                assert torch.equal(own, before[name])
            else:
                torch.testing.assert_close(tensor, (before[name] + own) / 2)
        assert not torch.allclose(kept["decoder.head.weight"], before["decoder.head.weight"], atol=1e-5)
        assert log.of(Message)[-1].text.endswith(" 50% of it are the weights that it began from.")
        before = kept


def test_stopped_in_its_first_epoch_it_begins_again(checkpoint: Path, dataset: Dataset, tmp_path: Path) -> None:
    config = tiny_config(epochs=1, begin_from=str(checkpoint))
    run(config, dataset, tmp_path / "whole")
    run(config, dataset, tmp_path / "parts", stop_after=(1, 1))
    run(config, dataset, tmp_path / "parts", resume=True)
    assert_same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    run(config, dataset, tmp_path / "gone", stop_after=(1, 1))
    checkpoint.unlink()
    with pytest.raises(InputError, match=r"^The checkpoint .*model\.safetensors cannot be read \(No such file"):
        run(config, dataset, tmp_path / "gone", resume=True)


def test_its_settings_are_those_of_the_model_at_a_tenth_of_the_rate(tmp_path: Path) -> None:
    file = made(tmp_path, recipe="report", threshold=0.4, batch_size=8, groups="lesions.csv:id", seed=7, folds=5, fold=2)
    on = settings_of(file, epochs=3)
    assert (on.recipe, on.decoder, on.image_size, on.threshold, on.batch_size, on.seed) == ("report", "plain", 64, 0.4, 8, 7)
    assert (on.begin_from, on.epochs, round(on.learning_rate, 9)) == (str(file), 3, 1e-4)
    assert (on.groups, on.folds, on.fold, on.device) == ("", 1, 1, "auto")  # of its run, not of the model
    anew = settings_of(file, anew=True)
    assert (anew.begin_from, anew.epochs, anew.learning_rate) == ("", 2, 1e-3)
    assert [(each.before_share, each.keep) for each in (on, anew)] == [(0.5, "last"), (0.0, "last")]


def test_a_model_that_was_trained_on_is_trained_on_at_the_same_rate(tmp_path: Path) -> None:
    file = made(tmp_path, learning_rate=2e-4, begin_from="before.safetensors")
    assert settings_of(file).learning_rate == pytest.approx(2e-4)
    anew = settings_of(file, anew=True)
    assert (anew.begin_from, anew.learning_rate, anew.epochs) == ("", 2e-3, 80)


def test_a_checkpoint_that_does_not_fit_is_refused_when_the_run_is_queued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, file = RunStore(tmp_path / "lesionlab.db"), made(tmp_path, decoder="unet")
    plain = tiny_config(decoder="plain", begin_from=str(file))
    sentence = (
        f"A training with the decoder plain cannot begin from {file}, which has the decoder unet; "
        "choose the decoder unet, or another checkpoint."
    )
    with pytest.raises(InputError, match=f"^{re.escape(sentence)}$"):
        store.queue.add("", plain, "sample")
    with pytest.raises(InputError, match="no checkpoint of LesionLab"):
        store.queue.add("", tiny_config(begin_from=__file__), "sample")
    assert store.list_runs() == []
    monkeypatch.chdir(tmp_path)  # a run may begin in another folder
    run = store.queue.add(
        "", tiny_config(decoder="unet", image_size=96, variant="trainable-decoder", begin_from=file.name), "sample"
    )
    assert run.config.begin_from == str(file)
