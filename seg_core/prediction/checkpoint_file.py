"""Checkpoint files: a model's tensors with validated metadata. Whatever else a file holds is refused in one sentence.

Reading is done without torch; only writing takes torch's tensors.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from seg_core.common.home import expanded
from seg_core.common.regular_file import require_file
from seg_core.common.text import legible
from seg_core.config import Config
from seg_core.errors import InputError
from seg_core.network.architecture import tensor_shapes
from seg_core.prediction.metadata import FORMAT_VERSION, METADATA_KEY, CheckpointMetadata, ResumeMetadata
from seg_core.prediction.state_dict import weights_of
from seg_core.prediction.tensor_file import (
    Damaged,
    Header,
    copy_with_metadata,
    parsed,
    read_header,
    require_shapes,
    require_weights,
    require_whole,
    write_tensors,
)

if TYPE_CHECKING:
    from seg_core.network import Segmenter


def read_metadata(path: str | Path, name: str = "") -> CheckpointMetadata:
    """Read and validate the metadata of a checkpoint, from the file's header alone; an error calls it ``name``, or by its path.

    The weights are not read, but the file has to have their size: a copy that was cut off is refused here.

    Raises:
        InputError: if the file is missing, damaged, or no checkpoint of this version of LesionLab.
    """
    path, name = expanded(path), name or str(path)
    header, values = _own_values(path, name)
    if CheckpointMetadata.__required_keys__ - values.keys():
        raise _no_checkpoint(name)
    try:
        metadata: CheckpointMetadata = _validator(CheckpointMetadata).validate_python(values, strict=True)
    except ValidationError as error:
        raise _damaged(name, _first_field(error)) from None
    with damage_named(name):
        require_shapes(path, header, tensor_shapes(metadata["config"]["decoder"]))
    return metadata


def read_resume_metadata(path: Path) -> ResumeMetadata:
    """Read and validate what a training keeps to be resumed. Raises InputError as `read_metadata`."""
    try:
        metadata: ResumeMetadata = _validator(ResumeMetadata).validate_python(_own_values(path, str(path))[1], strict=True)
    except ValidationError as error:
        raise _damaged(str(path), _first_field(error)) from None
    return metadata


def _own_values(path: Path, name: str) -> tuple[Header, dict[str, Any]]:
    """Return the header of a file, and the JSON object that LesionLab wrote into it."""
    header: Header | None = None
    require_file(path, name)
    try:
        header = read_header(path)
        values = parsed(header.metadata[METADATA_KEY])
        newer = values["format"] > FORMAT_VERSION
    except OSError as error:
        raise _unreadable(name, error) from None
    except (ValueError, KeyError, TypeError):
        if library := weights_of(path, json.dumps(list(header.tensors)).encode() if header else b""):
            raise _other_weights(name, library) from None
        raise _no_checkpoint(name) from None
    if newer:
        raise InputError(f"{name} was written by a newer version of LesionLab; update LesionLab to use it.")
    return header, values


@cache
def _validator(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)  # made when it is first needed, in some milliseconds


def _first_field(error: ValidationError) -> str:
    """Name what is wrong in metadata, as ``history 3 seconds``."""
    return "metadata: " + legible(" ".join(map(str, error.errors(include_url=False)[0]["loc"])))[:80]


def read_tensors(path: Path, config: Config, name: str = "") -> dict[str, np.ndarray]:
    """Read the tensors of a config's model, by the names that torch has for them; an error calls the file ``name``.

    Raises:
        InputError: if they are damaged, belong to another model, or are no weights that a training leaves.
    """
    from safetensors.numpy import load_file

    path = expanded(path)
    with damage_named(name or str(path)):
        header = read_header(path)
        require_shapes(path, header, tensor_shapes(config.decoder))  # before anything is read that another size makes expensive
        require_whole(path)
        tensors = dict(load_file(path))
        require_weights(tensors)
    return tensors


@contextlib.contextmanager
def damage_named(name: str) -> Iterator[None]:
    """Turn errors of building a model from a file into an `InputError` that says that ``name`` is damaged."""
    from safetensors import SafetensorError

    try:
        yield
    except Damaged as error:
        raise _damaged(name, str(error)) from error
    except OSError as error:
        raise _unreadable(name, error) from None
    except (SafetensorError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise _damaged(name, type(error).__name__) from error


def checkpoint_digest(path: str | Path) -> str:
    """Return sixteen hex digits of a hash of a checkpoint's content; computed once while the file stays as it is.

    Raises:
        InputError: if it cannot be read.
    """
    path = expanded(path)
    try:
        facts = path.stat()
        return _content_digest(path.absolute(), facts.st_size, facts.st_mtime_ns)
    except OSError as error:
        raise _unreadable(str(path), error) from None


@lru_cache(maxsize=1024)
def _content_digest(path: Path, _size: int, _modified: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def save_checkpoint(path: Path, model: Segmenter, metadata: Mapping[str, object], *, half: bool = False) -> None:
    """Write a checkpoint whole or not at all; ``half`` stores the weights in fp16, half the size, as in those that ship."""
    import torch

    tensors = dict(model.state_dict())
    if half:
        tensors = {name: tensor.half() if tensor.dtype == torch.float32 else tensor for name, tensor in tensors.items()}
    write_tensors(path, tensors, {**metadata, "format": FORMAT_VERSION})


def copy_checkpoint(source: Path, target: Path, metadata: Mapping[str, object]) -> None:
    """Write a copy of a checkpoint with other metadata, whole or not at all; its tensors stay the same bit for bit.

    Raises:
        InputError: if it cannot be read, is damaged, or the copy cannot be written.
    """
    with damage_named(str(source)):
        require_whole(source)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        copy_with_metadata(source, target, metadata)
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error.strerror}); choose another file.") from None


def _unreadable(name: str, error: OSError) -> InputError:
    return InputError(f"The checkpoint {name} cannot be read ({error.strerror}); check the path.")


def _other_weights(name: str, library: str) -> InputError:
    return InputError(
        f"{name} holds the weights of a model of another program ({library}) without the model; export it in PyTorch with "
        "torch.onnx.export(model, (torch.zeros(1, 3, 256, 256),), 'model.onnx', dynamo=False) and add that file on Predict."
    )


def _no_checkpoint(name: str) -> InputError:
    return InputError(f"{name} is no checkpoint of LesionLab; choose a .safetensors file that a run or a download gave.")


def _damaged(name: str, why: str) -> InputError:
    return InputError(f"{name} is damaged or does not fit this version ({why}); copy or train it again.")
