"""Checkpoints: a trained model in one ``.safetensors`` file, with everything needed to rebuild and judge it."""

from __future__ import annotations

import contextlib
import json
import struct
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from seg_core.checkpoint_metadata import FORMAT_VERSION, METADATA_KEY, CheckpointMetadata
from seg_core.config import Config
from seg_core.data.folders import Pair
from seg_core.errors import InputError
from seg_core.home import SHIPPED_CHECKPOINTS, expanded, home, run_folders
from seg_core.image import Source, read_reduced, scaled
from seg_core.prediction import Prediction
from seg_core.views import in_all_views, in_one_view
from seg_core.whole_file import whole_file

if TYPE_CHECKING:
    import torch

    from seg_core.engine import Engine
    from seg_core.model import Segmenter

SHIPPED = (
    "fine-tune-best-plus",
    "fine-tune-best",
    "trainable-decoder-best",
    "frozen-decoder-best",
    "fine-tune-report",
    "frozen-decoder-report",
    "trainable-decoder-report",
)
"""The checkpoints that ship, as they are offered: the one that saw most photographs first."""

_HEADER_LIMIT = 10_000_000


@dataclass(frozen=True)
class Checkpoint:
    """A trained model, ready to predict on the CPU. Make it with `load_checkpoint`."""

    path: Path
    metadata: CheckpointMetadata
    engine: Engine = field(repr=False)
    tta: bool = False
    """Test-time augmentation: whether probabilities are the mean over the square's eight symmetries, eight times the work."""

    @cached_property
    def config(self) -> Config:
        """The settings it was trained with."""
        return Config(**self.metadata["config"])

    @property
    def label(self) -> str:
        """Its name in the app."""
        return checkpoint_label(self.metadata)

    @property
    def threshold(self) -> float:
        """The probability from which it calls a pixel lesion."""
        return self.config.threshold

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing: it predicts every photograph as it is."""
        return ()

    def missing(self, pairs: Sequence[Pair]) -> list[str]:
        """None of the pairs: it can predict every photograph."""
        return []

    def predict_pair(self, pair: Pair) -> Prediction:
        """Predict the photograph of a pair."""
        return self.predict(pair.image)

    def predict(self, image: Source, name: str = "") -> Prediction:
        """Predict the lesion of one photograph of any size and kind (see `seg_core.image.read_image`).

        Raises:
            InputError: if the photograph cannot be read.
        """
        started, side = time.perf_counter(), self.config.image_size
        photo, size = read_reduced(image, 2 * side, name)  # to be halved at least: JPEG's own halving is too sharp for the models
        probabilities = self.probabilities(np.asarray(scaled(photo, (side, side)))[None])[0]
        return Prediction(probabilities, size, self.threshold, time.perf_counter() - started)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Probabilities (B, S, S) float32 of photographs (B, S, S, 3) uint8 at the network's resolution."""
        return (in_all_views if self.tta else in_one_view)(self.engine, images)


@dataclass(frozen=True)
class CheckpointEntry:
    """A checkpoint that is there to choose; ``iou`` is its validation IoU at network resolution, ``image_size`` pixels a side."""

    path: Path
    label: str
    iou: float | None
    image_size: int
    modified: float


def save_checkpoint(path: Path, model: Segmenter, metadata: Mapping[str, object], *, half: bool = False) -> None:
    """Write a checkpoint whole or not at all; ``half`` stores the weights in fp16, half the size, as those that ship."""
    import torch

    tensors = dict(model.state_dict())
    if half:
        tensors = {name: tensor.half() if tensor.dtype == torch.float32 else tensor for name, tensor in tensors.items()}
    write_tensors(path, tensors, {**metadata, "format": FORMAT_VERSION})


def load_checkpoint(path: str | Path, name: str = "", *, tta: bool = False) -> Checkpoint:
    """Read a checkpoint, ready to predict; an error calls it ``name``, or by its path. Torch is not needed.

    With ``tta`` it predicts with test-time augmentation.

    Raises:
        InputError: if the file is missing, is no checkpoint of LesionLab, is damaged, or comes from a newer version.
    """
    from seg_core.engine import Engine

    path = expanded(path)
    metadata = read_metadata(path, name)
    with damage_named(name or str(path)):
        return Checkpoint(path, metadata, Engine(Config(**metadata["config"]), read_tensors(path)), tta)


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a checkpoint, name to array. Raises safetensors' ``SafetensorError`` if the file is damaged."""
    from safetensors.numpy import load_file

    return dict(load_file(path))


