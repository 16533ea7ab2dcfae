"""Trainings that begin from a checkpoint: their settings, and whether its weights fit. Loads no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seg_core.config import Config
from seg_core.data.source import clean_path
from seg_core.errors import InputError
from seg_core.prediction.checkpoint_file import checkpoint_digest, read_metadata
from seg_core.prediction.metadata import Beginning, CheckpointMetadata, checkpoint_label

LOW_RATE = 0.1
"""Share of a model's learning rate at which it is trained on: at the whole one it would forget what it knows."""
EPOCHS = 20
"""Epochs for which a model is trained on."""
BEFORE_SHARE = 0.5
"""Share that a model has in what becomes of it when it is trained on (WiSE-FT; Wortsman et al., 2022)."""
_OF_ITS_RUN = (
    "begin_from",
    "before_share",
    "keep",
    "schedule_from",
    "folds",
    "fold",
    "groups",
    "device",
    "devices",
    "precision",
    "log",
    "skip_problems",
)
"""Settings that belong to one run, its data and its machine, and not to the model."""


def settings_of(checkpoint: str | Path, *, anew: bool = False, **settings: Any) -> Config:
    """Return the settings with which to train a model on, at `LOW_RATE` of its learning rate for `EPOCHS` epochs.

    The last epoch is kept, since which one is best on few validation photographs is chance.

    Args:
        checkpoint: the model, whose other settings stay.
        anew: begin from initial weights instead, at its own rate and for its own number of epochs.
        settings: replace others; ``None`` keeps a value.

    Raises:
        InputError: if the checkpoint cannot be read, or a setting is not valid.
    """
    own = dict(read_metadata(checkpoint)["config"])
    recipe = str(own.pop("recipe"))
    kept = {name: value for name, value in own.items() if name not in _OF_ITS_RUN}
    if own["begin_from"]:  # it was trained on itself, so its rate is low already, and its epochs are few
        kept = {name: value for name, value in kept.items() if name not in ("learning_rate", "epochs")}
    rate = kept.get("learning_rate", Config.of(recipe).learning_rate)
    on: dict[str, Any] = {"keep": "last"}  # few photographs validate
    if not anew:
        on |= {
            "begin_from": clean_path(checkpoint),
            "learning_rate": LOW_RATE * rate,
            "epochs": EPOCHS,
            "before_share": BEFORE_SHARE,
        }
    given = {name: value for name, value in settings.items() if value is not None}
    return Config.of(recipe, **kept | on | given)


def place_of_beginning(config: Config) -> str:
    """Return the absolute path of the checkpoint that a training begins from, once it fits; empty if it begins from none.

    Raises:
        InputError: as `beginning`.
    """
    return clean_path(config.begin_from) if beginning(config) else ""


def beginning(config: Config) -> Beginning | None:
    """Return which model a training begins from; None if it begins from initial weights.

    Raises:
        InputError: if its checkpoint cannot be read, or has another decoder.
    """
    if not config.begin_from.strip():
        return None
    metadata = read_metadata(path := clean_path(config.begin_from))
    _require_fit(config, metadata, path)
    return {"name": checkpoint_label(metadata), "digest": checkpoint_digest(path)}


def _require_fit(config: Config, metadata: CheckpointMetadata, path: str) -> None:
    """Weights fit a photograph of any size and every variant, but no other decoder."""
    own = metadata["config"]["decoder"]
    if own != config.decoder:
        raise InputError(
            f"A training with the decoder {config.decoder} cannot begin from {path}, which has the decoder {own}; "
            f"choose the decoder {own}, or another checkpoint."
        )
