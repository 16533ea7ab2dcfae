"""The listener that passes a training's events on to its loggers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Self

from seg_core.config import LoggerName
from seg_core.training.events import EpochDone, Event, Message, OnEvent, Stop
from seg_core.training.history import EpochRecord
from seg_core.training.loggers.kinds import KINDS, make_logger
from seg_core.training.loggers.logger import Ending, LoggedTraining
from seg_core.training.loggers.outlet import Outlet, without_secrets
from seg_core.training.loggers.pictures import has_picture, masks_picture

END_SECONDS = 60.0
"""Seconds that the loggers together have at the end of a training to send what they still hold."""


class Logged:
    """Passes events on to ``on_event``, and to loggers besides: ``with Logged(...) as logged: …; logged.status = "finished"``.

    Args:
        names: the loggers.
        on_event: gets every event, and a message of each logger: where it logs to, and a warning where it cannot.
        training: what begins.
        done: the epochs that an earlier attempt completed; loggers get those that they lack.
    """

    def __init__(
        self, names: Sequence[LoggerName], on_event: OnEvent, training: LoggedTraining, done: Sequence[EpochRecord]
    ) -> None:
        self._names, self._on_event, self._training, self._done = names, on_event, training, done
        self._said: SimpleQueue[Message] = SimpleQueue()
        self._outlets: list[Outlet] = []
        self.status: Ending = "failed"

    def __enter__(self) -> Self:
        for name in self._names:
            title = KINDS[name].title
            try:
                outlet = Outlet(title, name, make_logger(name), self._training, self._said)
            except Exception as error:  # noqa: BLE001 - a package that is there and cannot be imported may raise anything
                why = without_secrets(f"{type(error).__name__}: {error}")[:400]
                self._said.put(Message(f"The training is not logged to {title}: {why}", "warning"))
            else:
                self._outlets.append(outlet)
                outlet.begin(self._done)
        return self

    def __call__(self, event: Event) -> None:
        if isinstance(event, EpochDone) and self._outlets:
            metrics = {"train": event.train, "val": event.val, "process": event.process}
            drawn = bool(event.samples) and has_picture(event.epoch, int(self._training.settings["epochs"]))
            picture = masks_picture(event.samples) if drawn else None
            for outlet in self._outlets:
                outlet.epoch(event.epoch, metrics, picture)
        self._tell()
        self._on_event(event)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind and issubclass(kind, Stop | KeyboardInterrupt):
            self.status = "stopped"
        best: Path = self._training.folder / "best.safetensors"
        for outlet in self._outlets:
            outlet.end(self.status, best if best.exists() else None)
        until = time.monotonic() + END_SECONDS
        for outlet in self._outlets:
            outlet.wait(max(0.0, until - time.monotonic()))
        self._tell()

    def _tell(self) -> None:
        while not self._said.empty():
            self._on_event(self._said.get())
