"""A model of a comparison: a checkpoint, a folder of masks, or a group of runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pages.shared.models import path_key
from pages.shared.stores import store
from seg_core.data.dataset import SplitChoice
from seg_core.runs.groups import Group

Model = Path | Group
"""A checkpoint or a folder of masks, or a group of runs."""


def members_of(model: Model, split: SplitChoice) -> list[tuple[Path, SplitChoice]]:
    """Return the checkpoints or the folder of masks that a model consists of, each with the split that it is scored on.

    Each run of a group has its own validation and training split, drawn by its seed or fold, and is scored on that.
    """
    if isinstance(model, Path):
        return [(model, split)]
    members = [(store().folder(run.id) / "best.safetensors", run.config.split_spec) for run in model.runs]
    return [(path, replace(split, spec=spec) if split.is_drawn else split) for path, spec in members]


def colour_key(model: Model) -> str:
    """Return the name from which a model's colour follows: that of a run is the same on every page."""
    return model.key if isinstance(model, Group) else path_key(model)
