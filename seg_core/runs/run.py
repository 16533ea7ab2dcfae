"""What the store hands out: a run, a metric point, a line of a run's log."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from seg_core.config import LONGEST_RUN, Config
from seg_core.runs.address import Address
from seg_core.runs.processes import Owner

if TYPE_CHECKING:
    import numpy as np

Status = Literal["queued", "running", "stopping", "stopped", "finished", "failed", "lost"]
Ending = Literal["finished", "stopped", "failed"]
Phase = Literal["waiting", "preparing", "training", "validating"]
Level = Literal["info", "warning", "error"]

RUNNING: tuple[Status, ...] = ("running", "stopping")
"""A process works on it. At most as many runs as there are slots are in these states."""
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
    """When it was last put into the queue."""
    place: int
    """Where it stands in the queue: the lowest goes first."""
    started: float | None
    """When this attempt began; None before."""
    finished: float | None
    seconds_before: float
    """How long earlier attempts of a resumed run took."""
    host: str | None
    pid: int | None
    pid_started: float | None
    heartbeat: float | None
    foreground: bool
    """A process waits for it at a terminal, and no worker is to be started for it."""
    resume: bool
    phase: Phase
    epoch: int
    """The epoch at work, from 1; 0 before the first."""
    batch: int
    """Batches of this epoch that are done; while preparing, photographs that are."""
    batches: int
    epochs_done: int
    images_per_second: float | None
    eta_seconds: float | None
    best_epoch: int | None
    best_iou: float | None
    """Validation IoU of the best epoch, at network resolution."""
    message: str
    """What it does at the moment while active, afterwards one sentence on how it ended; often empty."""
    stop_after_epoch: bool
    """Whether it is to stop when the epoch at work is done."""
    notes: str
    tags: tuple[str, ...]
    group: int | None
    """The number of its group: that of the first run of those that were launched together to be repeats of one training."""
    config_before: Config | None
    """What it was trained by, while it is finished but waits to train more epochs."""

    @property
    def key(self) -> str:
        """Its address in links, such as ``3``."""
        return Address(self.id).key

    @property
    def label(self) -> str:
        """How lists show it, such as ``#3 first try``: its number and its name, or its variant when it has no name."""
        return f"#{self.id} {self.name or self.config.label}"

    @property
    def is_active(self) -> bool:
        """Queued, running or stopping: whoever shows it should look again."""
        return self.status in ACTIVE

    @property
    def is_running(self) -> bool:
        """Running or stopping: a process works on it."""
        return self.status in RUNNING

    @property
    def can_stop(self) -> bool:
        """Whether `RunStore.request_stop` would change something."""
        return self.status in ("queued", "running")

    @property
    def can_resume(self) -> bool:
        """Whether `RunStore.requeue` takes it."""
        return self.status in RESUMABLE

    @property
    def can_extend(self) -> bool:
        """Whether `RunStore.extend` takes it."""
        return self.status == "finished" and self.config.epochs < LONGEST_RUN

    @property
    def can_delete(self) -> bool:
        """Whether `RunStore.delete` takes it."""
        return not self.is_active

    @property
    def progress(self) -> float:
        """Share of its epochs that is done, 0 to 1; while data is made ready, share of that.

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
        """Seconds of work so far, earlier attempts included, waiting in the queue not."""
        if self.started is None:
            return self.seconds_before
        end = self.finished if self.finished is not None else time.time()
        return self.seconds_before + max(0.0, end - self.started)

    @property
    def owner(self) -> Owner | None:
        """The process that works on it or waits for its turn, or None."""
        if self.host is None or self.pid is None or self.pid_started is None:
            return None
        return Owner(self.host, self.pid, self.pid_started)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain values for JSON, with ``label``, ``variant_label``, ``progress`` and ``elapsed``."""
        values = vars(self) | {
            "config": self.config.model_dump(mode="json"),
            "config_before": self.config_before and self.config_before.model_dump(mode="json"),
            "sources": list(self.sources),
            "tags": list(self.tags),
        }
        derived = {"label": self.label, "variant_label": self.config.label, "progress": self.progress, "elapsed": self.elapsed}
        return values | derived | {"is_active": self.is_active, "can_stop": self.can_stop, "can_resume": self.can_resume}


@dataclass(frozen=True)
class MetricPoint:
    """One value of one epoch. Ids only grow, also when a resumed run writes an epoch again."""

    id: int
    epoch: int
    split: Literal["train", "val"]
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
    """What has happened to the runs since a stamp: those that changed, the latest last, and those that were deleted."""

    stamp: int
    """To ask with the next time."""
    since: int
    """What these are the changes since: the stamp that was asked with, or 0 where it was none of this database's."""
    changed: list[Changed]
    deleted: list[int]
    line: list[int]
    """All queued runs, the next one first."""


@dataclass(frozen=True)
class BatchLosses:
    """The training loss of the batches of an epoch that are done, (B,) float32, of ``batches`` in all."""

    epoch: int
    batches: int
    losses: np.ndarray
