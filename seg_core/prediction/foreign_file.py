"""What an ONNX file of another program says of itself: its input, its output, and what has to be asked for."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, Lt, MaxLen
from pydantic import TypeAdapter

from seg_core.errors import InputError

if TYPE_CHECKING:
    import onnx

Scaling = Literal["imagenet", "0 to 1", "-1 to 1", "0 to 255"]
Output = Literal["sigmoid", "softmax", "probabilities", "classes"]

SCALINGS: dict[Scaling, str] = {
    "imagenet": "0 to 1, minus ImageNet's mean, divided by its standard deviation",
    "0 to 1": "0 to 1",
    "-1 to 1": "−1 to 1",
    "0 to 255": "0 to 255",
}
"""What a model takes colours as."""
OUTPUTS: dict[Output, str] = {
    "sigmoid": "Logits, a sigmoid for each class",
    "softmax": "Logits, a softmax over the classes",
    "probabilities": "Probabilities",
    "classes": "The number of a class for each pixel",
}
"""What a model gives."""
USUAL_SIDE = 256
LARGEST_SIDE = 4096
LONGEST_LABEL = 80
Side = Annotated[int, Ge(1), Le(LARGEST_SIDE)]
SETTINGS_KEY = "lesionlab_settings"
_PASSED_ON = {"Identity", "Cast", "Squeeze", "Unsqueeze", "Transpose", "Reshape", "Resize"}


@dataclass(frozen=True)
class ForeignSettings:
    """How to feed a model of another program, and how to read what it gives."""

    width: Side
    """Of its input, in pixels; photographs are scaled to it."""
    height: Side
    scaling: Scaling
    output: Output
    lesion: Annotated[int, Ge(0), Le(10**6)]
    """Number of the class that is lesion, from 0."""
    threshold: Annotated[float, Gt(0), Lt(1)] = 0.5
    label: Annotated[str, MaxLen(LONGEST_LABEL)] = ""
    """Its name in the app."""


@dataclass(frozen=True)
class ForeignFacts:
    """What an ONNX file says of itself, and the settings to begin with."""

    channels: int
    """Of its input: 3, or 1 for grey."""
    channels_last: bool
    """True for (batch, height, width, channels), False for (batch, channels, height, width)."""
    dtype: str
    """NumPy's name of its input's type."""
    fixed: tuple[bool, bool]
    """Whether width and height are fixed."""
    place: int
    """Which of its outputs holds the masks."""
    class_axis: int | None
    """Axis of the classes in that output; None where there is none."""
    classes: int
    settings: ForeignSettings
    unknown: tuple[str, ...]
    """What the file does not say: ``size``, ``scaling``, ``lesion``."""

    @property
    def words(self) -> str:
        """The facts as a sentence."""
        size = f"{self.settings.width} × {self.settings.height}" if all(self.fixed) else "any size"
        colour = "colour" if self.channels == 3 else "grey"
        classes = "one class" if self.classes == 1 else f"{self.classes} classes"
        return f"It takes {colour} photographs of {size} and gives {classes}."


def read_foreign(content: bytes, name: str) -> tuple[onnx.ModelProto, ForeignFacts]:
    """Read an ONNX file and try it once; an error calls it ``name``.

    Raises:
        InputError: if it is no ONNX file, keeps its weights in another file, or does not segment one image.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load_model_from_string(content)
    except (DecodeError, ValueError):
        model = onnx.ModelProto()
    if not model.graph.node:
        raise InputError(f"{name} is not an ONNX file, or it is cut off; export the model again.")
    if any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in model.graph.initializer):
        raise InputError(
            f"{name} keeps its weights in a second file; export the model again with external_data=False (torch.onnx.export)."
        )
    facts = _of_input(model, name)
    facts = _of_output(model, content, facts, name)
    known = {each.key: each.value for each in model.metadata_props}
    return model, _with_own_words(facts, known, Path(name).stem, name)


