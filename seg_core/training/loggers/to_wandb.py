"""Logging to Weights & Biases: its server where there is a key, else files in the run's folder, to be sent by ``wandb sync``."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from seg_core.training.loggers.logger import PROJECT, Begun, Ending, LoggedTraining, flat
from seg_core.training.loggers.wandb_files import last_epoch

os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # W&B reads it when it is imported: errors would be sent to its makers

import wandb
from wandb.sdk.lib.wbauth import read_netrc_auth

_QUIET: dict[str, Any] = {
    "console": "off",  # what is printed is in the run's log
    "disable_code": True,
    "disable_git": True,
    "disable_job_creation": True,
    "init_timeout": float(os.environ.get("WANDB_INIT_TIMEOUT", 30)),  # before the end of a short training
    "silent": True,
    "x_disable_meta": True,  # names of the machine, the user and folders
    "x_disable_stats": True,
    "x_save_requirements": False,
}


class WandbLogger:
    """Logs to a run of W&B, whose id stays when a training is resumed. Its offline files of each attempt are synced in turn."""

    def begin(self, training: LoggedTraining, id: str | None) -> Begun:
        mode = _mode()
        self._is_offline = mode == "offline"
        folder = os.environ.get("WANDB_DIR") or str(training.folder)
        known = last_epoch(Path(folder), id) if id and self._is_offline else None
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT.lower(),
            id=id or uuid.uuid4().hex[:12],
            name=training.name,
            config={**training.facts},
            dir=folder,
            mode=mode,
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(**_QUIET),
        )
        place = f"wandb sync {Path(self._run.dir).parent}" if self._is_offline else self._run.url or mode
        return Begun(self._run.id, place, known)

    def epoch(self, epoch: int, metrics: Mapping[str, Mapping[str, float]]) -> None:
        self._run.log(flat(metrics), step=epoch)

    def masks(self, epoch: int, picture: np.ndarray) -> None:
        self._run.log({"masks": wandb.Image(picture)}, step=epoch)

    def end(self, status: Ending, epoch: int, checkpoint: Path | None) -> None:
        self._run.summary["status"] = status
        if checkpoint:
            artifact = wandb.Artifact(f"model-{self._run.id}", "model")
            # What is synced later has to be a copy: the run may be continued before, and its best model another one.
            artifact.add_file(str(checkpoint), policy="mutable" if self._is_offline else "immutable")
            self._run.log_artifact(artifact, aliases=["best"])
        self._run.finish(exit_code=1 if status == "failed" else 0)


def _mode() -> Literal["online", "offline", "disabled", "shared"]:
    """Return the mode that the environment asks for, else online with a key and offline without.

    Raises:
        RuntimeError: if it is to be online without a key, for which W&B would ask at the terminal.
    """
    asked = os.environ.get("WANDB_MODE", "").lower()
    if asked in ("offline", "disabled"):
        return "offline" if asked == "offline" else "disabled"
    if _has_key():
        return "shared" if asked == "shared" else "online"
    if asked:
        raise RuntimeError(f"WANDB_MODE is {asked}, and there is no key; set WANDB_API_KEY, or run: wandb login.")
    return "offline"


def _has_key() -> bool:
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    return read_netrc_auth(host=os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai") is not None
