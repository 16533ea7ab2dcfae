"""The checkpoint file: tensors and JSON metadata in one ``.safetensors`` file, written whole or not at all.

Reading is done without torch; only writing takes torch's tensors.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import struct
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from seg_core.common.atomic_file import atomic_file
from seg_core.common.home import expanded
from seg_core.errors import InputError
from seg_core.prediction.metadata import FORMAT_VERSION, METADATA_KEY, CheckpointMetadata
from seg_core.prediction.state_dict import weights_of

if TYPE_CHECKING:
    import torch

    from seg_core.network import Segmenter

_HEADER_LIMIT = 10_000_000


def read_metadata(path: str | Path, name: str = "") -> CheckpointMetadata:
    """Read the metadata of a checkpoint, from the file's header alone; an error calls it ``name``, or by its path.

    Raises:
        InputError: if the file is missing, or is no checkpoint of this version of LesionLab.
    """
    metadata = read_header(path, name)
    if CheckpointMetadata.__required_keys__ - metadata.keys():
        raise _no_checkpoint(name or str(path))
    return cast("CheckpointMetadata", metadata)


def read_header(path: str | Path, name: str = "") -> dict[str, Any]:
    """Read the JSON object that `write_tensors` wrote. ``name`` and errors as in `read_metadata`."""
    path = expanded(path)
    header: dict[str, Any] = {}
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))  # a safetensors file begins with the length of its JSON header
            header = json.loads(file.read(length)) if length <= _HEADER_LIMIT else {}
        metadata: dict[str, Any] = json.loads(header["__metadata__"][METADATA_KEY])
        newer = metadata["format"] > FORMAT_VERSION
    except OSError as error:
        raise _unreadable(name or str(path), error) from None
    except (struct.error, ValueError, KeyError, TypeError):
        if library := weights_of(path, json.dumps(list(header)).encode() if header else b""):
            raise _other_weights(name or str(path), library) from None
        raise _no_checkpoint(name or str(path)) from None
    if newer:
        raise InputError(f"{name or path} was written by a newer version of LesionLab; update LesionLab to use it.")
    return metadata


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Read the tensors of a checkpoint by name. Raises safetensors' ``SafetensorError`` if the file is damaged."""
    from safetensors.numpy import load_file

    return dict(load_file(path))


@contextlib.contextmanager
def damage_named(name: str) -> Iterator[None]:
    """Turn errors of building a model from a file into an `InputError` that says that ``name`` is damaged."""
    from safetensors import SafetensorError

    try:
        yield
    except (SafetensorError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"{name} is damaged or does not fit this version ({type(error).__name__}); copy or train it again."
        ) from error


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


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, object]) -> None:
    """Write a safetensors file with JSON metadata; an interruption leaves the old file as it was."""
    from safetensors.torch import save

    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    content = save(contiguous, {METADATA_KEY: json.dumps(metadata, allow_nan=False)})
    with atomic_file(path) as partial:
        partial.write_bytes(content)  # save_file would make a file that only its owner may read, whatever the umask


def _unreadable(name: str, error: OSError) -> InputError:
    return InputError(f"The checkpoint {name} cannot be read ({error.strerror}); check the path.")


def _other_weights(name: str, library: str) -> InputError:
    return InputError(
        f"{name} holds the weights of a model of another program ({library}) without the model; export it in PyTorch with "
        "torch.onnx.export(model, (torch.zeros(1, 3, 256, 256),), 'model.onnx', dynamo=False) and add that file on Predict."
    )


def _no_checkpoint(name: str) -> InputError:
    return InputError(f"{name} is no checkpoint of LesionLab; choose a .safetensors file that a run or a download gave.")
