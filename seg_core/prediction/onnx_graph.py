"""The model as an ONNX graph, built from a checkpoint's tensors alone, to predict with and to export. Torch is not needed.

It takes photographs (B, H, W, 3) uint8, H and W multiples of 32, and gives probabilities (B, H, W) float32. Normalisation and the
sigmoid are part of it, and BatchNorm is folded into the convolutions. It mirrors the torch model of `seg_core.network`: both read
the encoder's numbers from `seg_core.network.architecture`, and the tests compare the probabilities of every decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count, takewhile
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from seg_core.config import Config, Decoder
from seg_core.data.image import MEAN, STD
from seg_core.network.architecture import LAST, STRIDES, TAPS
from seg_core.prediction.tensor_file import Damaged

OPSET, IR_VERSION = 18, 9
INPUT, OUTPUT, FEATURES = "photographs", "probabilities", "features"
EPSILON = 1e-5
"""Torch's BatchNorm adds it to the variance."""

Tensors = Mapping[str, np.ndarray]
"""A model's state: arrays by name, as `seg_core.network.Segmenter` names its tensors."""


def build_graph(config: Config, tensors: Tensors, *, features: bool = False) -> onnx.ModelProto:
    """Build the graph of a config's model with these tensors; batch, height and width are free.

    With ``features`` it gives the means (B, F) of the encoder's feature maps besides, those of the deepest one left out.

    Raises:
        KeyError, ValueError: if the tensors are not those of the config's model.
        Damaged: if they give no finite numbers.
    """
    builder = _Builder(tensors)
    photos = builder.add("Transpose", builder.add("Cast", INPUT, to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    mean, std = (np.array(values, np.float32).reshape(1, 3, 1, 1) for values in (MEAN, STD))
    scaled = builder.add("Mul", photos, builder.constant(1 / (255 * std)))
    maps = _encode(builder, builder.add("Sub", scaled, builder.constant(mean / std)))
    logits = DECODERS[config.decoder](builder, maps)
    builder.add("Squeeze", builder.add("Sigmoid", logits), builder.constant(np.array([1])))
    builder.nodes[-1].output[0] = OUTPUT
    if foreign := builder.unused():
        raise ValueError(f"the model has no {foreign[0]}")
    sides = ("batch", "height", "width")
    outputs = [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, list(sides))]
    if features:
        means = [builder.add("ReduceMean", each, builder.constant(np.array([2, 3])), keepdims=0) for each in maps[:-1]]
        builder.add("Concat", *means, axis=1)
        builder.nodes[-1].output[0] = FEATURES
        outputs.append(helper.make_tensor_value_info(FEATURES, TensorProto.FLOAT, ["batch", "features"]))
    inputs = [helper.make_tensor_value_info(INPUT, TensorProto.UINT8, [*sides, 3])]
    graph = helper.make_graph(builder.nodes, "segmenter", inputs, outputs, builder.weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def _encode(builder: _Builder, images: str) -> list[str]:
    """The feature maps at 1/2 to 1/32 of the size."""
    root = "encoder.features"
    features = builder.relu6(builder.convolve(images, f"{root}.0.0", f"{root}.0.1", STRIDES[0]))
    maps = []
    for layer in range(1, LAST):
        features = _inverted_residual(builder, features, f"{root}.{layer}.conv", STRIDES[layer])
        if layer in TAPS:
            maps.append(features)
    deepest = builder.relu6(builder.convolve(features, f"{root}.{LAST}.0", f"{root}.{LAST}.1"))
    return [*maps, deepest]


def _inverted_residual(builder: _Builder, features: str, name: str, stride: int) -> str:
    """Widen by a 1×1 convolution (but in the first block), convolve depthwise, narrow, and add the input where it fits."""
    expands = builder.has(f"{name}.3.weight")
    inside = features
    if expands:
        inside = builder.relu6(builder.convolve(inside, f"{name}.0.0", f"{name}.0.1"))
    depthwise, pointwise = (1, 2) if expands else (0, 1)
    inside = builder.relu6(builder.convolve(inside, f"{name}.{depthwise}.0", f"{name}.{depthwise}.1", stride))
    inside = builder.convolve(inside, f"{name}.{pointwise}", f"{name}.{pointwise + 1}")
    entering = builder.tensor(f"{name}.0.0.weight").shape[1 if expands else 0]
    leaving = builder.tensor(f"{name}.{pointwise}.weight").shape[0]
    return builder.add("Add", features, inside) if stride == 1 and entering == leaving else inside


def _plain(builder: _Builder, maps: list[str]) -> str:
    features = maps[-1]
    for level in range(len(maps)):
        features = builder.block(builder.doubled(features), f"decoder.blocks.{level}.convolve")
    return builder.convolve(features, "decoder.head")


def _unet(builder: _Builder, maps: list[str]) -> str:
    *shallower, features = maps
    for level, skip in enumerate((*reversed(shallower), None)):
        features = builder.doubled(features)
        if skip:
            features = builder.add("Concat", features, skip, axis=1)
        features = builder.block(features, f"decoder.blocks.{level}.convolve")
    return builder.convolve(features, "decoder.head")


def _pyramid(builder: _Builder, maps: list[str]) -> str:
    *shallower, features = maps
    for level, skip in enumerate(reversed(shallower)):
        below = builder.doubled(builder.convolve(features, f"decoder.narrow.{level}"))
        beside = builder.convolve(skip, f"decoder.lateral.{level}")
        features = builder.block(builder.add("Add", below, beside), f"decoder.smooth.{level}")
    return builder.doubled(builder.convolve(features, "decoder.head"))


DECODERS: dict[Decoder, Callable[[_Builder, list[str]], str]] = {"plain": _plain, "unet": _unet, "pyramid": _pyramid}
"""From the feature maps to the logits, each as the class of that name in `seg_core.network.decoders` computes them."""


class _Builder:
    """Collects nodes and their weights. Each method that adds a node returns the name of its result."""

    def __init__(self, tensors: Tensors) -> None:
        self._tensors = tensors
        self._used: set[str] = set()
        self._numbers = count()
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def has(self, name: str) -> bool:
        """True if there is a tensor of that name."""
        return name in self._tensors

    def tensor(self, name: str) -> np.ndarray:
        """Return a tensor in fp32."""
        self._used.add(name)
        return self._tensors[name].astype(np.float32)

    def unused(self) -> list[str]:
        """Names of the tensors not used so far, without BatchNorm's counters, which only training needs."""
        return [name for name in self._tensors if name not in self._used and not name.endswith("num_batches_tracked")]

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node."""
        name = f"{kind.lower()}_{next(self._numbers)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, values: np.ndarray | np.float32) -> str:
        """Add a weight or a setting."""
        name = f"constant_{next(self._numbers)}"
        self.weights.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def convolve(self, features: str, name: str, norm: str = "", stride: int = 1) -> str:
        """Add the convolution ``name``, with the BatchNorm ``norm`` after it folded in; depthwise if an output has one input."""
        weight = self.tensor(f"{name}.weight")
        outputs, inputs, side, _ = weight.shape
        if norm:
            scale, offset, mean, variance = (
                self.tensor(f"{norm}.{what}") for what in ("weight", "bias", "running_mean", "running_var")
            )
            with np.errstate(all="ignore"):
                gain = scale / np.sqrt(variance + EPSILON)
                weight, bias = weight * gain[:, None, None, None], offset - mean * gain
            if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
                raise Damaged(f"{norm} makes {name} infinite")
        else:
            bias = self.tensor(f"{name}.bias")
        return self.add(
            "Conv",
            features,
            self.constant(weight),
            self.constant(bias),
            kernel_shape=[side, side],
            strides=[stride, stride],
            pads=[side // 2] * 4,
            group=outputs if inputs == 1 else 1,
        )

    def relu6(self, features: str) -> str:
        """Add MobileNetV2's activation."""
        return self.add("Clip", features, self.constant(np.float32(0)), self.constant(np.float32(6)))

    def doubled(self, features: str) -> str:
        """Double the size, bilinearly, as torch does with ``align_corners=False``."""
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        return self.add("Resize", features, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")

    def block(self, features: str, name: str) -> str:
        """Add convolution, BatchNorm and ReLU, as often as there are weights of that name."""
        for place in takewhile(lambda place: self.has(f"{name}.{place}.0.weight"), count()):
            features = self.add("Relu", self.convolve(features, f"{name}.{place}.0", f"{name}.{place}.1"))
        return features
