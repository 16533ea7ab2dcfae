"""The values that the run store returns: runs, metric points, log lines, changes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from seg_core.config import LONGEST_RUN, Config
from seg_core.data.source import Source
from seg_core.runs.address import Address
from seg_core.runs.claim_protocol import RUNNING, owner_in
from seg_core.runs.processes import Owner

if TYPE_CHECKING:
    import numpy as np

Status = Literal["queued", "running", "stopping", "stopped", "finished", "failed", "lost"]
Ending = Literal["finished", "stopped", "failed", "lost"]
Phase = Literal["waiting", "preparing", "training", "validating"]
Level = Literal["info", "warning", "error"]

ACTIVE: tuple[Status, ...] = ("queued", *RUNNING)
"""Something will still happen to it."""
RESUMABLE: tuple[Status, ...] = ("stopped", "failed", "lost")


@dataclass(frozen=True)
class Run:
    """One training as the store knew it when it was read. Times are seconds since 1970 (UTC), durations seconds."""

    id: int
    name: str
    status: Status
    config: Config
    sources: tuple[str, ...]
    """The dataset: absolute folders, or ``("sample",)``."""
    created: float
    queued: float
    """When it last entered the queue."""
    place: int
    """Position in the queue: the lowest goes first."""
    started: float | None
    """When this attempt began; None before."""
    finished: float | None
    seconds_before: float
    """Duration of the earlier attempts of a resumed run."""
    host: str | None
    pid: int | None
    pid_started: float | None
    heartbeat: float | None
    foreground: bool
    """True if a process at a terminal waits for its turn, so that it needs no worker."""
    resume: bool
    phase: Phase
    epoch: int
    """Current epoch, from 1; 0 before the first."""
    batch: int
    """Batches of this epoch done so far; while preparing, photographs done so far."""
    batches: int
    epochs_done: int
    images_per_second: float | None
    eta_seconds: float | None
    best_epoch: int | None
    best_iou: float | None
    """Validation IoU of the best epoch, at network resolution."""
    message: str
    """Current step while active, afterwards one sentence on how it ended; often empty."""
    stop_after_epoch: bool
    """True if it should stop at the end of the current epoch."""
    notes: str
    tags: tuple[str, ...]
    group: int | None
    """Number of its group: that of the first of the runs that were launched together as repeats of one training."""
    config_before: Config | None
    """Settings it was trained with, until the first of the further epochs of a finished run is whole."""
    best_dice: float | None
    """Validation Dice of the best epoch, at network resolution."""
    last_iou: float | None
    """Validation IoU of the last epoch that is done."""
    last_dice: float | None
    archived: bool
    """True if lists leave it out unless they are asked for it."""

    @property
    def key(self) -> str:
        """Its address in links, such as ``3``."""
        return Address(self.id).key

    @property
    def label(self) -> str:
        """Label in lists, such as ``#3 first try``: its number and its name, or its variant if it has no name."""
        return f"#{self.id} {self.name or self.config.label}"

    @property
    def dataset(self) -> str:
        """Name of the dataset, or the names of those that it joins."""
        return ", ".join(_source_name(source) for source in self.sources)

    @property
    def is_active(self) -> bool:
        """True while it is queued, running or stopping, so that its display needs updates."""
        return self.status in ACTIVE

    @property
    def is_running(self) -> bool:
        """True while it is running or stopping: a process works on it."""
        return self.status in RUNNING

    @property
    def can_stop(self) -> bool:
        """True if `RunQueue.stop` would change something."""
        return self.status in ("queued", "running")

    @property
    def can_resume(self) -> bool:
        """True if `RunQueue.resume` accepts it."""
        return self.status in RESUMABLE

    @property
    def can_extend(self) -> bool:
        """True if `RunQueue.extend` accepts it."""
        return self.status == "finished" and self.config.epochs < LONGEST_RUN

    @property
    def can_delete(self) -> bool:
        """True if `RunStore.delete` accepts it."""
        return not self.is_active

    @property
    def progress(self) -> float:
        """Share of its epochs that is done, 0 to 1; while data is prepared, share of the photographs.

        The validation of an epoch counts as done when its training is.
        """
        if self.status == "finished":
            return 1.0
        if self.phase == "preparing" and self.is_running:
            return self.batch / self.batches if self.batches else 0.0
        in_epoch = self.phase in ("training", "validating") and self.epoch > self.epochs_done and self.batches > 0
        return min(1.0, (self.epochs_done + (self.batch / self.batches if in_epoch else 0)) / self.config.epochs)

    @property
    def elapsed(self) -> float:
        """Seconds of work so far, including earlier attempts but not time in the queue."""
        if self.started is None:
            return self.seconds_before
        end = self.finished if self.finished is not None else time.time()
        return self.seconds_before + max(0.0, end - self.started)

    @property
    def owner(self) -> Owner | None:
        """Process that trains it, has reserved it or waits for its turn, or None."""
        return owner_in(self.host, self.pid, self.pid_started)

    def to_json(self) -> dict[str, Any]:
        """Return all fields as plain values for JSON, and what follows from them, such as ``label`` and ``progress``."""
        values = vars(self) | {
            "config": self.config.model_dump(mode="json"),
            "config_before": self.config_before and self.config_before.model_dump(mode="json"),
            "sources": list(self.sources),
            "tags": list(self.tags),
        }
        derived = {
            "label": self.label,
            "variant_label": self.config.label,
            "dataset": self.dataset,
            "progress": self.progress,
            "elapsed": self.elapsed,
        }
        return values | derived | {"is_active": self.is_active, "can_stop": self.can_stop, "can_resume": self.can_resume}


@dataclass(frozen=True)
class MetricPoint:
    """One value of one epoch. Ids only grow, even when a resumed run writes an epoch again."""

    id: int
    epoch: int
    split: Literal["train", "val", "process"]
    """``process`` is how an epoch went (`seg_core.training.events.EpochDone`); it is of no photographs."""
    name: str
    value: float


@dataclass(frozen=True)
class LogLine:
    """One line of a run's log; ``time`` in seconds since 1970."""

    id: int
    time: float
    level: Level
    text: str


@dataclass(frozen=True)
class Changed:
    """A run that has changed, with the ids of its newest metric point and log line; 0 where it has none."""

    run: Run
    last_point: int
    last_line: int


@dataclass(frozen=True)
class Changes:
    """Changes since a stamp: the runs that changed, the latest last, and those that were deleted."""

    stamp: int
    """Stamp to ask with next time."""
    since: int
    """Stamp that these changes follow: the one asked with, or 0 if that is not of this database."""
    changed: list[Changed]
    deleted: list[int]
    queue: list[int]
    """Ids of all queued runs, the next one first."""
    event: str
    """The id of an event after which `seg_core.runs.news` tells all that these changes do not."""


@dataclass(frozen=True)
class BatchLosses:
    """Training loss of the batches of an epoch done so far, (B,) float32, of ``batches`` in all."""

    epoch: int
    batches: int
    losses: np.ndarray


@lru_cache(maxsize=1024)
def _source_name(source: str) -> str:
    return Source.parse(source).name


def run_folder(home: Path, run_id: int) -> Path:
    """Folder of a run in the home folder."""
    return home / f"{run_id:04d}"
