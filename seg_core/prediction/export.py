"""A trained model as an ONNX file, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx

from seg_core.common.atomic_file import atomic_file
from seg_core.config import Config
from seg_core.errors import InputError
from seg_core.prediction.checkpoint import load_model
from seg_core.prediction.checkpoint_file import damage_named, read_metadata, read_tensors
from seg_core.prediction.licences import licence_of
from seg_core.prediction.metadata import checkpoint_label, own_threshold
from seg_core.prediction.onnx_graph import INPUT, OUTPUT, build_graph

TOLERANCE = 1e-4
"""Largest accepted difference of a probability from torch's."""


def onnx_bytes(path: Path, name: str = "") -> bytes:
    """Build the ONNX file of a checkpoint: its graph, with input, output and limits in the metadata. Torch is not needed.

    Raises:
        InputError: as `seg_core.prediction.checkpoint.load_checkpoint`, with ``name`` as there.
    """
    metadata = read_metadata(path, name)
    config = Config(**metadata["config"])
    tensors = read_tensors(path, config, name)
    with damage_named(name or str(path)):
        model = build_graph(config, tensors)
    size = config.image_size
    facts = {
        "label": checkpoint_label(metadata),
        "threshold": f"{own_threshold(metadata):g}",
        "image_size": str(size),
        "input": f"{INPUT}: (batch, height, width, 3) uint8, RGB, resized to {size} x {size}; other multiples of 32 are possible",
        "output": f"{OUTPUT}: (batch, height, width) float32, the probability that a pixel is lesion",
        "view": "LesionLab mirrors photographs whose darker side is the right one first, and their masks after",
        "limits": "not a medical device",
    }
    if licence := licence_of(metadata).name:
        facts["licence"] = licence
    onnx.helper.set_model_props(model, facts)
    return bytes(model.SerializeToString())


def export_onnx(path: Path, target: Path | None = None) -> dict[str, Any]:
    """Write the ONNX file of a checkpoint, beside it by default, if its probabilities agree with those of the torch model.

    Both predict patches of random colours in two batches of two sizes; the file holds the graph that was run.

    Returns:
        ``{"file", "bytes", "checked": [[batch, height, width], …], "largest_difference"}``.

    Raises:
        InputError: if the checkpoint cannot be read, the file cannot be written or is the checkpoint itself, or the probabilities
            differ by more than `TOLERANCE`.
    """
    import torch

    from seg_core.network.normalisation import normalise
    from seg_core.prediction.engine import compiled

    content, size = onnx_bytes(path), Config(**read_metadata(path)["config"]).image_size
    target = target or path.with_suffix(".onnx")
    if target.resolve() == path.resolve():
        raise InputError(f"{target} is the checkpoint itself; choose another --output.")
    network, model = compiled(content), load_model(path)
    shapes = [(1, size, size), (3, 64, 96)]
    random = np.random.default_rng(0)
    differences = []
    for shape in shapes:
        patches = random.integers(0, 256, (shape[0], shape[1] // 16, shape[2] // 16, 3), dtype=np.uint8)
        photos = patches.repeat(16, axis=1).repeat(16, axis=2)
        with torch.inference_mode():
            expected = model(normalise(torch.from_numpy(photos)))[:, 0].sigmoid().numpy()
        differences.append(float(np.abs(network(photos)[0] - expected).max()))
    if not max(differences) <= TOLERANCE:
        raise InputError(f"The exported model differs from {path} by {max(differences):.2g}; nothing was written.")
    try:
        with atomic_file(target) as partial:
            partial.write_bytes(content)
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error.strerror}); choose another --output.") from None
    checked = {"checked": [list(shape) for shape in shapes], "largest_difference": max(differences)}
    return {"file": str(target), "bytes": len(content), **checked}
