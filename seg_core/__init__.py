"""LesionLab's core, usable as a library: data, networks, training, prediction, evaluation, runs, reports, command line.

Each room (subpackage) imports only from those below it, from `cli` at the top over `jobs`, `report`, `runs`, `evaluation`,
`training`, `prediction`, `network` and `data` down to `common`. Begin with `seg_core.config`, the settings of a training, and
`seg_core.training.loop`. The core knows no web framework: the pages in ``pages/`` and the server in ``app.py`` use it.

The names exported here are imported on first use, so that a program that only reads the run store never loads torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seg_core import metrics
    from seg_core.config import Config
    from seg_core.data.dataset import open_dataset
    from seg_core.errors import InputError
    from seg_core.evaluation.evaluate import evaluate
    from seg_core.network import build_model
    from seg_core.prediction.checkpoint import load_checkpoint
    from seg_core.prediction.mask_folder import open_predicted_masks
    from seg_core.training.loop import train

_HOMES = {
    "Config": "config",
    "InputError": "errors",
    "build_model": "network",
    "evaluate": "evaluation.evaluate",
    "load_checkpoint": "prediction.checkpoint",
    "open_dataset": "data.dataset",
    "open_predicted_masks": "prediction.mask_folder",
    "train": "training.loop",
}

__all__ = [
    "Config",
    "InputError",
    "build_model",
    "evaluate",
    "load_checkpoint",
    "metrics",
    "open_dataset",
    "open_predicted_masks",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "metrics":
        return import_module("seg_core.metrics")
    if name in _HOMES:
        return getattr(import_module(f"seg_core.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
