"""Logging to TensorBoard: event files in ``tensorboard/`` in the run's folder. The checkpoint lies beside that folder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tensorboardX import SummaryWriter

from seg_core.training.loggers.logger import Begun, Ending, LoggedTraining

_LEFT_OUT = {"process": ("steps", "time", "seconds")}
"""TensorBoard has times of its own, and its numbers are too coarse for these."""


class TensorBoardLogger:
    """Writes event files. Metrics are ``iou/val`` and so on, so that one chart has both splits."""

    def begin(self, training: LoggedTraining, id: str | None) -> Begun:
        folder = training.folder / "tensorboard"
        has_older = training.done and id is None and folder.exists()  # of a version that kept no ids
        # Files are named by the second; without the suffix, a training resumed within that second would overwrite its own.
        self._writer = SummaryWriter(str(folder), filename_suffix=f".{time.time_ns()}", flush_secs=1)
        if training.done == 0:
            rows = "".join(f"| {name} | {value} |\n" for name, value in training.facts.items())
            self._writer.add_text("settings", f"| setting | value |\n| --- | --- |\n{rows}")
        return Begun("tensorboard", f"tensorboard --logdir {folder}", training.done if has_older else None)

    def epoch(self, epoch: int, metrics: Mapping[str, Mapping[str, float]]) -> None:
        for split, values in metrics.items():
            for name, value in values.items():
                if name not in _LEFT_OUT.get(split, ()):
                    self._writer.add_scalar(f"{name}/{split}", value, epoch)
        self._writer.flush()

    def masks(self, epoch: int, picture: np.ndarray) -> None:
        self._writer.add_image("masks", picture, epoch, dataformats="HWC")

    def end(self, status: Ending, epoch: int, checkpoint: Path | None) -> None:
        self._writer.add_text("status", status, epoch)
        self._writer.close()
