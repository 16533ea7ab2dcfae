"""A process that trains runs in forks of itself, which are killed at a named point or after a time, or get little memory.

It loads torch once for all of them. Each line that it reads is a JSON object with the run's number and the fault; for each it
writes one line: the number of the signal that ended the fork, 0 if it ended by itself.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from functools import reduce
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import psutil

from seg_core.common.imports import quick_imports
from seg_core.runs.store import RunStore
from seg_core.runs.worker import work
from tests.helpers import thin_networks

POINTS = {
    "before the last model is saved": ("seg_core.training.loop:save_checkpoint", 1),
    "before the best model is saved": ("seg_core.training.loop:save_checkpoint", 2),
    "while a file is not yet on the disk": ("os:fsync", 3),
    "before the state is saved": ("seg_core.training.resume:write_tensors", 1),
    "in the second epoch, before the state is saved": ("seg_core.training.resume:write_tensors", 2),
    "before the pictures are written": ("seg_core.runs.recorder:save_masks", 1),
    "among the pictures": ("seg_core.runs.epoch_masks:_write", 2),
    "among the pictures of the last epoch": ("seg_core.runs.epoch_masks:_write", 8),
    "before the epoch is reported": ("seg_core.runs.progress:RunProgress.add_epoch", 1),
    "before the end is reported": ("seg_core.runs.progress:RunProgress.finish", 1),
}
"""Where a training is killed: before the call, of that number, of a function."""
BEGIN = "seg_core.training.loop:prepare"
"""From where on a training gets little memory."""


def _before(function: str, call: int, act: Callable[[], object]) -> None:
    """Act before the call, of that number, of a function."""
    module, _, path = function.partition(":")
    *inside, name = path.split(".")
    place = reduce(getattr, inside, import_module(module))
    really: Callable[..., Any] = getattr(place, name)
    calls = count(1)

    def acting(*arguments: Any, **options: Any) -> Any:
        if next(calls) == call:
            act()
        return really(*arguments, **options)

    setattr(place, name, acting)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _limit(megabytes: int) -> None:
    """Let this process take so much more memory than it has now."""
    most = psutil.Process().memory_info().data + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _train(run: int, point: str = "", megabytes: int | None = None, cgroup: str = "", **_: Any) -> None:
    if point:
        _before(*POINTS[point], _die)
    if megabytes is not None:
        _before(BEGIN, 1, lambda: _limit(megabytes))
    if cgroup:
        _before(BEGIN, 1, lambda: Path(cgroup, "cgroup.procs").write_text(str(os.getpid())))
    work(run, RunStore())


def main() -> None:
    """Answer every line of stdin."""
    with quick_imports():  # what takes long to load is loaded once
        import seg_core.runs.recorder
        import seg_core.training.loop  # noqa: F401
    gc.freeze()  # a search for garbage would make each fork copy all of it

    with thin_networks():
        for line in sys.stdin:
            order = json.loads(line)
            child = os.fork()
            if child == 0:
                try:
                    _train(**order)
                finally:
                    os._exit(0)
            if (after := order.get("after")) is not None:
                time.sleep(after)
                os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            sys.stdout.write(f"{os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