def read_settings(path: Path) -> ForeignSettings:
    """Read the settings of a model that LesionLab keeps, without running it.

    Raises:
        InputError: if the file holds no settings.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        known = {each.key: each.value for each in onnx.load_model_from_string(path.read_bytes()).metadata_props}
        return _validator().validate_json(known[SETTINGS_KEY])
    except (DecodeError, KeyError, ValueError):
        raise InputError(f"{path.name} was not added to LesionLab; add it on the page Predict or Compare.") from None


@cache
def _validator() -> TypeAdapter[ForeignSettings]:
    return TypeAdapter(ForeignSettings)


def with_settings(model: onnx.ModelProto, settings: ForeignSettings) -> bytes:
    """Return an ONNX file that carries its settings, so that its content alone says what it predicts."""
    kept = [each for each in model.metadata_props if each.key != SETTINGS_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    model.metadata_props.add(key=SETTINGS_KEY, value=json.dumps(asdict(settings)))
    return bytes(model.SerializeToString())


def _of_input(model: onnx.ModelProto, name: str) -> ForeignFacts:
    from onnx import helper

    stored = {tensor.name for tensor in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in stored]
    shape = inputs[0].type.tensor_type.shape.dim if len(inputs) == 1 else []
    sides = [each.dim_value or None for each in shape]
    if len(sides) != 4:
        what = f"{len(inputs)} inputs" if len(inputs) != 1 else f"an input of {len(sides)} dimensions"
        raise InputError(f"{name} takes {what}; a model with one image as input (batch, channels, height, width) is needed.")
    channels_last = sides[1] not in (1, 3) and sides[3] in (1, 3)
    channels = (sides[3] if channels_last else sides[1]) or 3
    if channels not in (1, 3):
        raise InputError(f"{name} takes images of {channels} channels; a model for photographs of 3 (or 1, grey) is needed.")
    height, width = sides[1:3] if channels_last else sides[2:]
    if not all(side is None or 1 <= side <= LARGEST_SIDE for side in (height, width)):
        raise InputError(f"{name} takes photographs of {width} × {height}; sides of up to {LARGEST_SIDE:,} pixels are possible.")
    dtype = helper.tensor_dtype_to_np_dtype(inputs[0].type.tensor_type.elem_type)
    scaling: Scaling = "0 to 255" if dtype == np.uint8 else "imagenet"
    unknown = [*(["size"] if not (height and width) else []), *(["scaling"] if dtype != np.uint8 else [])]
    settings = ForeignSettings(width or USUAL_SIDE, height or USUAL_SIDE, scaling, "sigmoid", 0)
    fixed = bool(width), bool(height)
    return ForeignFacts(channels, channels_last, str(dtype), fixed, 0, None, 1, settings, tuple(unknown))


def _of_output(model: onnx.ModelProto, content: bytes, facts: ForeignFacts, name: str) -> ForeignFacts:
    """Add what can be seen of the output: by its shape and values for a picture of noise, and by the graph's last node."""
    outputs = _tried(content, facts, name)
    masks = [place for place, output in enumerate(outputs) if output.ndim in (3, 4) and min(output.shape[-2:]) > 0]
    if not masks:
        shapes = ", ".join(str(output.shape) for output in outputs)
        raise InputError(f"{name} gives no masks but {shapes}; a segmentation model is needed.")
    found = outputs[masks[0]]
    axis = None if found.ndim == 3 else 3 if found.shape[3] < found.shape[1] else 1
    classes = 1 if axis is None else found.shape[axis]
    last = _last_operation(model, model.graph.output[masks[0]].name)
    output: Output
    if found.dtype.kind in "iub" or last == "ArgMax":
        output = "classes"
    elif last in ("Sigmoid", "Softmax") or (found.min() >= 0 and found.max() <= 1):
        output = "probabilities"
    else:
        output = "sigmoid" if classes == 1 else "softmax"
    two = classes == 2 or (output == "classes" and classes == 1)
    lesion = 1 if two else 0
    unknown = (*facts.unknown, *(["lesion"] if classes > 2 or output == "classes" else []))
    settings = replace(facts.settings, output=output, lesion=lesion)
    return replace(facts, place=masks[0], class_axis=axis, classes=classes, settings=settings, unknown=unknown)


def _tried(content: bytes, facts: ForeignFacts, name: str) -> list[np.ndarray]:
    from seg_core.prediction.engine import Session

    sides = (facts.settings.height, facts.settings.width)
    shape = (1, *sides, facts.channels) if facts.channels_last else (1, facts.channels, *sides)
    noise = np.random.default_rng(0).normal(0, 2, shape)
    if facts.dtype == "uint8":
        noise = np.clip(128 + 64 * noise, 0, 255)
    try:
        return Session(content)(noise.astype(facts.dtype))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1][:120]
        raise InputError(f"{name} cannot be run ({reason}); export the model again, with opset 18 or less.") from None


def _last_operation(model: onnx.ModelProto, output: str) -> str:
    """Return the operation that made the values of an output; those that only pass them on are skipped."""
    makers = {made: node for node in model.graph.node for made in node.output}
    while (node := makers.get(output)) is not None and node.op_type in _PASSED_ON:
        output = node.input[0]
    return str(node.op_type) if node is not None else ""


def _with_own_words(facts: ForeignFacts, known: dict[str, str], stem: str, name: str) -> ForeignFacts:
    """Add what the file's metadata say: the settings that LesionLab wrote, or those of a model that it exported."""
    try:
        if SETTINGS_KEY in known:
            return replace(facts, settings=_validator().validate_json(known[SETTINGS_KEY]), unknown=())
        settings = replace(facts.settings, label=(known.get("label") or stem)[:LONGEST_LABEL])
        if "image_size" in known:
            width, height = (
                side if fixed else int(known["image_size"])
                for side, fixed in zip((settings.width, settings.height), facts.fixed, strict=True)
            )
            settings = replace(settings, width=width, height=height, threshold=float(known.get("threshold", 0.5)))
            _validator().validate_python(asdict(settings))
            facts = replace(facts, unknown=tuple(each for each in facts.unknown if each != "size"))
    except ValueError:
        raise InputError(f"The metadata of {name} are damaged; export the model again.") from None
    return replace(facts, settings=settings)
