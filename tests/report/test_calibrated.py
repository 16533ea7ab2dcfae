"""Calibrated copies of a checkpoint: the same weights with another threshold, under a name of their own."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from huggingface_hub import ModelCard
from safetensors.numpy import load_file

from seg_core.data.dataset import Dataset, open_dataset
from seg_core.errors import InputError
from seg_core.evaluation.bootstrap import Interval
from seg_core.evaluation.calibration import Calibration
from seg_core.evaluation.confidence import Difference
from seg_core.network import build_model
from seg_core.prediction.catalogue import available_checkpoints, new_model_file
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.prediction.checkpoint_file import read_metadata, save_checkpoint
from seg_core.prediction.export import onnx_bytes
from seg_core.prediction.tensor_file import require_whole
from seg_core.report.calibrated import calibrated_name, save_calibrated
from seg_core.report.publishing import publish
from tests.helpers import lesion, make_dataset, metadata_of, tiny_config

pytestmark = pytest.mark.usefixtures("thin_network")

GAIN = Difference(Interval(0.021, 0.012, 0.031), 0.001, 8, 1, 1, 0.8)
FOUND = Calibration(tuple("abcdefghij"), 2, 0.55, 0.8, GAIN)
NAME = "Mine, calibrated on clinic"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    licences = {"weights": "CC BY-NC 4.0", "photographs": {}}
    measured = {"metrics": {"val": {"iou": 0.9}}, "evaluation": {}, "reliability": {}}
    metadata = metadata_of(tiny_config(), name="Mine", licences=licences, **measured)
    save_checkpoint(tmp_path / "mine.safetensors", build_model(tiny_config()), metadata, half=True)
    return tmp_path / "mine.safetensors"


@pytest.fixture
def clinic(tmp_path: Path) -> Dataset:
    return open_dataset(make_dataset(tmp_path / "clinic", train=2, val=1))


def test_a_calibrated_copy_differs_in_its_metadata_alone(source: Path, clinic: Dataset) -> None:
    target = new_model_file(calibrated_name(read_metadata(source), clinic))
    assert target.name == "mine-calibrated-on-clinic.safetensors"
    metadata = save_calibrated(source, FOUND, clinic, target, NAME)
    before, after = require_whole(source), require_whole(target)
    assert after.tensors == before.tensors
    assert target.read_bytes()[len(after.content) :] == source.read_bytes()[len(before.content) :]
    assert len(after.content) % 8 == 0
    assert load_file(target).keys() == load_file(source).keys()
    assert metadata["calibration"] == {
        "of": "Mine",
        "dataset": "clinic",
        "fingerprint": clinic.fingerprint,
        "photographs": 10,
        "ids": list("abcdefghij"),
        "before": 0.55,
        "threshold": 0.8,
        "gain": [0.021, 0.012, 0.031],
        "worth_it": True,
    }
    changed = {key: value for key, value in metadata.items() if value != read_metadata(source).get(key)}
    assert changed == {"name": NAME, "calibration": metadata["calibration"]}
    assert {"evaluation", "reliability"} & metadata.keys() == set()  # they were measured at the model's own threshold
    assert calibrated_name(metadata, clinic) == NAME  # calibrated again, it has not two places in its name


def test_the_new_threshold_is_used_wherever_the_model_is(source: Path, clinic: Dataset) -> None:
    target = new_model_file(NAME)
    save_calibrated(source, FOUND, clinic, target, NAME)
    photo, _ = lesion()
    prediction, as_before = load_checkpoint(target).predict(photo), load_checkpoint(source).predict(photo)
    assert (prediction.threshold, as_before.threshold) == (0.8, 0.55)
    assert prediction.probabilities.tolist() == as_before.probabilities.tolist()
    facts = {each.key: each.value for each in onnx.load_model_from_string(onnx_bytes(target)).metadata_props}
    assert (facts["label"], facts["threshold"]) == (NAME, "0.8")
    (entry,) = [entry for entry in available_checkpoints() if entry.path == target]
    assert (entry.label, entry.iou) == (NAME, None)  # that of its metadata was measured at another threshold
    assert facts["licence"] == "CC BY-NC 4.0"
    with pytest.raises(InputError, match="There is a model 'Mine, calibrated on clinic' already; choose another name"):
        new_model_file(NAME)
    for name in ("Fine-tune best", "3", "G1"):  # a link could not tell it from the one that ships, a run, a group
        with pytest.raises(InputError, match=f"There is a model '{name}' already"):
            new_model_file(name)


def test_its_card_says_on_what_it_was_calibrated(source: Path, clinic: Dataset, tmp_path: Path) -> None:
    save_calibrated(source, FOUND, clinic, tmp_path / "new" / "copy.safetensors", NAME)
    card = ModelCard.load(tmp_path / "new" / "copy.md")
    assert card.data.license == "cc-by-nc-4.0"
    for part in (
        f"# {NAME}",
        "A copy of Mine with the same weights, which calls a pixel lesion from a probability of 0.80\ninstead of 0.55.",
        f"The threshold was chosen on 10 photographs of `clinic` (fingerprint `{clinic.fingerprint}`)",
        "2 more have no lesion in their mask, and were left out.",
        "0.55 → 0.80 gains 0.021 (0.012 to 0.031) IoU; worth it: better on 8, worse on 1, equal on 1",
        "The weights are under CC BY-NC 4.0, for non-commercial use only.",
    ):
        assert part in card.text


def test_what_cannot_be_calibrated_is_refused_in_one_sentence(source: Path, clinic: Dataset, tmp_path: Path) -> None:
    copy = tmp_path / "copy.safetensors"
    with pytest.raises(InputError, match="is the checkpoint itself; choose another file"):
        save_calibrated(source, FOUND, clinic, source, NAME)
    with pytest.raises(InputError, match="The name has 1,001 characters; take 120 at most"):
        save_calibrated(source, FOUND, clinic, copy, "x" * 1001)
    with pytest.raises(InputError, match=r"copy\.safetensors cannot be written"):
        save_calibrated(source, FOUND, clinic, source / "copy.safetensors", NAME)
    save_calibrated(source, FOUND, clinic, copy, NAME)
    with pytest.raises(InputError, match="is a calibrated copy of Mine; publish that one, and calibrate it then"):
        publish(copy, clinic, tmp_path)
    source.write_bytes(source.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="its content has changed since it was written"):
        save_calibrated(source, FOUND, clinic, copy, NAME)
