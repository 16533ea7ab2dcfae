"""Trained models on the pages: their names, the choice of them, and the few that are loaded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pages.shared.stores import store
from seg_core.errors import InputError
from seg_core.prediction.catalogue import CheckpointEntry, available_checkpoints, unusable_models
from seg_core.prediction.foreign import load_any
from seg_core.runs.address import Address, short_key

if TYPE_CHECKING:
    from seg_core.prediction.checkpoint import Checkpoint
    from seg_core.prediction.foreign import ForeignModel
    from seg_core.runs.run import Run

MOST_COMPARED = 40
"""Models or groups that Compare sets beside each other; from the thirteenth on, colours are used again."""

Key = tuple[str, float]
"""One version of a checkpoint file: its path and when it was written. A run that improves writes a new version."""


def model_name(entry: CheckpointEntry) -> str:
    """Return the name of a model wherever one is chosen: ``Model 2 · fine-tuned`` or ``Model 2 · fine-tuned, run 3``."""
    run_id = _run_id(entry.path)
    try:
        run = None if run_id is None else store().get_run(run_id)
    except InputError:
        run = None
    return _name(entry, run)


def model_names(entries: Sequence[CheckpointEntry]) -> dict[Path, str]:
    """Return the names of many models, as `model_name` does, by path; the store is read once."""
    runs = {run.id: run for run in store().list_runs()}
    return {entry.path: _name(entry, runs.get(_run_id(entry.path) or 0)) for entry in entries}


def _name(entry: CheckpointEntry, run: Run | None) -> str:
    run_id = _run_id(entry.path)
    if run_id is None:
        return entry.label
    if run is None:
        return f"{entry.label}, run {run_id}"
    # The run may have been renamed since the checkpoint was written.
    return f"{run.name or f'{run.config.label} ({run.config.recipe})'}, run {run_id}"


def short_name(entry: CheckpointEntry) -> str:
    """Return the name of a model in links: ``fine-tune-best`` for a file that ships, ``3`` for the best model of run 3."""
    return _short(entry.path)


def _short(path: Path) -> str:
    run_id = _run_id(path)
    return path.stem if run_id is None else Address(run_id).key


def choices() -> list[tuple[str, str]]:
    """Return (name with a limit of use, validation IoU and its resolution, path) of every model, those that ship first."""
    entries = available_checkpoints()
    names = model_names(entries)
    return [(names[entry.path] + _facts(entry), str(entry.path)) for entry in entries]


def _facts(entry: CheckpointEntry) -> str:
    sources = f" on {entry.sources} sources" if entry.sources > 1 else ""  # it is not to be set beside that on one
    scored = "" if entry.iou is None else f" · val IoU {entry.iou:.2f}{sources} at {entry.image_size} px"
    return f" · non-commercial{scored}" if entry.is_non_commercial else scored


def default_pair() -> tuple[str | None, str | None]:
    """Return the paths of the two models to begin with: Model 2 against Model 1, else the first two, or one and None."""
    entries = available_checkpoints()
    firsts = {entry.variant: entry for entry in reversed(entries)}
    wanted = [firsts[variant] for variant in ("fine-tune", "trainable-decoder") if variant in firsts]
    first, second, *_ = [str(entry.path) for entry in dict.fromkeys([*wanted, *entries])] + [None, None]
    return first, second


def find_model(name: str) -> CheckpointEntry:
    """Return the model that has a name as by `model_name`, a short name (``fine-tune-best``, ``3``, ``run 3``), or a listed path.

    Raises:
        InputError: if there is no such model, it cannot be used, or there is none at all.
    """
    entries = available_checkpoints()
    names = model_names(entries)
    for entry in entries:
        if name in (names[entry.path], str(entry.path)) or short_key(name) == short_name(entry):
            return entry
    for path, why in unusable_models().items():
        if short_key(name) == _short(path):
            raise InputError(why)
    if not entries:
        raise InputError("There is no trained model yet; train one first.")
    raise InputError(f"There is no model {name!r}; choose one of: {'; '.join(names.values())}.")


def model_at(path: str) -> CheckpointEntry:
    """Return the model at a path, one of those that `choices` gives.

    A request may name any file of this machine; a file that is not listed is not touched, so nobody learns whether it exists.

    Raises:
        InputError: if there is no such model, or it cannot be used.
    """
    for entry in available_checkpoints():
        if str(entry.path) == path:
            return entry
    for file, why in unusable_models().items():
        if str(file) == path:
            raise InputError(why)
    raise InputError("This model is no longer there; choose another.")


def file_key(entry: CheckpointEntry) -> Key:
    """Return what tells one version of a checkpoint file from the next."""
    return str(entry.path), entry.modified


class LoadedModels:
    """The most recently used models, at most ``capacity``, ready to predict. Thread-safe."""

    def __init__(self, capacity: int = 4) -> None:
        self.capacity = capacity
        self._loaded: OrderedDict[Key, Checkpoint | ForeignModel] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, entry: CheckpointEntry, *, tta: bool = False) -> Checkpoint | ForeignModel:
        """Return a model, loaded if it is not yet; the least recently used one makes room.

        Raises:
            InputError: if its file cannot be loaded; a visitor learns the model's name, not where the file lies.
        """
        key = file_key(entry)
        # Held while loading, so that two visitors do not load the same model twice.
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = load_any(entry.path, name=model_name(entry))
            self._loaded.move_to_end(key)
            while len(self._loaded) > self.capacity:
                self._loaded.popitem(last=False)
            loaded = self._loaded[key]
        return replace(loaded, tta=True) if tta else loaded


def _run_id(path: Path) -> int | None:
    folder = path.parent.name
    return int(folder) if folder.isdecimal() else None


def path_key(model: Path) -> str:
    """Return the name from which the colour of a model's file follows: a run's number, a checkpoint's name, or the path."""
    of_run = model.suffix == ".safetensors" and model.parent.name.isdecimal()
    return model.parent.name if of_run else model.stem if model.suffix == ".safetensors" else str(model)
