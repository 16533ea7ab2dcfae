"""The JSON API under /api: what scripts ask for, and what the live parts of the pages poll."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query
from fastapi.responses import FileResponse

from seg_core.errors import InputError
from seg_core.jobs.job import Job
from seg_core.jobs.store import JobStore
from seg_core.runs.masks import mask_epochs, mask_ids, mask_photos
from seg_core.runs.store import RunStore
from seg_core.versions import VERSION

router = APIRouter(prefix="/api")
RunId = Annotated[int, Path(description="The run's number.", ge=1)]
JobId = Annotated[int, Path(description="The job's number.", ge=1)]


@cache
def store() -> RunStore:
    """The store of this process."""
    return RunStore()


@cache
def jobs() -> JobStore:
    """The job store of this process."""
    return JobStore()


@router.get("/health", tags=["app"])
def health() -> dict[str, Any]:
    """Whether the app is up, its version, and how many runs train and wait."""
    states = [run.status for run in store().list_runs()]
    return {
        "status": "ok",
        "version": VERSION,
        "runs": {"running": sum(state in ("running", "stopping") for state in states), "queued": states.count("queued")},
        "torch_loaded": "torch" in sys.modules,
    }


@router.get("/runs", tags=["runs"])
def list_runs() -> dict[str, Any]:
    """All runs, the newest first, without their notes; a queued one has its ``position`` in line, from 1."""
    runs = store().list_runs()
    waiting = sorted((run for run in runs if run.status == "queued"), key=lambda run: (run.place, run.id))
    position = {run.id: place for place, run in enumerate(waiting, start=1)}
    listed = [run.to_json() | {"position": position.get(run.id)} for run in runs]
    for run in listed:
        del run["notes"]  # pages ask every second
    return {"runs": listed}


@router.get("/runs/{run_id}", tags=["runs"])
def show_run(run_id: RunId) -> dict[str, Any]:
    """One run: its settings and where it stands."""
    return _known(run_id)


@router.get("/runs/{run_id}/metrics", tags=["runs"])
def metrics(
    run_id: RunId, after: Annotated[int, Query(description="Only points with a greater id.", ge=0)] = 0
) -> dict[str, Any]:
    """The metrics of every whole epoch, at network resolution.

    Ask again with ``after`` set to the last id for what is new. When a resumed run writes an epoch again, its points and those of
    later epochs get new ids: drop what you hold from the first new epoch on.
    """
    _known(run_id)
    points = [asdict(point) for point in store().metrics(run_id, after)]
    return {"points": points, "last": points[-1]["id"] if points else after}


@router.get("/runs/{run_id}/log", tags=["runs"])
def log(run_id: RunId, lines: Annotated[int, Query(ge=1, le=1000)] = 100) -> dict[str, Any]:
    """The end of a run's log."""
    _known(run_id)
    return {"lines": [asdict(line) for line in store().log_tail(run_id, lines)]}


@router.get("/runs/{run_id}/masks", tags=["runs"])
def masks(run_id: RunId) -> dict[str, Any]:
    """Which pictures there are of a run: the ids of its fixed validation photographs, and the epochs."""
    _known(run_id)
    folder = store().folder(run_id)
    return {"ids": mask_ids(folder), "photos": len(mask_photos(folder)), "epochs": mask_epochs(folder)}


@router.get("/runs/{run_id}/masks/{name}", tags=["runs"], response_class=FileResponse)
def mask(run_id: RunId, name: Annotated[str, Path(pattern=r"^[a-z0-9-]+\.(png|jpg)$")]) -> FileResponse:
    """A picture of a fixed validation photograph: photo-K.jpg, truth-K.png, or the probability in grey, epoch-NNNN-K.png."""
    _known(run_id)
    file = store().folder(run_id) / "masks" / name
    if not file.is_file():
        raise HTTPException(404, f"Run {run_id} has no picture {name}.")
    return FileResponse(file, headers={"Cache-Control": "private, max-age=3600"})


@router.post("/runs/{run_id}/stop", tags=["runs"])
def stop(
    run_id: RunId, after_epoch: Annotated[bool, Query(description="Let it finish the epoch at work first.")] = False
) -> dict[str, Any]:
    """Stop a run within one batch, or after its epoch; its model is kept."""
    _known(run_id)
    return _or_conflict(lambda: store().request_stop(run_id, after_epoch=after_epoch).to_json())


@router.post("/runs/{run_id}/move", tags=["runs"])
def move(run_id: RunId, by: Annotated[int, Query(description="Places back in line; forward if negative.")]) -> dict[str, Any]:
    """Move a queued run in line; gives the numbers of the runs in line, the next one first."""
    _known(run_id)

    def moved() -> dict[str, Any]:
        store().move(run_id, by)
        return {"line": [run.id for run in store().line()]}

    return _or_conflict(moved)


@router.get("/jobs/{job_id}", tags=["jobs"])
def show_job(job_id: JobId) -> dict[str, Any]:
    """One job, such as the evaluation of a split: how far it is, or how it ended."""
    return _known_job(lambda: jobs().get(job_id))


@router.post("/jobs/{job_id}/cancel", tags=["jobs"])
def cancel_job(job_id: JobId) -> dict[str, Any]:
    """Cancel a job; nothing happens to one that has ended."""
    return _known_job(lambda: jobs().cancel(job_id))


def _known_job(look: Callable[[], Job]) -> dict[str, Any]:
    try:
        return look().to_json()
    except InputError as error:
        raise HTTPException(404, str(error)) from None


def _or_conflict(action: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return action()
    except InputError as error:
        raise HTTPException(409, str(error)) from None


def _known(run_id: int) -> dict[str, Any]:
    try:
        return store().get_run(run_id).to_json()
    except InputError as error:
        raise HTTPException(404, str(error)) from None
