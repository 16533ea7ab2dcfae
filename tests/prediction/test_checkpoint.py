"""Checkpoints: one file that rebuilds the model and predicts at any size; other files are refused in one sentence."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from seg_core.common.home import PROJECT
from seg_core.data.dataset import open_dataset
from seg_core.errors import InputError
from seg_core.network import build_model, count_parameters
from seg_core.network.normalisation import normalise
from seg_core.prediction import catalogue
from seg_core.prediction.catalogue import available_checkpoints, unusable_models
from seg_core.prediction.checkpoint import Checkpoint, load_checkpoint, load_model
from seg_core.prediction.checkpoint_file import read_metadata, save_checkpoint
from seg_core.prediction.metadata import METADATA_KEY
from seg_core.prediction.predictor import Prediction
from seg_core.prediction.tensor_file import write_tensors
from seg_core.training.loop import train
from tests.helpers import lesion, make_dataset, metadata_of, tiny_config

pytestmark = pytest.mark.usefixtures("thin_network")

CONFIG = tiny_config(threshold=0.4)
METADATA = metadata_of(CONFIG, metrics={"val": {"iou": 0.75}})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The last checkpoint of a short training: its BatchNorm statistics are no longer 0 and 1."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LESIONLAB_HOME", str(folder / "home"))
        train(tiny_config(), open_dataset(make_dataset(folder / "data", train=6, val=2)), folder=folder, name="first try")
    return folder / "last.safetensors"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a model as it was initialised."""
    path = tmp_path_factory.mktemp("made") / "made.safetensors"
    save_checkpoint(path, build_model(CONFIG), METADATA)
    return path


def rewritten(path: Path, target: Path, changes: dict[str, Any]) -> None:
    """Copy a checkpoint and change its metadata."""
    save_file(load_file(path), target, {METADATA_KEY: json.dumps(read_metadata(path) | changes)})


@pytest.mark.parametrize(
    ("decoder", "variant"), [("unet", "fine-tune"), ("plain", "trainable-decoder"), ("pyramid", "frozen-decoder")]
)
def test_a_checkpoint_rebuilds_its_model(decoder: str, variant: str, tmp_path: Path) -> None:
    config = tiny_config(decoder=decoder, variant=variant, seed=3)
    model = build_model(config)
    model.train()
    with torch.no_grad():
        model(torch.randn(4, 3, 64, 64))  # moves BatchNorm's statistics where they may move
    save_checkpoint(tmp_path / "a.safetensors", model, metadata_of(config))
    loaded = load_checkpoint(str(tmp_path / "a.safetensors"))
    assert loaded.config == config
    assert loaded.path == tmp_path / "a.safetensors"
    rebuilt = load_model(str(tmp_path / "a.safetensors"))
    for name, tensor in model.state_dict().items():
        assert torch.equal(rebuilt.state_dict()[name], tensor), name
    assert not any(module.training for module in rebuilt.modules())


def test_half_precision_takes_half_the_space_and_predicts_the_same_within_a_hundredth(trained: Path, tmp_path: Path) -> None:
    whole = load_checkpoint(trained)
    save_checkpoint(tmp_path / "half.safetensors", load_model(trained), whole.metadata, half=True)
    half = load_checkpoint(tmp_path / "half.safetensors")
    assert 0.49 < (tmp_path / "half.safetensors").stat().st_size / trained.stat().st_size < 0.52
    photos = np.stack([lesion(seed=seed)[0] for seed in range(4)])
    np.testing.assert_allclose(half.probabilities(photos), whole.probabilities(photos), atol=1e-2)
    assert {tensor.dtype for tensor in load_model(half.path).state_dict().values()} == {torch.float32, torch.int64}
    assert {tensor.dtype for tensor in load_file(tmp_path / "half.safetensors").values()} == {torch.float16, torch.int64}
    assert half.label == whole.label


