"""The process that works on one run: a fresh interpreter that the supervisor starts, or the command line itself.

Nothing here imports torch before the run is claimed, so that a run that waits costs nothing and one that starts shows at once.
"""

from __future__ import annotations

import errno
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from seg_core.config import Config
from seg_core.errors import InputError
from seg_core.runs.dispatch import dispatch
from seg_core.runs.processes import Signals
from seg_core.runs.run import Ending, Run
from seg_core.runs.store import RunStore
from seg_core.runs.watch import Watch

if TYPE_CHECKING:
    from seg_core.training.events import Event
    from seg_core.training.loop import TrainResult

ASK_SECONDS = 0.25

Say = Callable[[str], None]
Train = Callable[[Run, Path, Callable[["Event"], None], Callable[[], bool]], "TrainResult"]
"""Trains a run in its folder, reports events, and asks whether to stop."""


def work(run_id: int, store: RunStore | None = None, train: Train | None = None) -> None:
    """Work on a queued run if it is its turn, then start the worker of the next one.

    However it ends, the store says so. SIGTERM and Ctrl-C stop it after its batch.

    Args:
        run_id: the run.
        store: where it stands, by default the store of the home folder.
        train: what trains it, by default `seg_core.training.loop.train` on the run's dataset.

    Raises:
        InputError: if there is no such run.
    """
    store = store or RunStore()
    with Signals() as signals:
        if store.claim(run_id):
            _carry_out(store, run_id, signals, lambda text: None, train or _train)
    dispatch(store)  # also when the run was taken out of the queue or moved back while this process started


def work_here(store: RunStore, run_id: int, say: Say, train: Train | None = None) -> Run:
    """Wait for the turn of a run that was queued in the foreground, and work on it in this process.

    Args:
        store: the store it stands in.
        run_id: the run.
        say: takes one line of text at a time: what it waits for, and every line of its log. It is called from two threads.
        train: as for `work`.

    Returns:
        The run as it ended; finished, stopped or failed.

    Raises:
        InputError: if there is no such run.
    """
    with Signals() as signals:
        if _wait_for_turn(store, run_id, signals, say):
            _carry_out(store, run_id, signals, say, train or _train)
    dispatch(store)
    return store.get_run(run_id)


def _wait_for_turn(store: RunStore, run_id: int, signals: Signals, say: Say) -> bool:
    said = ""
    while not store.claim(run_id):
        if store.get_run(run_id).status != "queued":
            return False
        if signals.came:
            store.request_stop(run_id)
            return False
        dispatch(store)  # those before it in line may have no app that would start them
        if (waits_for := _waits_for(store, run_id)) and waits_for != said:
            said = waits_for
            say(f"Waiting for {waits_for} to end; Ctrl-C gives up.")
        time.sleep(ASK_SECONDS)
    return True


def _waits_for(store: RunStore, run_id: int) -> str:
    """The runs that train and those before this one in line; empty when it is next and a slot has just become free."""
    before = takewhile(lambda run: run.id != run_id, store.line())
    return ", ".join(run.label for run in (*store.at_work(), *before))


def _carry_out(store: RunStore, run_id: int, signals: Signals, say: Say, train: Train) -> None:
    """Train a claimed run, and write how it ended whatever happens."""
    run, folder = store.get_run(run_id), store.folder(run_id)
    status: Ending = "failed"
    message, speed = "", None
    with Watch(store, run_id, signals, say) as watch:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            store.progress(run_id, message="Loading PyTorch")
            from seg_core.runs.recorder import Recorder, Stopped
            from seg_core.training.loop import TrainingFailed

            recorder = Recorder(store, run, folder, watch.should_stop, say)
            try:
                if run.resume:
                    _catch_up(store, run, folder)
                    recorder.note(f"Resuming after epoch {store.get_run(run_id).epochs_done}.")
                result = train(run, folder, recorder, watch.should_stop)
                status, speed = result.status, result.images_per_second
                message = "" if status == "finished" else f"Stopped in epoch {result.epochs + 1}; it can be resumed."
            except Stopped as stop:
                status, message = "stopped", str(stop)
            except (InputError, TrainingFailed) as error:
                message = str(error)
        except KeyboardInterrupt:
            status, message = "stopped", "Stopped at once; it can be resumed after its last whole epoch."
        except Exception as error:  # noqa: BLE001 - whatever it is, the run has to say so, and the whole of it is written down
            message = explain(error, run.config, store.path.parent)
            _write_down(folder, error)
    store.log(run_id, message or "Finished.", "error" if status == "failed" else "info")
    store.finish(run_id, status, message, speed)


def _train(run: Run, folder: Path, on_event: Callable[[Event], None], should_stop: Callable[[], bool]) -> TrainResult:
    from seg_core.data.dataset import open_dataset
    from seg_core.training.events import Preparing
    from seg_core.training.loop import train

    dataset = open_dataset(run.sources, lambda done, total: on_event(Preparing(done, total, "sample photographs")))
    return train(run.config, dataset, on_event, folder=folder, name=run.name, resume=run.resume, should_stop=should_stop)


def _catch_up(store: RunStore, run: Run, folder: Path) -> None:
    """Add the epochs that an earlier attempt saved for resuming but did not live to report."""
    from seg_core.runs.recorder import epoch_line
    from seg_core.training.resume import saved_history

    history = saved_history(folder / "resume.safetensors")
    for number, epoch in list(enumerate(history.epochs, start=1))[run.epochs_done :]:
        is_best = number == history.best_epoch
        line = epoch_line(number, run.config.epochs, epoch.train, epoch.val, is_best)
        store.add_epoch(run.id, number, epoch.train, epoch.val, is_best=is_best, line=line)


def explain(error: Exception, config: Config, home: Path) -> str:
    """One sentence for the user about an error that is nobody's input: what happened and, where there is one, the remedy."""
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text or "not enough memory" in text:
        return (
            f"The memory does not suffice for {config.batch_size} photographs of {config.image_size} px at a time; "
            "start a run with a smaller batch size or image size."
        )
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left" in text or "disk is full" in text:
        return f"The disk that holds {home} is full; free some space, then resume the run."
    return f"{type(error).__name__}: {text[:500]}" if text else type(error).__name__


def _write_down(folder: Path, error: Exception) -> None:
    with suppress(OSError), (folder / "worker.log").open("a", encoding="utf-8") as file:  # the disk may be full
        traceback.print_exception(error, file=file)
