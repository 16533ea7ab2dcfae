"""The models available to choose from: those that ship, the best one of every run, and those that were added."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from seg_core.common.home import SHIPPED_CHECKPOINTS, home, run_folders
from seg_core.common.text import slug
from seg_core.errors import InputError
from seg_core.prediction.checkpoint_file import read_metadata
from seg_core.prediction.foreign_file import read_settings
from seg_core.prediction.licences import licence_of
from seg_core.prediction.metadata import checkpoint_label, own_threshold, source_names

SHIPPED = (
    "fine-tune-best-plus",
    "fine-tune-best",
    "fine-tune-best-plus-cc0",
    "trainable-decoder-best",
    "frozen-decoder-best",
    "fine-tune-report",
    "frozen-decoder-report",
    "trainable-decoder-report",
)
"""The checkpoints that ship, in the order in which they are offered: the one trained on most photographs first."""
LONGEST_NAME = 100
"""Characters of the name of a file that is added, without its ending."""


@dataclass(frozen=True)
class CheckpointEntry:
    """An available checkpoint, or model of another program."""

    path: Path
    label: str
    iou: float | None
    """On validation, at network resolution; None if it was not validated."""
    image_size: int
    """Side of the network's input, in pixels."""
    modified: float
    """Modification time of the file, in seconds since 1970."""
    threshold: float
    """The probability from which it calls a pixel lesion."""
    variant: str = ""
    """Variant of the config; empty for a model of another program."""
    is_non_commercial: bool = False
    """True if its licence allows no commercial use."""
    sources: int = 1
    """Number of datasets whose photographs trained and validated it."""


def available_checkpoints() -> list[CheckpointEntry]:
    """List the models to choose from: those that ship, in the order of `SHIPPED`, the best of every run, then those added.

    The newest come first in the last two. Unusable files are left out (`unusable_models` names them), and so are files that are
    deleted meanwhile.
    """
    shipped, trained, added = (
        [entry for entry in _read(files).values() if isinstance(entry, CheckpointEntry)] for files in _files()
    )
    return shipped + [entry for found in (trained, added) for entry in sorted(found, key=lambda entry: -entry.modified)]


def unusable_models() -> dict[Path, str]:
    """Return a sentence on each file that would be a model and cannot be used; it says no paths of this machine."""
    return {path: entry for files in _files() for path, entry in _read(files).items() if isinstance(entry, str)}


def _files() -> tuple[list[Path], list[Path], list[Path]]:
    """The files of the models that ship, of the runs, and those that were added."""
    shipped = sorted(
        sorted(SHIPPED_CHECKPOINTS.glob("*.safetensors")),
        key=lambda file: SHIPPED.index(file.stem) if file.stem in SHIPPED else len(SHIPPED),
    )
    trained = [folder / "best.safetensors" for _, folder in sorted(run_folders(home()).items())]
    return shipped, trained, added_models()


def models_folder() -> Path:
    """The folder of the models that were added: calibrated ones, and ONNX models of other programs."""
    return home() / "models"


def added_models() -> list[Path]:
    """Return the files of the models that were added, by name."""
    return sorted(file for file in models_folder().glob("*") if file.suffix in (".onnx", ".safetensors"))


def new_model_file(name: str) -> Path:
    """Return the file that adds a checkpoint of this name.

    Raises:
        InputError: if a link could not tell it from another model: one of the same name, or a run or group as ``3`` or ``g1``.
    """
    file = models_folder() / f"{slug(name)[:LONGEST_NAME]}.safetensors"
    taken = {path.stem for files in _files() for path in files}
    if file.stem in taken or re.fullmatch("g?[0-9]+", file.stem):
        raise InputError(f"There is a model {name!r} already; choose another name.")
    return file


def _read(paths: Iterable[Path]) -> dict[Path, CheckpointEntry | str]:
    entries: dict[Path, CheckpointEntry | str] = {}
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            try:
                facts = path.stat()
                entries[path] = _entry(path, facts.st_mtime, facts.st_size)
            except PermissionError:
                entries[path] = f"{_name(path)} cannot be read; check the permissions of its folder."
    return entries


@lru_cache(maxsize=16_384)  # more than there are runs: otherwise each listing would read all of them again
def _entry(path: Path, modified: float, _size: int) -> CheckpointEntry | str:
    """Return the model in a file, or a sentence on why there is none."""
    try:
        if path.suffix == ".onnx":
            settings = read_settings(path)
            return CheckpointEntry(path, settings.label, None, max(settings.width, settings.height), modified, settings.threshold)
        metadata = read_metadata(path, _name(path))
    except InputError as error:
        return str(error)
    iou, config = metadata["metrics"].get("val", {}).get("iou"), metadata["config"]
    iou = None if "calibration" in metadata else iou  # it was validated at another threshold
    licence = licence_of(metadata)
    label, size = checkpoint_label(metadata), config["image_size"]
    threshold = own_threshold(metadata)
    sources = len(source_names(metadata["dataset"]))
    return CheckpointEntry(path, label, iou, size, modified, threshold, config["variant"], licence.is_non_commercial, sources)


def _name(path: Path) -> str:
    """The name of a file without the folders of this machine."""
    folder = path.parent.name
    return f"{path.name} of run {int(folder)}" if folder.isdecimal() else path.name
