"""The trained models that a page can use: those there are to choose, and the few that are loaded."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pages.shared.stores import store
from seg_core.errors import InputError
from seg_core.prediction.catalogue import CheckpointEntry, available_checkpoints
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.runs.address import Address, short_key

if TYPE_CHECKING:
    from seg_core.prediction.checkpoint import Checkpoint
    from seg_core.runs.run import Run

MOST_COMPARED = 3
"""Models or groups that Compare takes at a time."""

Key = tuple[str, float]
"""One state of a checkpoint's file: its path and when it was written. A run that improves makes a new one."""


def model_name(entry: CheckpointEntry) -> str:
    """What a model is called wherever it is chosen, such as ``Model 2 · fine-tuned`` or ``Model 2 · fine-tuned, run 3``."""
    run_id = _run_id(entry)
    try:
        run = None if run_id is None else store().get_run(run_id)
    except InputError:
        run = None
    return _called(entry, run)


def model_names(entries: Sequence[CheckpointEntry]) -> dict[Path, str]:
    """What each of many models is called, as in `model_name`, by its path; the store is asked once for all."""
    runs = {run.id: run for run in store().list_runs()}
    return {entry.path: _called(entry, runs.get(_run_id(entry) or 0)) for entry in entries}


def _called(entry: CheckpointEntry, run: Run | None) -> str:
    run_id = _run_id(entry)
    if run_id is None:
        return entry.label
    if run is None:
        return f"{entry.label}, run {run_id}"
    # The run may have been renamed since the checkpoint was written.
    return f"{run.name or f'{run.config.label} ({run.config.recipe})'}, run {run_id}"


def short_name(entry: CheckpointEntry) -> str:
    """What a link calls a model: ``fine-tune-best`` for a file that ships, ``3`` for the best model of run 3."""
    run_id = _run_id(entry)
    return entry.path.stem if run_id is None else Address(run_id).key


def choices() -> list[tuple[str, str]]:
    """Name with validation IoU and the resolution it is of, and path, of every model there is, those that ship first."""
    entries = available_checkpoints()
    names = model_names(entries)
    return [(names[entry.path] + _scored(entry), str(entry.path)) for entry in entries]


def _scored(entry: CheckpointEntry) -> str:
    return "" if entry.iou is None else f" · val IoU {entry.iou:.2f} at {entry.image_size} px"


def default_pair(paths: list[str]) -> tuple[str | None, str | None]:
    """The two models to begin with: the first two, or one and none."""
    first, second, *_ = [*paths, None, None]
    return first, second


def find_model(name: str) -> CheckpointEntry:
    """Find a model by its name as in `model_name`, a shipped file's stem, a run (``3`` or ``run 3``), or a listed path.

    Raises:
        InputError: if there is none of that name, or none at all.
    """
    entries = available_checkpoints()
    names = model_names(entries)
    for entry in entries:
        if name in (names[entry.path], str(entry.path)) or short_key(name) == short_name(entry):
            return entry
    if not entries:
        raise InputError("There is no trained model yet; train one first.")
    raise InputError(f"There is no model {name!r}; choose one of: {'; '.join(names.values())}.")


def model_at(path: str) -> CheckpointEntry:
    """The model of a path, one of those that `choices` gives.

    A request may name any file of this machine; what is not listed is not touched, so nobody learns whether it is there.

    Raises:
        InputError: if there is no such model.
    """
    for entry in available_checkpoints():
        if str(entry.path) == path:
            return entry
    raise InputError("This model is no longer there; choose another.")


def file_key(entry: CheckpointEntry) -> Key:
    """What tells one state of a checkpoint's file from the next."""
    return str(entry.path), entry.modified


def slug(name: str) -> str:
    """A model's name as part of a file name: ``model-2-fine-tuned-run-3``."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "model"


class LoadedModels:
    """The models used last, at most ``capacity``, ready to predict. Safe to use from several threads."""

    def __init__(self, capacity: int = 4) -> None:
        self.capacity = capacity
        self._loaded: OrderedDict[Key, Checkpoint] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, entry: CheckpointEntry, *, tta: bool = False) -> Checkpoint:
        """A model, loaded when it is not yet; the one that was not used for longest makes room.

        Raises:
            InputError: if its file cannot be loaded; a visitor learns the model's name, not where the file lies.
        """
        key = file_key(entry)
        # Held while loading, so that two visitors who want the same model do not load it twice.
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = load_checkpoint(entry.path, name=model_name(entry))
            self._loaded.move_to_end(key)
            while len(self._loaded) > self.capacity:
                self._loaded.popitem(last=False)
            loaded = self._loaded[key]
        return replace(loaded, tta=True) if tta else loaded


def _run_id(entry: CheckpointEntry) -> int | None:
    folder = entry.path.parent.name
    return int(folder) if folder.isdecimal() else None
