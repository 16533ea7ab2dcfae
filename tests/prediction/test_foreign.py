"""ONNX models of other programs: what is read of them, and that they predict what torch does."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from torch import nn

from seg_core.data.image import MEAN, STD
from seg_core.errors import InputError
from seg_core.evaluation.evaluate import evaluate
from seg_core.prediction.catalogue import available_checkpoints, models_folder
from seg_core.prediction.checkpoint_file import checkpoint_digest, read_metadata
from seg_core.prediction.export import onnx_bytes
from seg_core.prediction.foreign import ForeignModel, keep_foreign, load_any, load_foreign
from seg_core.prediction.foreign_file import ForeignSettings, read_foreign
from tests.helpers import find_pairs, lesion, make_dataset

PIXELS, TRUTH = lesion((64, 64), seed=3)


class Arranged(nn.Module):
    """A network with its input or output in another arrangement."""

    def __init__(self, network: nn.Module, *, last: bool = False, after: Callable[[Any], Any] = lambda found: found) -> None:
        super().__init__()
        self.network, self.last, self.after = network, last, after

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.after(self.network(images.permute(0, 3, 1, 2) if self.last else images))
        return found.permute(0, 2, 3, 1) if self.last else found


@cache
def smp_unet(classes: int = 1) -> nn.Module:
    import segmentation_models_pytorch as smp

    torch.manual_seed(0)
    unet: nn.Module = smp.Unet(
        "mobilenet_v2", encoder_depth=3, encoder_weights=None, classes=classes, decoder_channels=(32, 16, 8)
    )
    return unet


@cache
def torchvision_net(name: str, classes: int) -> nn.Module:
    from torchvision.models import segmentation

    torch.manual_seed(0)
    network: nn.Module = getattr(segmentation, name)(weights=None, weights_backbone=None, num_classes=classes)
    return network


@cache
def exported(network: nn.Module, shape: tuple[int, ...] = (1, 3, 64, 64), *, free: bool = False, dtype: Any = None) -> bytes:
    file: Any = io.BytesIO()
    axes = {"image": {0: "batch", 2: "height", 3: "width"}} if free else None
    example = torch.zeros(shape, dtype=dtype or torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # this exporter is deprecated; the new one needs another package
        torch.onnx.export(network.eval(), (example,), file, input_names=["image"], dynamic_axes=axes, dynamo=False)
    return bytes(file.getvalue())


def kept(tmp_path: Path, content: bytes, **changes: Any) -> ForeignModel:
    """The model as the pages keep it, with the settings that are read, and changes."""
    _, facts = read_foreign(content, "net.onnx")
    keep_foreign(content, "net.onnx", replace(facts.settings, **changes), tmp_path / "models" / "net.onnx")
    return load_foreign(tmp_path / "models" / "net.onnx")


def normalised() -> torch.Tensor:
    values = (PIXELS / 255 - np.array(MEAN)) / np.array(STD)
    return torch.from_numpy(values.transpose(2, 0, 1)[None].astype(np.float32))


@pytest.mark.parametrize(
    ("network", "free", "changes", "expected"),
    [
        pytest.param(lambda: smp_unet(), False, {}, lambda logits: logits.sigmoid()[0, 0], id="smp Unet, one class"),
        pytest.param(
            lambda: smp_unet(),
            True,
            {"width": 64, "height": 64},
            lambda logits: logits.sigmoid()[0, 0],
            id="any size",
        ),
        pytest.param(lambda: smp_unet(2), False, {}, lambda logits: logits.softmax(1)[0, 1], id="softmax of two"),
        pytest.param(
            lambda: smp_unet(2), False, {"output": "sigmoid", "lesion": 0}, lambda logits: logits.sigmoid()[0, 0], id="told"
        ),
        pytest.param(
            lambda: torchvision_net("lraspp_mobilenet_v3_large", 3),
            False,
            {"lesion": 2},
            lambda found: found["out"].softmax(1)[0, 2],
            id="torchvision LR-ASPP",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            lambda: torchvision_net("deeplabv3_mobilenet_v3_large", 2),
            False,
            {},
            lambda found: found["out"].softmax(1)[0, 1],
            id="torchvision DeepLabV3",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_foreign_model_predicts_what_torch_does(
    tmp_path: Path, network: Callable[[], nn.Module], free: bool, changes: dict[str, Any], expected: Callable[[Any], torch.Tensor]
) -> None:
    torch_model = network().eval()
    model = kept(tmp_path, exported(torch_model, free=free), **changes)
    with torch.inference_mode():
        probabilities = expected(torch_model(normalised())).numpy()
    found = model.predict(Image.fromarray(PIXELS))
    np.testing.assert_allclose(found.probabilities, probabilities, atol=1e-4)
    assert (found.size, found.threshold, model.label) == ((64, 64), 0.5, "net")


def lightness(images: torch.Tensor) -> torch.Tensor:
    return images.mean(1, keepdim=True)


class Threshold(nn.Module):
    """Darkness: each colour is compared with a value that depends on the scaling of the input."""

    def __init__(self, middle: float, width: float) -> None:
        super().__init__()
        self.middle, self.width = middle, width

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (self.middle - lightness(images.float())) / self.width


@pytest.mark.parametrize(
    ("network", "example", "dtype", "changes", "guess"),
    [
        (Threshold(0.5, 0.05), (1, 3, 64, 64), None, {"scaling": "0 to 1"}, ("sigmoid", 1)),
        (Threshold(0, 0.1), (1, 3, 64, 64), None, {"scaling": "-1 to 1"}, ("sigmoid", 1)),
        (Threshold(128, 10), (1, 3, 64, 64), torch.uint8, {}, ("sigmoid", 1)),
        (Threshold(0.5, 0.05), (1, 1, 64, 64), None, {"scaling": "0 to 1"}, ("sigmoid", 1)),
        (Arranged(Threshold(0.5, 0.05), last=True), (1, 64, 64, 3), None, {"scaling": "0 to 1"}, ("sigmoid", 1)),
        (Arranged(Threshold(0.5, 0.05), after=torch.sigmoid), (1, 3, 64, 64), None, {"scaling": "0 to 1"}, ("probabilities", 1)),
        (
            Arranged(Threshold(0.5, 0.05), after=lambda x: torch.cat([-x, x], 1).softmax(1)),
            (1, 3, 64, 64),
            None,
            {"scaling": "0 to 1"},
            ("probabilities", 2),
        ),
        (
            Arranged(Threshold(0.5, 0.05), after=lambda x: torch.cat([-x, x], 1).argmax(1)),
            (1, 3, 64, 64),
            None,
            {"scaling": "0 to 1", "lesion": 1},
            ("classes", 1),
        ),
        (Arranged(Threshold(0.5, 0.05), after=lambda x: x[:, 0]), (1, 3, 64, 64), None, {"scaling": "0 to 1"}, ("sigmoid", 1)),
    ],
    ids=["0 to 1", "-1 to 1", "bytes", "grey", "channels last", "probabilities", "softmax inside", "class numbers", "no axis"],
)
def test_layouts_scalings_and_outputs(
    tmp_path: Path, network: nn.Module, example: tuple[int, ...], dtype: Any, changes: dict[str, Any], guess: tuple[str, int]
) -> None:
    content = exported(network, example, dtype=dtype)
    _, facts = read_foreign(content, "net.onnx")
    assert (facts.settings.output, facts.classes) == guess
    mask = kept(tmp_path, content, **changes).predict(Image.fromarray(PIXELS)).mask()
    assert (mask == TRUTH).mean() > 0.99


class Fussy(nn.Module):
    """Takes sides that are multiples of four."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        small = nn.functional.max_pool2d(lightness(images), 4)
        return lightness(images) + nn.functional.interpolate(small, scale_factor=4.0)


