"""The process that works on one run: a fresh interpreter that a dispatcher starts, or the command line itself.

Nothing here imports torch before the run is claimed, so that a run that waits costs nothing and one that starts shows at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seg_core.common.atomic_file import remove_partials
from seg_core.common.imports import quick_imports
from seg_core.errors import InputError
from seg_core.runs.alerts.sender import Sender
from seg_core.runs.causes import forget_kills, note_kills
from seg_core.runs.dispatch import dispatch
from seg_core.runs.epoch_masks import masks_folder
from seg_core.runs.failures import explain, write_traceback
from seg_core.runs.processes import Signals
from seg_core.runs.run import Ending, Run
from seg_core.runs.store import RunStore
from seg_core.runs.watch import Watch

if TYPE_CHECKING:
    from seg_core.runs.recorder import Recorder
    from seg_core.training.events import Event
    from seg_core.training.loop import TrainResult
    from seg_core.training.ranks import Place

ASK_SECONDS = 0.25
"""Seconds between two attempts to claim a run in the foreground."""

Say = Callable[[str], None]
Train = Callable[[Run, Path, Callable[["Event"], None], Callable[[], bool]], "TrainResult"]
"""Trains a run in its folder, reports events, and looks for requests to stop."""


@dataclass(frozen=True)
class _Outcome:
    status: Ending
    message: str = ""
    images_per_second: float | None = None


def work(run_id: int, store: RunStore | None = None, train: Train | None = None) -> None:
    """Claim a queued run and train it if it is its turn, then start the worker of the next one.

    However it ends, the store records it. SIGTERM and Ctrl-C stop it after its batch.

    Args:
        run_id: the run.
        store: its store, by default that of the home folder.
        train: the function that trains it, by default `train_run`.

    Raises:
        InputError: if there is no such run.
    """
    store = store or RunStore()
    with Signals() as signals:
        if store.claims.claim(run_id):
            _carry_out(store, run_id, signals, lambda text: None, train or train_run)
    dispatch(store)  # also when the run left the queue or moved back while this process started
    Sender(store.alerts).look()


def work_here(store: RunStore, run_id: int, say: Say, train: Train | None = None) -> Run:
    """Wait for the turn of a run that was queued in the foreground, and train it in this process.

    Args:
        store: its store.
        run_id: the run.
        say: takes one line of text at a time: what it waits for, and every line of its log. Two threads call it.
        train: as for `work`.

    Returns:
        The run as it ended; finished, stopped or failed.

    Raises:
        InputError: if there is no such run.
    """
    with Signals() as signals:
        if _wait_for_turn(store, run_id, signals, say):
            _carry_out(store, run_id, signals, say, train or train_run)
    dispatch(store)
    Sender(store.alerts).look()
    return store.get_run(run_id)


def _wait_for_turn(store: RunStore, run_id: int, signals: Signals, say: Say) -> bool:
    said = ""
    while not store.claims.claim(run_id):
        if store.get_run(run_id).status != "queued":
            return False
        if signals.came:
            store.queue.stop(run_id)
            return False
        dispatch(store)  # no app may be there to start those before it in the queue
        if (waits_for := _waits_for(store, run_id)) and waits_for != said:
            said = waits_for
            say(f"Waiting for {waits_for} to end; Ctrl-C gives up.")
        time.sleep(ASK_SECONDS)
    return True


def _waits_for(store: RunStore, run_id: int) -> str:
    """Labels of the runs that train or are ahead of this one in the queue; empty if a slot has just become free for it."""
    before = takewhile(lambda run: run.id != run_id, store.queue.queued())
    return ", ".join(run.label for run in (*store.queue.running(), *before))


def _carry_out(store: RunStore, run_id: int, signals: Signals, say: Say, train: Train) -> None:
    """Train a claimed run, and record how it ended whatever happens."""
    run, folder = store.get_run(run_id), store.folder(run_id)
    with Watch(store, run_id, signals, say) as watch:
        try:
            outcome = _attempt(store, run, folder, watch, say, train)
        except KeyboardInterrupt:
            outcome = _Outcome("stopped", "Stopped at once; it can be resumed after its last whole epoch.")
        except Exception as error:  # noqa: BLE001 - whatever it is, the run has to end with a message, and the traceback is kept
            outcome = _Outcome("failed", explain(error, run.config, store.home))
            write_traceback(folder / "worker.log", error)
    line = outcome.message or "Finished."
    store.progress.finish(run_id, outcome.status, outcome.message, outcome.images_per_second, line=line)
    forget_kills(folder)


def _attempt(store: RunStore, run: Run, folder: Path, watch: Watch, say: Say, train: Train) -> _Outcome:
    """Train a run until it ends in a way that was expected."""
    folder.mkdir(parents=True, exist_ok=True)
    note_kills(folder)
    store.progress.update(run.id, message="Loading PyTorch")
    with quick_imports():
        from seg_core.runs.recorder import Recorder, Stopped
        from seg_core.training.contents import DataChanged
        from seg_core.training.loop import TrainingFailed
        from seg_core.training.ranks import RankLost

    recorder = Recorder(store.progress, run, folder, watch.should_stop, say)
    try:
        for leftovers in (folder, masks_folder(folder)):
            remove_partials(leftovers)
        if run.resume:
            _catch_up(store, run, folder, recorder)
            recorder.note(f"Resuming after epoch {store.get_run(run.id).epochs_done}.")
        result = train(run, folder, recorder, watch.should_stop)
    except Stopped as stop:
        return _Outcome("stopped", str(stop))
    except DataChanged as error:  # once the files are as they were, it can be resumed
        return _Outcome("stopped" if run.config_before is None else "failed", str(error))
    except (InputError, TrainingFailed) as error:
        return _Outcome("failed", str(error))
    except RankLost as error:
        return _Outcome("lost", str(error))
    message = "" if result.status == "finished" else f"Stopped in epoch {result.epochs + 1}; it can be resumed."
    return _Outcome(result.status, message, result.images_per_second)


def train_run(
    run: Run, folder: Path, on_event: Callable[[Event], None], should_stop: Callable[[], bool], place: Place | None = None
) -> TrainResult:
    """Train a run on its dataset (`seg_core.training.loop.train`), with the other processes that its settings ask for.

    With a ``place``, those are there already.
    """
    from seg_core.data.dataset import open_dataset
    from seg_core.training.companions import Companions
    from seg_core.training.events import Preparing
    from seg_core.training.loop import train

    dataset = open_dataset(run.sources, lambda done, total: on_event(Preparing(done, total, "sample photographs")))
    how: dict[str, Any] = {"folder": folder, "name": run.name, "resume": run.resume, "should_stop": should_stop}
    with nullcontext(place) if place else Companions(run.config, run.sources, resume=run.resume) as at:
        return train(run.config, dataset, on_event, place=at, **how)


def _catch_up(store: RunStore, run: Run, folder: Path, recorder: Recorder) -> None:
    """Record the epochs that an earlier attempt saved for resuming but did not live to report.

    Where the saved state is damaged, that of the epoch before takes its place, and the run goes back to it.
    """
    from seg_core.runs.recorder import epoch_line
    from seg_core.training.resume import RESUME_FILE, mend_resume, saved_history

    mended = mend_resume(folder / RESUME_FILE)
    history = saved_history(folder / RESUME_FILE, run.config.keep)
    if mended:
        recorder.note(mended, "warning")
        store.progress.update(run.id, epoch=len(history.epochs), epochs_done=len(history.epochs))
    for number, epoch in list(enumerate(history.epochs, start=1))[run.epochs_done :]:
        is_best = number == history.best_epoch
        line = epoch_line(number, run.config, epoch.train, epoch.val, is_best)
        store.progress.add_epoch(run.id, number, epoch.train, epoch.val, process=epoch.process, is_best=is_best, line=line)
