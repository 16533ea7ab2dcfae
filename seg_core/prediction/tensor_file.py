"""The ``.safetensors`` format: tensors behind a JSON header, here with a checksum of the whole file, written whole or not at all.

Reading is done without torch, and nothing that a file says is believed before it was compared with what the model needs.
"""

from __future__ import annotations

import hashlib
import json
import math
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic_core import from_json
from safetensors.numpy import save

from seg_core.common.atomic_file import atomic_file
from seg_core.common.text import legible
from seg_core.network.architecture import COUNTER, Shapes
from seg_core.prediction.metadata import METADATA_KEY

if TYPE_CHECKING:
    import torch

HEADER_LIMIT = 10_000_000
"""Most bytes of a header; that of a run of 1,000 epochs on 10,000 photographs has one million."""
CHECKSUM_KEY = "lesionlab_sha256"
_BLANK = "0" * 64
_BYTES = {"F16": 2, "F32": 4, "I64": 8}


class Damaged(ValueError):
    """A file of tensors cannot be used; the text says why, in words that fit into brackets."""


@dataclass(frozen=True)
class Header:
    """The beginning of a file: its bytes, and what its JSON says."""

    content: bytes
    metadata: dict[str, Any]
    """Our JSON, under `METADATA_KEY`, and the checksum."""
    tensors: dict[str, Any]
    """Type, shape and place of each tensor, by name."""


def read_header(path: Path) -> Header:
    """Read the beginning of a file; nothing of it is validated.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is no such file.
    """
    if not path.is_dir() and not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("no file")  # reading a pipe would wait for ever
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0  # a file begins with the length of its header
        if not 0 < length <= HEADER_LIMIT:
            raise ValueError("no header")
        content = start + file.read(length)
    values = parsed(content[8:])
    metadata = values.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict):
        raise ValueError("no metadata")
    return Header(content, metadata, values)


def parsed(text: bytes | str) -> dict[str, Any]:
    """Parse a JSON object from a file that anybody may have written. Raises ValueError if it is none."""
    try:
        values = from_json(text)
    except ValueError:  # half the time of json's, but it takes no halves of characters, which names of photographs may hold
        try:
            values = json.loads(text)
        except RecursionError:
            raise ValueError("nested too deeply") from None
    if not isinstance(values, dict):
        raise ValueError("no object")
    return values


def require_whole(path: Path) -> Header:
    """Compare the content of a file with its checksum, and return its header; files of older versions have no checksum.

    Raises:
        Damaged: if they differ.
        OSError, ValueError: as `read_header`.
    """
    header = read_header(path)
    if (checksum := header.metadata.get(CHECKSUM_KEY)) is not None and checksum != _checksum(path, header):
        raise Damaged("its content has changed since it was written")
    return header


def require_shapes(path: Path, header: Header, shapes: Shapes) -> None:
    """Compare the names, types and shapes that a header announces, and the file's size, with those of a model.

    Raises:
        Damaged: if any differ.
    """
    if missing := sorted(shapes.keys() - header.tensors.keys()):
        raise Damaged(f"it lacks {missing[0]}")
    if foreign := sorted(header.tensors.keys() - shapes.keys()):
        raise Damaged(f"its model has no {legible(foreign[0])[:60]}")
    size = len(header.content) + sum(_bytes_of(name, shape, header.tensors[name]) for name, shape in shapes.items())
    if path.stat().st_size != size:
        raise Damaged(f"it has {path.stat().st_size:,} bytes and should have {size:,}")


def _bytes_of(name: str, shape: tuple[int, ...], facts: Any) -> int:
    """Return the bytes of a tensor that the file describes as it should."""
    dtype, found = (str(facts.get("dtype")), facts.get("shape")) if isinstance(facts, dict) else ("", None)
    if found != list(shape):
        raise Damaged(f"{name} has not the shape of this model")
    if dtype not in (("I64",) if name.endswith(COUNTER) else ("F16", "F32")):
        raise Damaged(f"{name} has not the type of this model")
    return math.prod(shape) * _BYTES[dtype]


def _checksum(path: Path, header: Header) -> str:
    """The SHA-256 of a file as it was before its checksum was filled in."""
    digest = hashlib.sha256(_with_checksum(header.content, str(header.metadata[CHECKSUM_KEY]), _BLANK))
    with path.open("rb") as file:
        file.seek(len(header.content))
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _with_checksum(content: bytes, before: str, after: str) -> bytes:
    field = '"' + CHECKSUM_KEY + '":"{}"'
    return content.replace(field.format(before).encode(errors="replace"), field.format(after).encode(), 1)


def require_weights(tensors: Mapping[str, np.ndarray]) -> None:
    """Look for tensors that no training leaves: with values that are no numbers, or convolutions of zeros alone.

    Raises:
        Damaged: if there are any.
    """
    for name, tensor in tensors.items():
        if name.endswith(COUNTER):
            continue
        if not np.isfinite(tensor).all():
            raise Damaged(f"{name} holds values that are not finite numbers")
        if tensor.ndim == 4 and not tensor.any():
            raise Damaged(f"{name} holds nothing but zeros")


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, object]) -> None:
    """Write a file with JSON metadata and a checksum; an interruption or a power failure leaves the old file as it was."""
    arrays = {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in tensors.items()}
    content = save(arrays, _own_fields(metadata))  # as safetensors.torch would give it, in half the time
    start = 8 + struct.unpack("<Q", content[:8])[0]
    _write(path, content[:start], memoryview(content)[start:])


def copy_with_metadata(source: Path, path: Path, metadata: Mapping[str, object]) -> None:
    """Copy a whole file with other JSON metadata and a checksum anew, as `write_tensors`; tensors stay the same bit for bit."""
    before = read_header(source)
    text = json.dumps({"__metadata__": _own_fields(metadata), **before.tensors}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of eight bytes
    _write(path, struct.pack("<Q", len(text)) + text, memoryview(source.read_bytes())[len(before.content) :])


def _own_fields(metadata: Mapping[str, object]) -> dict[str, str]:
    return {METADATA_KEY: json.dumps(metadata, allow_nan=False), CHECKSUM_KEY: _BLANK}


def _write(path: Path, header: bytes, tensors: memoryview) -> None:
    """Write header and tensors with their checksum, whole or not at all."""
    digest = hashlib.sha256(header)
    digest.update(tensors)
    # save_file would make a file that only its owner may read, whatever the umask
    with atomic_file(path, sync=True) as partial, partial.open("wb") as file:
        file.write(_with_checksum(header, _BLANK, digest.hexdigest()))
        file.write(tensors)
