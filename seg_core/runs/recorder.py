"""Recording a training: from its events to the store and the run's folder."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from seg_core.config import STATISTICS_BATCHES, Config, Variant
from seg_core.runs.epoch_masks import has_masks, save_masks
from seg_core.runs.progress import RunProgress
from seg_core.runs.resources import Resources
from seg_core.runs.run import BatchLosses, Level, Run
from seg_core.training.events import BatchDone, EpochDone, Event, Message, Preparing, Restored, Stop

WRITE_EVERY = 1.0
"""Seconds between two writes of the progress: each is drawn in every page that is open, on the cores that train."""


STATISTICS_SHARE: dict[Variant, float] = {"fine-tune": 0.4, "trainable-decoder": 0.65, "frozen-decoder": 0.5}
"""Time of a batch from which averaged weights take their statistics, as a share of a training step's: there is no way back."""


class Stopped(Stop):
    """The run stops where the training loop does not look for a stop itself: while data is prepared, or between two epochs."""


class Recorder:
    """Records a training's events. ``say`` also gets each line of the log, to show at a terminal."""

    def __init__(
        self, progress: RunProgress, run: Run, folder: Path, should_stop: Callable[[], bool], say: Callable[[str], None]
    ) -> None:
        self._progress, self._run, self._folder, self._should_stop, self._say = progress, run, folder, should_stop, say
        self._written = float("-inf")
        self._preparing_what = ""
        self._epoch, self._epoch_began, self._first_share = 0, 0.0, 0.0
        self._seconds: deque[float] = deque(maxlen=5)
        self._batches = 1
        self._losses: list[float] = []
        self._resources = Resources()

    def __call__(self, event: Event) -> None:
        """Record one event.

        Raises:
            Stopped: if the run should stop while data is prepared, or after the epoch that has just ended.
        """
        match event:
            case Message():
                self.note(event.text, event.level)
            case Preparing():
                self._preparing(event)
            case BatchDone():
                self._batch_done(event)
            case EpochDone():
                self._epoch_done(event)
            case Restored():
                if not has_masks(self._folder, event.epoch):
                    save_masks(self._folder, event.epoch, event.samples())

    def note(self, text: str, level: Level = "info") -> None:
        """Add a line to the log."""
        self._progress.log(self._run.id, text, level)
        self._say(text)

    def _preparing(self, event: Preparing) -> None:
        if event.what != self._preparing_what:
            self._preparing_what = event.what
            self._say(f"Preparing {event.total} {event.what}")
        if self._is_time() or event.done == event.total:
            message = f"Preparing {event.what}: {event.done} of {event.total}"
            self._progress.update(self._run.id, phase="preparing", batch=event.done, batches=event.total, message=message)
        if self._should_stop():
            raise Stopped("Stopped before the training began.")

    def _batch_done(self, event: BatchDone) -> None:
        if event.epoch != self._epoch:
            # The clock runs from the first batch's end; how long that batch took is not known.
            self._epoch, self._epoch_began, self._first_share = event.epoch, time.monotonic(), event.batch / event.batches
            self._losses.clear()
        self._losses.append(event.loss)
        self._batches = event.batches
        validating = event.batch == event.batches
        if self._is_time() or validating:
            self._resources.look()
            self._progress.update(
                self._run.id,
                losses=BatchLosses(event.epoch, event.batches, np.array(self._losses, np.float32)),
                phase="validating" if validating else "training",
                epoch=event.epoch,
                epochs_done=event.epoch - 1,
                batch=event.batch,
                batches=event.batches,
                images_per_second=event.images_per_second,
                eta_seconds=self._eta(event.epoch, event.batch / event.batches),
                message="",
            )

    def _epoch_done(self, event: EpochDone) -> None:
        self._seconds.append(event.seconds / self._work(event.epoch))
        self._epoch = 0
        line = epoch_line(event.epoch, self._run.config, event.train, event.val, event.is_best)
        line += f" {event.images_per_second:.0f} photographs per second."
        save_masks(self._folder, event.epoch, event.samples)  # before the metrics: their readers expect the pictures
        self._progress.add_epoch(
            self._run.id,
            event.epoch,
            event.train,
            event.val,
            process=event.process | self._resources.values(),
            is_best=event.is_best,
            line=line,
            images_per_second=event.images_per_second,
            eta_seconds=self._eta(event.epoch + 1, 0),
        )
        self._say(line)
        if event.epoch < self._run.config.epochs and self._progress.should_stop_after_epoch(self._run.id):
            raise Stopped(f"Stopped after epoch {event.epoch}, as asked; it can be resumed.")

    def _eta(self, epoch: int, share: float) -> float | None:
        """Seconds left when ``share`` of the batches of ``epoch`` are done, from the last epochs, or from this one so far."""
        spent = time.monotonic() - self._epoch_began if self._epoch else 0.0
        work = sum(map(self._work, range(epoch, self._run.config.epochs + 1)))
        if self._seconds:
            per_epoch = median(self._seconds)  # the first one also fills the cache
            return max(0.0, per_epoch * work - min(spent, per_epoch))
        if share > self._first_share:
            return spent / (share - self._first_share) * (work - share)
        return None

    def _work(self, epoch: int) -> float:
        """How long an epoch takes, as a multiple of one that is not averaged."""
        if epoch < self._run.config.averaged_from:
            return 1.0
        return 1 + STATISTICS_SHARE[self._run.config.variant] * min(STATISTICS_BATCHES, self._batches) / self._batches

    def _is_time(self) -> bool:
        now = time.monotonic()
        if now - self._written < WRITE_EVERY:
            return False
        self._written = now
        return True


def epoch_line(epoch: int, config: Config, train: dict[str, float], val: dict[str, float], is_best: bool) -> str:
    """Log line on an epoch."""
    best = " (the best so far)" if is_best and config.keep == "best" else ""
    return (
        f"Epoch {epoch} of {config.epochs}: training loss {train['loss']:.4f}; validation loss {val['loss']:.4f}, "
        f"IoU {val['iou']:.4f}, Dice {val['dice']:.4f}{best}."
    )
