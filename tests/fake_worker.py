"""Worker processes for the tests, with a training that takes no time and does what the run's name says.

``python -m tests.fake_worker work RUN_ID`` works on a run as ``python -m seg_core work`` would, without loading torch, and
``job JOB_ID`` on a job, which takes until it is cancelled.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import make_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from seg_core.common.imports import quick_imports

with quick_imports():
    import numpy as np

    from seg_core.jobs.job import Job
    from seg_core.jobs.progress import Advance
    from seg_core.jobs.store import JobStore
    from seg_core.runs.launcher import LocalLauncher
    from seg_core.runs.run import Run
    from seg_core.runs.store import RunStore
    from seg_core.training.events import BatchDone, EpochDone, Message, Preparing, Sample

METRICS = ("loss", "accuracy", "iou", "dice", "report_iou", "report_dice")
BATCHES = 3


def launcher(*mode: str) -> LocalLauncher:
    """A launcher whose workers are fake ones."""
    return LocalLauncher((sys.executable, "-m", "tests.fake_worker", *mode))


def fake_train(run: Run, folder: Path, on_event: Callable[[Any], None], should_stop: Callable[[], bool]) -> Any:
    """Go through the epochs of a run, from the one named in the file ``done`` in its folder.

    Its name says what happens in its second epoch: ``hold`` waits there until it should stop, ``wait`` until there is a file
    ``go`` in its folder; any other name goes on. ``hold preparing`` waits while preparing.
    """
    from seg_core.training.loop import TrainResult

    done = folder / "done"
    start = int(done.read_text()) if run.resume and done.exists() else 0
    while run.name == "hold preparing":
        on_event(Preparing(1, 2, "photographs"))
        time.sleep(0.01)
    on_event(Preparing(2, 2, "photographs"))
    on_event(Message(f"Training from epoch {start + 1}."))
    for epoch in range(start + 1, run.config.epochs + 1):
        for batch in range(1, BATCHES + 1):
            on_event(BatchDone(epoch, batch, BATCHES, 0.5, 100.0))
            while epoch == 2 and (run.name == "hold" or (run.name == "wait" and not (folder / "go").exists())):
                if should_stop():
                    break
                time.sleep(0.01)
            if should_stop():
                return TrainResult("stopped", epoch - 1, epoch - 1, folder / "last.safetensors", {}, 100.0)
        done.write_text(str(epoch))
        pixels = np.full((8, 8), epoch * 10, np.uint8)
        sample = Sample("a", np.dstack([pixels] * 3), pixels > 100, np.full((8, 8), 0.5, np.float32))
        values = dict.fromkeys(METRICS, epoch / 100)
        on_event(EpochDone(epoch, values, values, 1.0, 100.0, True, [sample], {}))
    return TrainResult("finished", run.config.epochs, run.config.epochs, folder / "best.safetensors", values, 100.0)


def _write(run_id: int) -> None:
    """Write the metrics of 25 epochs and a line of log for each."""
    store = RunStore()
    for epoch in range(1, 26):
        store.progress.add_epoch(run_id, epoch, {"loss": epoch / 10}, {"loss": epoch / 5, "iou": epoch / 100})
        store.progress.log(run_id, f"Epoch {epoch}.")


def _claim(run_id: int) -> None:
    """Say whether the run could be claimed, and live on until stdin is closed."""
    _answer(RunStore().claims.claim(run_id))


def _claim_job(job_id: int) -> None:
    """Say whether the job could be claimed, and live on until stdin is closed."""
    _answer(JobStore().claims.claim(job_id))


def _answer(claimed: bool) -> None:
    sys.stdout.write(f"{int(claimed)}\n")
    sys.stdout.flush()
    sys.stdin.read()


def _until_cancelled(job: Job, advance: Advance) -> str:
    while True:
        advance(1, 2, "Waiting")
        time.sleep(0.01)


def _without_torch() -> None:
    """Put what a worker needs of `seg_core.training.loop` in its place, which takes six seconds to import."""
    module: Any = ModuleType("seg_core.training.loop")
    names = ("status", "epochs", "best_epoch", "checkpoint", "val", "images_per_second")
    module.TrainResult = make_dataclass("TrainResult", names)
    module.TrainingFailed = type("TrainingFailed", (RuntimeError,), {})
    sys.modules["seg_core.training.loop"] = module


def main(mode: str, id: int) -> None:
    """Do what ``mode`` says to a run or a job; an unknown mode ends at once, as a broken installation would."""
    if mode == "work":
        from seg_core.runs.worker import work

        _without_torch()
        work(id, RunStore(launcher=launcher()), fake_train)  # the next worker is a fake one too
    elif mode == "job":
        from seg_core.jobs.worker import work_on

        kinds: tuple[Any, ...] = ("scan", "fetch")
        work_on(id, JobStore(launcher=launcher()), dict.fromkeys(kinds, _until_cancelled))
    elif mode == "write":
        _write(id)
    elif mode == "claim":
        _claim(id)
    elif mode == "claim-job":
        _claim_job(id)
    else:
        sys.exit("There is no torch.")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[-1]))
