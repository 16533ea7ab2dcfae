"""The graph that predicts and is exported: it computes what torch computes, for every decoder, size and batch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator

from seg_core.common.home import PROJECT, SHIPPED_CHECKPOINTS
from seg_core.config import DECODERS
from seg_core.errors import InputError
from seg_core.network import Segmenter, build_model
from seg_core.network.normalisation import normalise
from seg_core.prediction import export
from seg_core.prediction.checkpoint import load_model
from seg_core.prediction.checkpoint_file import save_checkpoint
from seg_core.prediction.engine import Engine
from seg_core.prediction.export import export_onnx, onnx_bytes
from seg_core.prediction.onnx_graph import build_graph
from tests.helpers import metadata_of, thin_networks, tiny_config


def trained_like(decoder: str) -> Segmenter:
    """A model with statistics as after a training, not the initial 0 and 1."""
    model = build_model(tiny_config(decoder=decoder)).eval()
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean = torch.rand(module.num_features) - 0.5
            module.running_var = torch.rand(module.num_features) + 0.5
    return model


def arrays(model: Segmenter) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in model.state_dict().items()}


def photographs(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)


def expected(model: Segmenter, photos: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        result: np.ndarray = model(normalise(torch.from_numpy(photos)))[:, 0].sigmoid().numpy()
    return result


@pytest.fixture
def thin() -> Iterator[None]:
    """Networks of few channels; the engine and torch are compared on one of full width too."""
    with thin_networks():
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "made.safetensors"
    config = tiny_config(threshold=0.4)
    licences = {"weights": "CC BY-NC 4.0", "photographs": {}}
    with thin_networks():
        save_checkpoint(path, trained_like("pyramid"), metadata_of(config, licences=licences))
    return path


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_engine_gives_what_torch_gives(decoder: str) -> None:
    model = trained_like(decoder)
    engine = Engine(tiny_config(decoder=decoder), arrays(model))
    for shape in ((1, 64, 64), (3, 64, 96), (2, 192, 160)):
        photos = photographs(*shape)
        probabilities = engine(photos)
        assert probabilities.shape == shape
        assert probabilities.dtype == np.float32
        np.testing.assert_allclose(probabilities, expected(model, photos), atol=1e-4)


@pytest.mark.usefixtures("thin")
@pytest.mark.parametrize(("decoder", "other"), [("plain", "unet"), ("unet", "plain"), ("pyramid", "unet"), ("plain", "pyramid")])
def test_the_tensors_of_another_model_are_refused(decoder: str, other: str) -> None:
    with pytest.raises((KeyError, ValueError, RuntimeError)):
        Engine(tiny_config(decoder=decoder), arrays(trained_like(other)))


@pytest.mark.usefixtures("thin")
def test_tensors_that_no_model_has_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the model has no decoder\.extra"):
        build_graph(tiny_config(), arrays(trained_like("pyramid")) | {"decoder.extra": np.zeros(1)})


@pytest.mark.usefixtures("thin")
def test_the_file_is_valid_says_what_it_is_and_another_program_computes_the_same(made: Path) -> None:
    content = onnx_bytes(made)
    model = onnx.load_from_string(content)
    onnx.checker.check_model(model, full_check=True)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert (facts["label"], facts["threshold"], facts["image_size"]) == ("Model 2 · fine-tuned (best)", "0.4", "64")
    assert (facts["limits"], facts["licence"]) == ("not a medical device", "CC BY-NC 4.0")
    photos = photographs(1, 32, 32)
    (probabilities,) = ReferenceEvaluator(model).run(None, {"photographs": photos})
    np.testing.assert_allclose(np.asarray(probabilities), expected(load_model(made), photos), atol=1e-4)


@pytest.mark.usefixtures("thin")
def test_export_checks_and_writes(made: Path, tmp_path: Path) -> None:
    result = export_onnx(made, tmp_path / "new" / "model.onnx")
    assert result["largest_difference"] <= 1e-4
    assert result["checked"] == [[1, 64, 64], [3, 64, 96]]
    assert Path(result["file"]).stat().st_size == result["bytes"]
    assert json.loads(json.dumps(result)) == result


@pytest.mark.usefixtures("thin")
def test_what_differs_from_torch_is_not_written(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = trained_like("pyramid")
    with torch.no_grad():
        other.decoder.head.bias += 0.1  # type: ignore[union-attr, operator]
    monkeypatch.setattr(export, "load_model", lambda path: other)
    with pytest.raises(InputError, match=r"differs from .*made\.safetensors by 0\.0\d+; nothing was written"):
        export_onnx(made, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.usefixtures("thin")
def test_a_place_that_cannot_be_written_is_named(made: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot be written .*; choose another --output"):
        export_onnx(made, tmp_path / "file" / "model.onnx")


@pytest.mark.usefixtures("thin")
def test_a_checkpoint_is_not_written_over(made: Path) -> None:
    before = made.read_bytes()
    with pytest.raises(InputError, match=r"made\.safetensors is the checkpoint itself; choose another --output"):
        export_onnx(made, made.parent / "." / made.name)
    assert made.read_bytes() == before


def test_signals_are_still_heard_when_models_are_gone() -> None:
    model = SHIPPED_CHECKPOINTS / "fine-tune-report.safetensors"
    code = (
        "import os, signal; from pathlib import Path; from seg_core.prediction.checkpoint import load_checkpoint\n"
        f"first, second = (load_checkpoint(Path({str(model)!r})) for _ in range(2))\n"
        "del first; del second\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('heard'))\n"
        "os.kill(os.getpid(), signal.SIGTERM)"
    )
    command = [sys.executable, "-X", "faulthandler", "-c", code]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout.strip()) == (0, "heard"), done.stderr
