"""The other processes of a training on this machine: the first one starts them, and they end with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TextIO

from seg_core.config import Config
from seg_core.data.dataset import Dataset, open_dataset
from seg_core.training.events import ShouldStop
from seg_core.training.loop import train
from seg_core.training.ranks import Place, RankLost, meeting_place, require_devices

COMMAND = (sys.executable, "-m", "seg_core", "rank")
END_SECONDS = 15.0
"""How long a process of the training may go on without the others: until they have ended by themselves, or it notices."""


class Companions:
    """Inside its ``with`` block, ``config.devices - 1`` processes train together with this one, which has the first `Place`.

    Args:
        config: the settings of the training.
        sources: its dataset.
        resume: true if it is resumed.

    Raises:
        InputError: at the beginning, if this machine has not as many devices.
        RankLost: at the end, if one of them ended before.
    """

    def __init__(self, config: Config, sources: Sequence[str], *, resume: bool) -> None:
        self._config, self._sources, self._resume = config, list(sources), resume
        self._processes: list[subprocess.Popen[str]] = []
        self._over = threading.Event()

    def __enter__(self) -> Place:
        world = self._config.devices
        if world == 1:
            return Place()
        require_devices(self._config, world)
        self._store = meeting_place("127.0.0.1", 0, is_first=True)
        places = [Place(rank, world, rank, world, "127.0.0.1", self._store.port) for rank in range(world)]
        for place in places[1:]:
            self._start(place)
        return places[0]

    def _start(self, place: Place) -> None:
        process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, text=True, start_new_session=True)
        self._processes.append(process)
        assert process.stdin is not None
        told = {"place": asdict(place), "config": self._config.model_dump(mode="json"), "sources": self._sources}
        process.stdin.write(json.dumps(told | {"resume": self._resume}) + "\n")
        process.stdin.flush()  # it stays open as long as this process lives
        threading.Thread(target=self._leave_without, args=(place, process), name=f"rank-{place.rank}", daemon=True).start()

    def _leave_without(self, place: Place, process: subprocess.Popen[str]) -> None:
        """End this process if one of the others has failed and it does not notice: a GPU waits for it for ever."""
        if process.wait() and not self._over.wait(END_SECONDS):
            sys.stderr.write(f"{_which(place.rank, self._config.devices, process)}; this one waited for it and ends.\n")
            os._exit(1)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        ended = [rank for rank, process in enumerate(self._processes, start=1) if kind and process.poll() not in (None, 0)]
        self._over.set()
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        for process in self._processes:
            try:
                process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if ended and isinstance(error, RankLost):
            which = _which(ended[0], self._config.devices, self._processes[ended[0] - 1])
            raise RankLost(f"{which}; the run can be resumed.") from error


def _which(rank: int, world: int, process: subprocess.Popen[str]) -> str:
    status = process.returncode
    how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
    return f"Process {rank + 1} of the {world} that train together {how}"


def follow(told: TextIO) -> None:
    """Train as one of the others, with what the first process tells, as long as it lives."""
    order = json.loads(told.readline())
    threading.Thread(target=_end_with, args=(told,), name="end-with-the-first", daemon=True).start()
    config, dataset = Config(**order["config"]), open_dataset(order["sources"])
    accompany([config], dataset, Place(**order["place"]), resume=order["resume"])


def _end_with(told: TextIO) -> None:
    told.read()
    os._exit(0)


def accompany(
    configs: Sequence[Config],
    dataset: Dataset,
    place: Place,
    *,
    resume: bool = False,
    should_stop: ShouldStop = lambda: False,
) -> None:
    """Train one run after the other as one of the others, until the first process ends, which has the runs' folders."""
    for config in configs:
        try:
            train(config, dataset, folder=Path(), resume=resume, should_stop=should_stop, place=place)
        except RankLost:  # the first process, or that one says who
            return
