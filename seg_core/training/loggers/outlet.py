"""One logger on a thread of its own, with what it knows of the run between attempts."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

import numpy as np

from seg_core.common.atomic_file import atomic_file
from seg_core.training.events import Message
from seg_core.training.history import EpochRecord
from seg_core.training.loggers.logger import Begun, Ending, LoggedTraining, Logger

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD", re.IGNORECASE)


class Outlet:
    """Passes what is logged on to a logger, in order, and remembers in the run's folder which run of the logger it is.

    The first error ends it, with a warning in ``said``.
    """

    def __init__(self, title: str, name: str, logger: Logger, training: LoggedTraining, said: SimpleQueue[Message]) -> None:
        self._title, self._logger, self._training, self._said = title, logger, training, said
        self._file = training.folder / "loggers" / f"{name}.json"
        self._id, self._epoch = "", 0
        self._waiting: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"log to {name}", daemon=True)

    def begin(self, done: Sequence[EpochRecord]) -> None:
        """Begin, and log what the logger lacks of the epochs that are done."""
        self._waiting.put(lambda: self._begin(done))
        self._thread.start()

    def epoch(self, epoch: int, metrics: Mapping[str, Mapping[str, float]], picture: np.ndarray | None) -> None:
        """Log an epoch, unless the logger has it from an earlier attempt."""
        self._waiting.put(lambda: self._log(epoch, metrics, picture))

    def end(self, status: Ending, checkpoint: Path | None) -> None:
        """Log the end, behind all else. `wait` waits for it."""
        self._waiting.put(lambda: self._logger.end(status, self._epoch, checkpoint))
        self._waiting.put(None)

    def wait(self, seconds: float) -> None:
        """Wait until all is logged; after this time, leave it out with a warning."""
        self._thread.join(seconds)
        if self._thread.is_alive():
            self._warn(f"it did not take everything within {seconds:.0f} seconds")

    def _work(self) -> None:
        try:
            while task := self._waiting.get():
                task()
        except Exception as error:  # noqa: BLE001 - whatever a library raises: the training goes on, and says why it is not logged
            self._warn(without_secrets(f"{type(error).__name__}: {' '.join(str(error).split())}")[:400])

    def _begin(self, done: Sequence[EpochRecord]) -> None:
        id, epoch = self._remembered() if self._training.done else (None, 0)
        begun: Begun = self._logger.begin(self._training, id)
        self._id = begun.id
        self._epoch = begun.epoch if begun.epoch is not None else epoch if begun.id == id else 0
        self._remember()
        self._said.put(Message(f"Logging to {self._title}: {without_secrets(begun.place)}"))
        for number, record in enumerate(done, start=1):
            self._log(number, {"train": record.train, "val": record.val, "process": record.process}, None)

    def _log(self, epoch: int, metrics: Mapping[str, Mapping[str, float]], picture: np.ndarray | None) -> None:
        if epoch <= self._epoch:
            return
        self._logger.epoch(epoch, metrics)
        self._epoch = epoch
        self._remember()
        if picture is not None:
            self._logger.masks(epoch, picture)

    def _remembered(self) -> tuple[str | None, int]:
        with suppress(OSError, ValueError, KeyError, TypeError):
            known = json.loads(self._file.read_text(encoding="utf-8"))
            return str(known["id"]), int(known["epoch"])
        return None, 0

    def _remember(self) -> None:
        with atomic_file(self._file) as partial:
            partial.write_text(json.dumps({"id": self._id, "epoch": self._epoch}), encoding="utf-8")

    def _warn(self, why: str) -> None:
        self._said.put(Message(f"The training is no longer logged to {self._title}, and goes on: {why}", "warning"))


def without_secrets(text: str) -> str:
    """Return a text without user names and passwords in addresses, and without keys and passwords of the environment."""
    text = re.sub(r"//[^/@\s]+@", "//", text)
    for name, value in os.environ.items():
        if _SECRET.search(name) and len(value) >= 4:
            text = text.replace(value, "…")
    return text
