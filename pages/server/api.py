"""The JSON API under /api, for scripts and for the live components of the pages."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from pages.server.answers import Answer, RunId, or_conflict, or_missing
from pages.server.file_answer import file_answer
from pages.shared.stores import jobs, store
from seg_core.runs.advice import advise
from seg_core.runs.dispatch import dispatch
from seg_core.runs.epoch_masks import mask_epochs, mask_ids, mask_photos
from seg_core.runs.loss_curve import loss_curve
from seg_core.runs.resources import room_left
from seg_core.runs.run import Changed

router = APIRouter(prefix="/api", default_response_class=Answer)


JobId = Annotated[int, Path(description="The job's number.", ge=1)]


@router.get("/runs", tags=["runs"])
def list_runs(
    after: Annotated[int, Query(description="Return only what has changed since this stamp of an earlier answer.", ge=0)] = 0,
) -> Answer:
    """All runs, the newest first, without their notes; a queued one has its ``position`` in the queue, from 1.

    Ask again with ``after`` set to the ``stamp`` of the last answer, and get the runs that have changed since, and the numbers
    of those ``deleted``. If ``since`` differs from what you asked with, drop what you hold: the database is another one.
    ``line`` is the queue: the numbers of its runs, the next one first. ``last_point`` and ``last_line`` are the ids of a run's
    newest metric and of the last line of its log. `/api/events` goes on after ``event``.
    """
    news = store().changes(after)
    position = {run_id: place for place, run_id in enumerate(news.queue, start=1)}
    newest_first = sorted(news.changed, key=lambda change: -change.run.id)
    listed = [_listed(change) | {"position": position.get(change.run.id)} for change in newest_first]
    # Not a plain dict: FastAPI would look at every value of it, which for 500 runs takes longer than all the rest.
    answer = {"stamp": news.stamp, "since": news.since, "runs": listed, "deleted": news.deleted, "line": news.queue}
    answer["event"] = news.event
    return Answer(answer, headers={"Cache-Control": "no-store"})


def _listed(change: Changed) -> dict[str, Any]:
    values = change.run.to_json() | {"last_point": change.last_point, "last_line": change.last_line}
    del values["notes"]
    return values


@router.get("/runs/{run_id}", tags=["runs"])
def show_run(run_id: RunId) -> dict[str, Any]:
    """One run: its settings, status and progress."""
    return _known(run_id)


@router.get("/runs/{run_id}/metrics", tags=["runs"])
def metrics(run_id: RunId, after: Annotated[int, Query(description="Only points with a greater id.", ge=0)] = 0) -> Answer:
    """The metrics of every complete epoch, at network resolution.

    Ask again with ``after`` set to the ``last`` id for newer points. When a resumed run writes an epoch again, its points and
    those of later epochs get new ids: drop what you hold from the first epoch of the answer on.
    """
    points = [asdict(point) for point in or_missing(lambda: store().history.metrics(run_id, after))]
    return Answer({"points": points, "last": points[-1]["id"] if points else after})


@router.get("/runs/{run_id}/advice", tags=["runs"])
def advice(run_id: RunId) -> dict[str, Any]:
    """What goes badly in a run, and what to do about it; an empty list if nothing does."""
    run = or_missing(lambda: store().get_run(run_id))
    room = room_left(store().home) if run.is_running and run.owner and run.owner.is_here else None
    return {"advice": [asdict(each) for each in advise(run, store().history.metrics(run_id), room)]}


@router.get("/runs/{run_id}/batches", tags=["runs"])
def batches(
    run_id: RunId,
    points: Annotated[int, Query(description="The most points to return.", ge=2, le=20_000)] = 2000,
    begin: Annotated[float, Query(alias="from", description="The beginning, in epochs.", ge=0, le=1e9)] = 0,
    end: Annotated[float, Query(alias="to", description="The end, in epochs.", ge=0, le=1e9)] = 1e9,
    window: Annotated[int | None, Query(description="Batches to smooth over; 1 for no smoothing.", ge=1, le=10**9)] = None,
) -> Answer:
    """The training loss of every batch, smoothed and then thinned out as in `seg_core.runs.loss_curve`.

    Batch b of B in epoch e lies at ``x`` = e - 1 + b / B. ``low`` and ``high`` are the extremes before smoothing.
    """
    losses = or_missing(lambda: store().history.batch_losses(run_id, math.ceil(begin), math.ceil(end)))
    return Answer(loss_curve(losses, points, begin, end, window).to_json())


@router.get("/runs/{run_id}/log", tags=["runs"])
def log(run_id: RunId, lines: Annotated[int, Query(ge=1, le=1000)] = 100) -> dict[str, Any]:
    """The last lines of a run's log."""
    return {"lines": [asdict(line) for line in or_missing(lambda: store().history.log_tail(run_id, lines))]}


