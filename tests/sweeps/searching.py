"""Sweeps whose runs are recorded, and not trained: this process claims each and writes the scores that a test made up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from seg_core.config import Config
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore
from seg_core.sweeps.stepping import step
from seg_core.sweeps.store import SweepStore
from seg_core.sweeps.sweep import Plan, Sweep

CONFIG = Config.of("report", epochs=4)
LOSSES = "loss=bce,bce-dice,bce-lovasz"


class Search:
    """A home folder's runs and sweeps."""

    def __init__(self) -> None:
        self.runs, self.sweeps = RunStore(), SweepStore()

    def start(self, *space: str, config: Config = CONFIG, name: str = "", **plan: Any) -> Sweep:
        """Keep a sweep; nothing is queued yet."""
        return self.sweeps.add(name, config, "sample", Plan.of(config, space=space, **plan))

    def now(self, sweep: Sweep) -> Sweep:
        """The sweep as it is now."""
        return self.sweeps.get(sweep.id)

    def step(self, sweep: Sweep, times: int = 1) -> list[bool]:
        """Step it some times, and say for each whether that did anything."""
        return [step(self.sweeps, sweep.id) for _ in range(times)]

    def train(self, run: Run, *ious: float, then: str = "finished") -> None:
        """Record a run with the validation IoU of its epochs, and end it; ``then`` may be ``nothing``."""
        assert self.runs.claims.claim(run.id)
        for epoch, iou in enumerate(ious, start=1):
            self.record(run, epoch, iou)
        if then != "nothing":
            self.runs.progress.finish(run.id, then, "The disk is full." if then == "failed" else "")  # type: ignore[arg-type]

    def record(self, run: Run, epoch: int, iou: float) -> None:
        """Record an epoch of a run that this process works on."""
        is_best = iou > (self.runs.get_run(run.id).best_iou or 0)
        self.runs.progress.add_epoch(run.id, epoch, {"loss": 1.0}, {"iou": iou}, is_best=is_best)

    def to_the_end(self, sweep: Sweep, objective: Callable[[Config], float]) -> Sweep:
        """Step a sweep and train its runs until it ends; each has one epoch, which scores its objective."""
        while not self.now(sweep).ending:
            while step(self.sweeps, sweep.id):
                pass
            for run in self.runs.queue.queued():
                self.train(run, objective(run.config))
        return self.now(sweep)

    def finish(self, sweep: Sweep, values: Sequence[float]) -> Sweep:
        """Step it and finish one trial of one run for each value."""
        for value in values:
            self.step(sweep)
            (run,) = self.runs.queue.queued()
            self.train(run, value)
        return self.now(sweep)

    def close(self) -> None:
        self.runs.close()
        self.sweeps.close()
