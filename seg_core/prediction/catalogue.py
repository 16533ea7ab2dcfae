"""The checkpoints that are there to choose: those that ship, and the best one of every run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from seg_core.common.home import SHIPPED_CHECKPOINTS, home, run_folders
from seg_core.errors import InputError
from seg_core.prediction.checkpoint_file import checkpoint_label, read_metadata

if TYPE_CHECKING:
    pass


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


@dataclass(frozen=True)
class CheckpointEntry:
    """A checkpoint that is there to choose; ``iou`` is its validation IoU at network resolution, ``image_size`` pixels a side."""

    path: Path
    label: str
    iou: float | None
    image_size: int
    modified: float


def available_checkpoints() -> list[CheckpointEntry]:
    """The checkpoints to choose from: those that ship, the one of most data first, then the best one of every run, newest first.

    Damaged files are passed over, and so are those that are deleted meanwhile.
    """
    files = sorted(SHIPPED_CHECKPOINTS.glob("*.safetensors"))
    shipped = _entries(sorted(files, key=lambda file: SHIPPED.index(file.stem) if file.stem in SHIPPED else len(SHIPPED)))
    trained = _entries(folder / "best.safetensors" for folder in run_folders(home()).values())
    return shipped + sorted(trained, key=lambda entry: -entry.modified)


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