def test_what_a_file_does_not_say_is_asked_for(tmp_path: Path) -> None:
    content = exported(nn.Conv2d(3, 3, 3, padding=1), free=True)
    _, facts = read_foreign(content, "net.onnx")
    assert facts.unknown == ("size", "scaling", "lesion")
    assert facts.words == "It takes colour photographs of any size and gives 3 classes."
    plain = tmp_path / "net.onnx"
    plain.write_bytes(content)
    sentence = "does not say of what size it takes photographs and how colours are scaled and which class is lesion; add it"
    with pytest.raises(InputError, match=sentence):
        load_any(plain)
    with pytest.raises(InputError, match="has no class 3; its 3 are counted from 0"):
        keep_foreign(content, "net.onnx", replace(facts.settings, lesion=3), tmp_path / "kept.onnx")
    content = exported(Fussy(), free=True)
    _, facts = read_foreign(content, "net.onnx")
    with pytest.raises(InputError, match=r"does not take photographs of 50 × 50; many models need multiples of 32\."):
        keep_foreign(content, "net.onnx", replace(facts.settings, width=50, height=50), tmp_path / "kept.onnx")


def test_the_digest_of_a_kept_model_covers_its_settings(tmp_path: Path) -> None:
    content = exported(Threshold(0.5, 0.05))
    digests = set()
    for changes in ({}, {"threshold": 0.4}, {"scaling": "0 to 1"}, {"label": "another"}):
        digests.add(checkpoint_digest(kept(tmp_path, content, **changes).path))
    assert len(digests) == 4
    model, facts = read_foreign((tmp_path / "models" / "net.onnx").read_bytes(), "net.onnx")
    assert facts.unknown == ()
    assert facts.settings == ForeignSettings(64, 64, "imagenet", "sigmoid", 0, 0.5, "another")
    onnx.checker.check_model(model)


