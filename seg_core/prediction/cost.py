"""The cost of a model: parameters, multiply-adds, and time for one photograph. Torch is not needed."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seg_core.config import Config
from seg_core.prediction.checkpoint import Checkpoint
from seg_core.prediction.checkpoint_file import read_tensors

if TYPE_CHECKING:
    from seg_core.prediction.onnx_graph import Tensors

TURNS = 15
"""Timed predictions."""


@dataclass(frozen=True)
class Cost:
    """Cost of predicting one photograph at the network's resolution."""

    parameters: int
    multiply_adds: int
    milliseconds: float
    """Median time of the network, on all cores of the machine that measured it; without decoding and scaling."""


def cost(model: Checkpoint) -> Cost:
    """Measure the cost of a model; with test-time augmentation it runs eight times."""
    side = model.config.image_size
    photo = np.zeros((1, side, side, 3), np.uint8)
    seconds = []
    for _ in range(TURNS):
        started = time.perf_counter()
        model.probabilities(photo)
        seconds.append(time.perf_counter() - started)
    adds = multiply_adds(model.config, read_tensors(model.path, model.config)) * (8 if model.tta else 1)
    return Cost(model.metadata["parameters"], adds, 1000 * statistics.median(seconds))


def multiply_adds(config: Config, tensors: Tensors) -> int:
    """Count the multiply-adds of all convolutions for one photograph at the config's size (BatchNorm is folded into them).

    Raises:
        KeyError, ValueError: if the tensors are not those of the config's model.
    """
    from onnx import shape_inference
    from onnx.tools.update_model_dims import update_inputs_outputs_dims

    from seg_core.prediction.onnx_graph import INPUT, OUTPUT, build_graph

    side = config.image_size
    graph = build_graph(config, tensors)
    fixed = update_inputs_outputs_dims(graph, {INPUT: [1, side, side, 3]}, {OUTPUT: [1, side, side]})
    shapes = {
        value.name: [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
        for value in shape_inference.infer_shapes(fixed).graph.value_info
    }
    weights = {weight.name: list(weight.dims) for weight in graph.graph.initializer}
    convolutions = [node for node in graph.graph.node if node.op_type == "Conv"]
    # An output (1, C, H, W) by a weight (C, inputs of a group, side, side).
    return sum(math.prod(shapes[node.output[0]]) * math.prod(weights[node.input[1]][1:]) for node in convolutions)