@router.get("/runs/{run_id}/masks", tags=["runs"])
def masks(run_id: RunId) -> dict[str, Any]:
    """The pictures of a run: the ids of its fixed validation photographs, and the epochs that have masks."""
    _known(run_id)
    folder = store().folder(run_id)
    return {"ids": mask_ids(folder), "photos": len(mask_photos(folder)), "epochs": mask_epochs(folder)}


@router.get("/runs/{run_id}/masks/{name}", tags=["runs"], response_class=Response)
def mask(run_id: RunId, name: Annotated[str, Path(pattern=r"^[a-z0-9-]+\.(png|jpg)$")]) -> Response:
    """A picture of the fixed validation photograph K: photo-K.jpg, truth-K.png, or epoch-NNNN-K.png, the probability in grey."""
    _known(run_id)
    return file_answer(store().folder(run_id) / "masks" / name, {"Cache-Control": "private, max-age=3600"})


@router.post("/runs/{run_id}/stop", tags=["runs"])
def stop(
    run_id: RunId, after_epoch: Annotated[bool, Query(description="Finish the current epoch first.")] = False
) -> dict[str, Any]:
    """Stop a run within one batch, or after its current epoch; its model is kept."""
    _known(run_id)
    return or_conflict(lambda: store().queue.stop(run_id, after_epoch=after_epoch).to_json())


@router.post("/runs/{run_id}/keep-going", tags=["runs"])
def keep_going(run_id: RunId) -> dict[str, Any]:
    """Withdraw the request to stop a run after its current epoch."""
    _known(run_id)
    return or_conflict(lambda: store().queue.cancel_stop(run_id).to_json())


@router.post("/runs/{run_id}/resume", tags=["runs"])
def resume(run_id: RunId) -> dict[str, Any]:
    """Queue a stopped, failed or lost run again; it goes on after its last whole epoch."""
    _known(run_id)
    resumed = or_conflict(lambda: store().queue.resume(run_id).to_json())
    dispatch(store())  # the supervisor would do it seconds later
    return resumed


@router.post("/runs/{run_id}/move", tags=["runs"])
def move(run_id: RunId, by: Annotated[int, Query(description="Places to move back; forward if negative.")]) -> dict[str, Any]:
    """Move a queued run; the answer's ``line`` is the queue after that, the next run first."""
    _known(run_id)

    def moved() -> dict[str, Any]:
        store().queue.move(run_id, by)
        return {"line": [run.id for run in store().queue.queued()]}

    return or_conflict(moved)


@router.get("/jobs/{job_id}", tags=["jobs"])
def show_job(job_id: JobId) -> dict[str, Any]:
    """One job, such as the evaluation of a split: its status and progress."""
    return or_missing(lambda: jobs().get(job_id)).to_json()


@router.post("/jobs/{job_id}/cancel", tags=["jobs"])
def cancel_job(job_id: JobId) -> dict[str, Any]:
    """Cancel a job; one that has ended stays as it is."""
    return or_missing(lambda: jobs().cancel(job_id)).to_json()


def _known(run_id: int) -> dict[str, Any]:
    return or_missing(lambda: store().get_run(run_id)).to_json()