def test_whoever_may_read_other_new_files_may_read_a_checkpoint(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    save_checkpoint(tmp_path / "a.safetensors", load_model(trained), {})
    assert (tmp_path / "a.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_the_metadata_of_a_training_says_all_that_is_needed_to_rebuild_and_judge_it(trained: Path) -> None:
    metadata = read_metadata(trained)
    assert metadata["config"] == tiny_config().model_dump()
    assert (metadata["name"], metadata["label"]) == ("first try", "Model 2 · fine-tuned (best)")
    assert (metadata["epoch"], metadata["epoch_is_whole"]) == (2, True)
    assert metadata["normalisation"] == {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    assert metadata["parameters"] == count_parameters(load_model(trained))
    data = metadata["dataset"]
    assert {name: data[name] for name in ("name", "train", "val", "test", "val_is_own")} == {
        "name": "data",
        "train": 6,
        "val": 2,
        "test": 0,
        "val_is_own": True,
    }
    assert re.fullmatch(r"[0-9a-f]{12}", data["fingerprint"])
    assert set(metadata["metrics"]) == {"train", "val"}
    assert len(metadata["history"]) == 2
    assert metadata["versions"]["torch"] == version("torch")
    assert metadata["versions"]["python"] == platform.python_version()
    assert (metadata["device"], metadata["precision"]) == ("cpu", "32-true")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["created"])
    assert str(trained.parent) not in json.dumps(metadata)  # what is shared names no folder of this machine


@pytest.mark.parametrize("size", [(64, 64), (90, 40), (33, 201)])
def test_masks_have_the_photographs_size(size: tuple[int, int], made: Path) -> None:
    width, height = size
    photo, _ = lesion(size)
    prediction = load_checkpoint(made).predict(photo)
    assert prediction.size == size
    assert prediction.probabilities.shape == (64, 64)
    assert prediction.probability().shape == prediction.mask().shape == (height, width)
    assert prediction.mask().dtype == np.bool_
    assert (prediction.probability().min() >= 0, prediction.probability().max() <= 1) == (True, True)
    assert prediction.mask(size=(10, 20)).shape == (20, 10)
    assert prediction.seconds > 0


def test_the_same_photograph_gives_the_same_mask_from_a_file_bytes_and_pillow(made: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(made)
    photo = Image.fromarray(lesion((80, 60))[0])
    photo.save(tmp_path / "photo.png")
    expected = checkpoint.predict(photo).probabilities
    for source in (tmp_path / "photo.png", (tmp_path / "photo.png").read_bytes(), np.asarray(photo)):
        np.testing.assert_array_equal(checkpoint.predict(source).probabilities, expected)


def test_a_prediction_is_the_models_on_the_resized_normalised_photograph(made: Path) -> None:
    checkpoint = load_checkpoint(made)
    photo, _ = lesion((64, 64))
    darker_left = photo if photo[:, :32].sum() < photo[:, 32:].sum() else np.fliplr(photo).copy()
    with torch.no_grad():
        expected = load_model(made)(normalise(torch.from_numpy(darker_left)[None]))[0, 0].sigmoid().numpy()
    np.testing.assert_allclose(checkpoint.predict(darker_left).probabilities, expected, atol=1e-6)


def test_a_jpeg_file_is_halved_as_its_pixels_are_and_not_by_its_decoder(made: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(made)
    Image.fromarray(lesion((128, 128))[0]).save(tmp_path / "photo.jpg", quality=95)
    with Image.open(tmp_path / "photo.jpg") as photo:
        photo.draft("RGB", (64, 64))
        assert photo.size == (64, 64)
        halved = checkpoint.predict(np.asarray(photo)).probabilities
    with Image.open(tmp_path / "photo.jpg") as photo:
        whole = checkpoint.predict(np.asarray(photo)).probabilities
    np.testing.assert_array_equal(checkpoint.predict(tmp_path / "photo.jpg").probabilities, whole)
    assert not np.array_equal(halved, whole)


def test_the_threshold_is_the_checkpoints_unless_another_is_given() -> None:
    probabilities = np.array([[0.1, 0.4], [0.6, 0.9]], np.float32)
    prediction = Prediction(probabilities, (2, 2), threshold=0.4, seconds=0.1)
    assert prediction.mask().tolist() == [[False, True], [True, True]]
    assert prediction.mask(0.7).tolist() == [[False, False], [False, True]]


def test_probabilities_are_interpolated_to_the_photographs_size() -> None:
    prediction = Prediction(np.array([[0.0, 1.0]], np.float32), (4, 1), threshold=0.5, seconds=0.1)
    # The centres of four pixels lie at -1/4, 1/4, 3/4 and 5/4 between the two.
    np.testing.assert_allclose(prediction.probability(), [[0, 0.25, 0.75, 1]], atol=1e-6)
    assert prediction.mask().tolist() == [[False, False, True, True]]
    assert prediction.mask(0.2).tolist() == [[False, True, True, True]]


def test_a_broken_photograph_is_refused_by_name(made: Path) -> None:
    with pytest.raises(InputError, match=r"^mole\.jpg is not an image"):
        load_checkpoint(made).predict(b"no photograph", "mole.jpg")


STEM = "encoder.features.0.0.weight"
OTHER_TENSORS: dict[str, Callable[[torch.Tensor], dict[str, torch.Tensor]]] = {
    "values that are no numbers": lambda stem: {STEM: torch.full_like(stem, torch.nan)},
    "zeros": lambda stem: {STEM: torch.zeros_like(stem)},
    "a tensor that broadcasts": lambda stem: {STEM: stem.reshape(-1, 1, 1, 1)},
    "doubles": lambda stem: {STEM: stem.double()},
    "a tensor more": lambda stem: {"more": stem.clone()},
    "a tensor fewer": lambda stem: {},
}


def damaged(kind: str, good: Path, folder: Path) -> Path:
    content, bad = good.read_bytes(), folder / "bad.safetensors"
    if kind == "missing":
        return folder / "missing.safetensors"
    if kind == "a folder":
        return folder
    if kind == "foreign":
        save_file({"weight": torch.zeros(2)}, bad, {"format": "pt"})
    elif kind == "foreign without metadata":
        save_file({"weight": torch.zeros(2)}, bad)
    elif kind == "no label":
        metadata = {name: value for name, value in read_metadata(good).items() if name != "label"}
        save_file(load_file(good), bad, {METADATA_KEY: json.dumps(metadata)})
    elif kind in OTHER_TENSORS:
        tensors = load_file(good)
        changed = tensors | OTHER_TENSORS[kind](tensors[STEM])
        if kind == "a tensor fewer":
            del changed[STEM]
        save_file(changed, bad, {METADATA_KEY: json.dumps(read_metadata(good))})  # as old versions: without a checksum
    elif kind == "nested":
        text = json.dumps({METADATA_KEY: '{"format": ' + "[" * 50_000 + "]" * 50_000 + "}"})
        header = f'{{"__metadata__": {text}}}'.encode()
        bad.write_bytes(struct.pack("<Q", len(header)) + header)
    elif kind == "nested header":
        bad.write_bytes(struct.pack("<Q", 100_000) + b'{"a":' * 20_000)
    elif kind == "changed threshold":
        bad.write_bytes(content.replace(b'\\"threshold\\": 0.4', b'\\"threshold\\": 0.5'))
        assert bad.read_bytes() != content
    elif kind in ("newer", "other settings", "no settings", "other model", "metrics in a list", "endless", "half calibrated"):
        changes: dict[str, dict[str, Any]] = {
            "newer": {"format": 2},
            "other settings": {"config": CONFIG.model_dump() | {"momentum": 0.9}},
            "no settings": {"config": None},
            "metrics in a list": {"metrics": [1, 2]},
            "endless": {"seconds": 1e999},
            "half calibrated": {"calibration": {"of": "another", "threshold": 7.0}},
            "other model": {"config": CONFIG.model_dump() | {"decoder": "plain"}},
        }
        rewritten(good, bad, changes[kind])
    else:
        contents = {
            "empty": b"",
            "text": b"not a checkpoint at all, only some text",
            "cut in the weights": content[:-5000],
            "cut in the header": content[:500],
            "a flipped bit": content[:-5000] + bytes([content[-5000] ^ 1]) + content[-4999:],
            "zeroed at its end": content[:-5000] + bytes(5000),
            "endless header": struct.pack("<Q", 2**62) + content[8:],
            "no metadata object": struct.pack("<Q", 4) + b"null" + content[8:],
        }
        bad.write_bytes(contents[kind])
    return bad


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "cannot be read (No such file or directory); check the path."),
        ("a folder", "cannot be read (Is a directory); check the path."),
        ("empty", "is no checkpoint of LesionLab"),
        ("text", "is no checkpoint of LesionLab"),
        ("foreign", "is no checkpoint of LesionLab"),
        ("foreign without metadata", "is no checkpoint of LesionLab"),
        ("cut in the header", "is no checkpoint of LesionLab"),
        ("endless header", "is no checkpoint of LesionLab"),
        ("no metadata object", "is no checkpoint of LesionLab"),
        ("no label", "is no checkpoint of LesionLab"),
        ("cut in the weights", "is damaged or does not fit this version"),
        ("other settings", "is damaged or does not fit this version"),
        ("no settings", "is damaged or does not fit this version"),
        ("other model", "is damaged or does not fit this version"),
        ("nested", "is no checkpoint of LesionLab"),
        ("nested header", "is no checkpoint of LesionLab"),
        ("metrics in a list", "is damaged or does not fit this version (metadata: metrics)"),
        ("endless", "is damaged or does not fit this version (metadata: seconds)"),
        ("half calibrated", "is damaged or does not fit this version (metadata: calibration "),
        ("a flipped bit", "is damaged or does not fit this version (its content has changed since it was written)"),
        ("zeroed at its end", "is damaged or does not fit this version (its content has changed since it was written)"),
        ("changed threshold", "is damaged or does not fit this version (its content has changed since it was written)"),
        ("values that are no numbers", "(encoder.features.0.0.weight holds values that are not finite numbers)"),
        ("zeros", "(encoder.features.0.0.weight holds nothing but zeros)"),
        ("a tensor that broadcasts", "(encoder.features.0.0.weight has not the shape of this model)"),
        ("doubles", "(encoder.features.0.0.weight has not the type of this model)"),
        ("a tensor more", "(its model has no more)"),
        ("a tensor fewer", "(it lacks encoder.features.0.0.weight)"),
        ("newer", "was written by a newer version of LesionLab; update"),
    ],
)
def test_what_is_no_usable_checkpoint_is_refused_in_one_sentence(kind: str, message: str, made: Path, tmp_path: Path) -> None:
    bad = damaged(kind, made, tmp_path)
    with pytest.raises(InputError, match=re.escape(message)) as refused:
        load_checkpoint(bad)
    assert str(bad) in str(refused.value)
    assert "\n" not in str(refused.value)
    with pytest.raises(InputError, match=re.escape(message)) as named:
        load_checkpoint(bad, name="Mine, run 3")
    assert str(named.value) == str(refused.value).replace(str(bad), "Mine, run 3")


def test_a_resume_file_is_no_checkpoint(trained: Path) -> None:
    with pytest.raises(InputError, match=r"resume\.safetensors is no checkpoint of LesionLab"):
        load_checkpoint(trained.parent / "resume.safetensors")


def test_writing_is_whole_or_not_at_all(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "new" / "a.safetensors"
    write_tensors(target, {"weight": torch.zeros(2)}, {"format": 1})

    def full(self: Path, other: Path) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_tensors(target, {"weight": torch.ones(2)}, {"format": 1})
    assert [file.name for file in target.parent.iterdir()] == ["a.safetensors"]
    assert load_file(target)["weight"].tolist() == [0, 0]


def test_available_checkpoints_are_the_shipped_ones_and_then_the_runs_newest_first(
    made: Path, lab_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    monkeypatch.setattr(catalogue, "SHIPPED_CHECKPOINTS", shipped)
    assert available_checkpoints() == []
    for name in ("another", "fine-tune-report", "trainable-decoder-best", "fine-tune-best-plus", "fine-tune-best"):
        shutil.copy(made, shipped / f"{name}.safetensors")
    for number, age in ((1, 300), (2, 100), (3, 200)):
        folder = lab_home / f"{number:04d}"
        folder.mkdir()
        rewritten(made, folder / "best.safetensors", {"name": f"run {number}"})
        shutil.copy(made, folder / "last.safetensors")
        os.utime(folder / "best.safetensors", (10_000 - age, 10_000 - age))
    (lab_home / "0004").mkdir()
    (lab_home / "0004" / "best.safetensors").write_bytes(b"half a file")
    (lab_home / "0006").mkdir()
    rewritten(made, lab_home / "0006" / "best.safetensors", {"metrics": ["a list"]})
    (lab_home / "0007").mkdir()
    (lab_home / "0007" / "best.safetensors").write_bytes(made.read_bytes()[:-4000])
    (lab_home / "0005").mkdir()
    shutil.copytree(lab_home / "0003", lab_home / "0003-copy")  # no run's

    entries = available_checkpoints()
    assert [entry.path.relative_to(tmp_path).as_posix() for entry in entries] == [
        "shipped/fine-tune-best-plus.safetensors",
        "shipped/fine-tune-best.safetensors",
        "shipped/trainable-decoder-best.safetensors",
        "shipped/fine-tune-report.safetensors",
        "shipped/another.safetensors",
        *(f"{lab_home.name}/{number}/best.safetensors" for number in ("0002", "0003", "0001")),
    ]
    assert [entry.label for entry in entries] == ["Model 2 · fine-tuned (best)"] * 5 + ["run 2", "run 3", "run 1"]
    assert [entry.iou for entry in entries] == [0.75] * 8
    assert entries[5].modified == 9900
    size = made.stat().st_size
    assert list(unusable_models().values()) == [
        "best.safetensors of run 4 is no checkpoint of LesionLab; choose a .safetensors file that a run or a download gave.",
        "best.safetensors of run 6 is damaged or does not fit this version (metadata: metrics); copy or train it again.",
        f"best.safetensors of run 7 is damaged or does not fit this version (it has {size - 4000:,} bytes and should have "
        f"{size:,}); copy or train it again.",
    ]


def test_listing_checkpoints_needs_no_torch(made: Path, lab_home: Path) -> None:
    (lab_home / "0001").mkdir()
    shutil.copy(made, lab_home / "0001" / "best.safetensors")
    code = (
        "import sys; from seg_core.prediction.catalogue import available_checkpoints; "
        "print(len([e for e in available_checkpoints() if 'shipped' not in str(e.path)]) > 0, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_the_mirror_image_of_a_photograph_gets_the_mirror_image_of_its_mask(trained: Path) -> None:
    model = load_checkpoint(trained)
    photos = np.stack([lesion((64, 64), seed=seed)[0] for seed in range(6)])
    found, of_mirrored = model.probabilities(photos), model.probabilities(photos[:, :, ::-1])
    np.testing.assert_array_equal(of_mirrored, found[:, :, ::-1])
    network = model.engine(photos)
    seen_as_it_is = [bool(np.allclose(one, other, atol=1e-6)) for one, other in zip(found, network, strict=True)]
    assert 0 < sum(seen_as_it_is) < 6
    assert np.abs(model.engine(photos[:, :, ::-1])[:, :, ::-1] - network).max() > 1e-4  # the network alone differs


def test_with_test_time_augmentation_a_turned_photograph_gets_the_turned_mask(trained: Path) -> None:
    photo, _ = lesion((64, 64), seed=5)
    plain, tta = load_checkpoint(trained), load_checkpoint(trained, tta=True)
    images = [change(photo) for change in (np.asarray, np.fliplr, np.rot90, np.flipud)]
    found = [tta.probabilities(np.ascontiguousarray(image)[None])[0] for image in images]
    first, *others = found[0], np.fliplr(found[1]), np.rot90(found[2], -1), np.flipud(found[3])
    for other in others:
        np.testing.assert_allclose(first, other, atol=1e-5)
    assert np.abs(plain.probabilities(photo[None])[0] - first).max() > 1e-4
    np.testing.assert_allclose(first, np.mean([by_symmetry(plain, photo, number) for number in range(8)], axis=0), atol=1e-5)


def by_symmetry(model: Checkpoint, photo: np.ndarray, number: int) -> np.ndarray:
    """Predict a photograph under one of the eight symmetries, and turn the prediction back."""
    mirrored, turns = divmod(number, 4)
    seen = np.rot90(np.flip(photo, 1) if mirrored else photo, turns)
    found = np.rot90(model.engine(seen[None])[0], -turns)
    return np.flip(found, 1) if mirrored else found