def test_a_model_that_lesionlab_exported_says_everything(tmp_path: Path) -> None:
    from seg_core.common.home import SHIPPED_CHECKPOINTS

    shipped = SHIPPED_CHECKPOINTS / "fine-tune-best.safetensors"
    file = tmp_path / "mine.onnx"
    file.write_bytes(onnx_bytes(shipped))
    model = load_any(file)
    assert isinstance(model, ForeignModel)
    settings = model.settings
    assert (settings.width, settings.scaling, settings.output) == (128, "0 to 255", "probabilities")
    assert model.label == "Model 2 · fine-tuned (best)"
    iou = evaluate(model, find_pairs(make_dataset(tmp_path / "data", layout="flat", train=2))).means["iou"]
    assert 0 <= iou <= 1


def test_test_time_augmentation_needs_a_square(tmp_path: Path) -> None:
    square = kept(tmp_path, exported(nn.Conv2d(3, 1, 3, padding=1)))
    model = load_foreign(square.path, tta=True)
    averaged, mirrored = (model.predict(Image.fromarray(each)).probabilities for each in (PIXELS, PIXELS[:, ::-1]))
    np.testing.assert_allclose(averaged, mirrored[:, ::-1], atol=1e-4)
    wide = kept(tmp_path, exported(Threshold(0.5, 0.1), (1, 3, 64, 96)))
    assert wide.predict(Image.fromarray(PIXELS)).probabilities.shape == (64, 96)
    with pytest.raises(InputError, match="96 × 64; test-time augmentation needs a square"):
        load_foreign(wide.path, tta=True).predict(Image.fromarray(PIXELS))


def two_inputs() -> bytes:
    class Sum(nn.Module):
        def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
            return first + second

    file: Any = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(Sum(), (torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)), file, dynamo=False)
    return bytes(file.getvalue())


def weights_elsewhere() -> bytes:
    model = onnx.load_model_from_string(exported(nn.Conv2d(3, 1, 1)))
    for tensor in model.graph.initializer:
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="net.onnx.data")
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (lambda: b"not a model", "is not an ONNX file, or it is cut off"),
        (lambda: b"", "is not an ONNX file, or it is cut off"),
        (two_inputs, "takes 2 inputs; a model with one image"),
        (weights_elsewhere, "keeps its weights in a second file; export the model again with external_data=False"),
        (lambda: exported(nn.Conv2d(5, 1, 1), (1, 5, 64, 64)), "takes images of 5 channels"),
        (lambda: exported(nn.Linear(4, 2), (1, 4)), "takes an input of 2 dimensions"),
        (lambda: exported(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())), "gives no masks but"),
    ],
    ids=["text", "empty", "two inputs", "second file", "five channels", "a vector", "a classifier"],
)
def test_files_that_are_no_segmentation_model_get_one_sentence(content: Callable[[], bytes], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        read_foreign(content(), "net.onnx")
    assert "\n" not in str(caught.value)


def saved(network: nn.Module, **how: Any) -> bytes:
    file = io.BytesIO()
    torch.save(network.state_dict(), file, **how)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "library"),
    [
        (lambda: saved(smp_unet()), "segmentation-models-pytorch"),
        (lambda: saved(torchvision_net("lraspp_mobilenet_v3_large", 2)), "torchvision"),
        (lambda: saved(smp_unet(), _use_new_zipfile_serialization=False), "segmentation-models-pytorch"),
        (lambda: saved(nn.Conv2d(3, 1, 1)), "PyTorch"),
        (lambda: safetensors_of(smp_unet()), "segmentation-models-pytorch"),
    ],
    ids=["smp", "torchvision", "of old torch", "any", "smp as safetensors"],
)
@pytest.mark.parametrize("load", [load_any, read_metadata])
def test_weights_of_other_libraries_are_called_that(
    tmp_path: Path, content: Callable[[], bytes], library: str, load: Callable[[Path], Any]
) -> None:
    file = tmp_path / "net.pth"
    file.write_bytes(content())
    with pytest.raises(InputError) as caught:
        load(file)
    assert str(caught.value).startswith(f"{file} holds the weights of a model of another program ({library}) without the model;")
    assert "torch.onnx.export(" in str(caught.value)


def safetensors_of(network: nn.Module) -> bytes:
    from safetensors.torch import save

    return save(network.state_dict())


def test_kept_models_are_offered_with_the_checkpoints(lab_home: Path, tmp_path: Path) -> None:
    content = exported(Threshold(0.5, 0.05))
    _, facts = read_foreign(content, "net.onnx")
    keep_foreign(content, "net.onnx", replace(facts.settings, label="Net of another"), models_folder() / "net.onnx")
    (models_folder() / "stray.onnx").write_bytes(content)
    (entry,) = [entry for entry in available_checkpoints() if entry.path.suffix == ".onnx"]
    assert (entry.label, entry.iou, entry.image_size, entry.path) == (
        "Net of another",
        None,
        64,
        lab_home / "models" / "net.onnx",
    )