def load_model(path: str | Path) -> Segmenter:
    """Read a checkpoint and rebuild its torch model, in evaluation mode and fp32: to train on, to export, to look into.

    Raises:
        InputError: as `load_checkpoint`.
    """
    from safetensors.torch import load_file

    from seg_core.model import build_model

    path = expanded(path)
    metadata = read_metadata(path)
    with damage_named(str(path)):
        model = build_model(Config(**metadata["config"]), load_encoder_weights=False)
        model.load_state_dict(
            {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in load_file(path).items()}
        )
        return model.eval()


@contextlib.contextmanager
def damage_named(name: str) -> Iterator[None]:
    """Turn what goes wrong while a model is built from a file into an `InputError` that says so of ``name``."""
    from safetensors import SafetensorError

    try:
        yield
    except (SafetensorError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"{name} is damaged or does not fit this version ({type(error).__name__}); copy or train it again."
        ) from error


def read_metadata(path: str | Path, name: str = "") -> CheckpointMetadata:
    """The metadata of a checkpoint, read from the file's header alone; torch is not needed. ``name`` as in `load_checkpoint`.

    Raises:
        InputError: if the file is missing, or is no checkpoint of this version of LesionLab.
    """
    metadata = read_header(path, name)
    if CheckpointMetadata.__required_keys__ - metadata.keys():
        raise _no_checkpoint(name or str(path))
    return cast("CheckpointMetadata", metadata)


def read_header(path: str | Path, name: str = "") -> dict[str, Any]:
    """The JSON object that `write_tensors` wrote. ``name`` and errors as in `read_metadata`."""
    path = expanded(path)
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))  # a safetensors file begins with the length of its JSON header
            header = json.loads(file.read(length)) if length <= _HEADER_LIMIT else {}
        metadata: dict[str, Any] = json.loads(header["__metadata__"][METADATA_KEY])
        newer = metadata["format"] > FORMAT_VERSION
    except OSError as error:
        raise InputError(f"The checkpoint {name or path} cannot be read ({error.strerror}); check the path.") from None
    except (struct.error, ValueError, KeyError, TypeError):
        raise _no_checkpoint(name or str(path)) from None
    if newer:
        raise InputError(f"{name or path} was written by a newer version of LesionLab; update LesionLab to use it.")
    return metadata


def _no_checkpoint(name: str) -> InputError:
    return InputError(f"{name} is no checkpoint of LesionLab; choose a .safetensors file that a run or a download gave.")


def available_checkpoints() -> list[CheckpointEntry]:
    """The checkpoints to choose from: those that ship, the one of most data first, then the best one of every run, newest first.

    Damaged files are passed over, and so are those that are deleted meanwhile.
    """
    files = sorted(SHIPPED_CHECKPOINTS.glob("*.safetensors"))
    shipped = _entries(sorted(files, key=lambda file: SHIPPED.index(file.stem) if file.stem in SHIPPED else len(SHIPPED)))
    trained = _entries(folder / "best.safetensors" for folder in run_folders(home()).values())
    return shipped + sorted(trained, key=lambda entry: -entry.modified)


def checkpoint_label(metadata: CheckpointMetadata) -> str:
    """What the app calls a checkpoint: its name, or its variant and recipe."""
    return str(metadata.get("name") or metadata["label"])


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, object]) -> None:
    """Write a safetensors file with JSON metadata; an interruption leaves the old file as it was."""
    from safetensors.torch import save

    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    content = save(contiguous, {METADATA_KEY: json.dumps(metadata, allow_nan=False)})
    with whole_file(path) as partial:
        partial.write_bytes(content)  # save_file would make a file that nobody else may read, whatever the umask is


def _entries(paths: Iterable[Path]) -> list[CheckpointEntry]:
    entries = []
    for path in paths:
        with contextlib.suppress(InputError, FileNotFoundError, KeyError):
            facts = path.stat()
            entries.append(_entry(path, facts.st_mtime, facts.st_size))
    return entries


@lru_cache(maxsize=16_384)  # more than there are runs: else each look at all of them would read them all again
def _entry(path: Path, modified: float, _size: int) -> CheckpointEntry:
    metadata = read_metadata(path)
    iou = metadata["metrics"].get("val", {}).get("iou")
    return CheckpointEntry(path, checkpoint_label(metadata), iou, metadata["config"]["image_size"], modified)
