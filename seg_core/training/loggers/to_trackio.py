"""Logging to Trackio: its folder (``TRACKIO_DIR``), or the server or Space that its environment variables name."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np

from seg_core.training.loggers.logger import PROJECT, Begun, Ending, LoggedTraining, flat

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # Trackio imports huggingface_hub, which reads it then

import trackio
from trackio.sqlite_storage import SQLiteStorage

_PROJECT = PROJECT.lower()


class TrackioLogger:
    """Logs to a run of Trackio, which finds runs again by their names. Trackio prints to stdout, where results belong."""

    def begin(self, training: LoggedTraining, id: str | None) -> Begun:
        name = id or f"{training.name} {uuid.uuid4().hex[:6]}"
        with redirect_stdout(sys.stderr):
            self._run = trackio.init(
                project=_PROJECT,
                name=name,
                config={**training.facts},
                resume="allow",
                embed=False,
                auto_log_cpu=False,
                auto_log_gpu=False,
            )
        self._is_local = self._run.url is None
        place = f"trackio show --project {_PROJECT}" if self._is_local else str(self._run.url)
        return Begun(name, f"{place}, run {name}", self._last_epoch() if self._is_local else None)

    def epoch(self, epoch: int, metrics: Mapping[str, Mapping[str, float]]) -> None:
        self._run.log(flat(metrics), step=epoch)

    def masks(self, epoch: int, picture: np.ndarray) -> None:
        self._run.log({"masks": trackio.Image(picture)}, step=epoch)

    def end(self, status: Ending, epoch: int, checkpoint: Path | None) -> None:
        self._run.log({"status": status}, step=epoch)
        if checkpoint:
            artifact = trackio.Artifact(f"model-{self._run.id}", "model")
            artifact.add_file(str(checkpoint))
            self._run.log_artifact(artifact, aliases=["best"])
        with redirect_stdout(sys.stderr):
            self._run.finish()  # type: ignore[no-untyped-call]
        if self._is_local and (held := self._last_epoch()) < epoch:  # Trackio only warns of what it could not write
            raise RuntimeError(f"its database holds {held} of {epoch} epochs")

    def _last_epoch(self) -> int:
        return SQLiteStorage.get_max_step_for_run(_PROJECT, self._run.name, run_id=self._run.id) or 0
