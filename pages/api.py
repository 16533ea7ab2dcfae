"""The JSON API under /api: what scripts ask for, and what the live parts of the pages poll."""

from __future__ import annotations

import sys
from dataclasses import asdict
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query
from fastapi.responses import FileResponse

from seg_core.errors import InputError
from seg_core.runs.store import RunStore
from seg_core.versions import VERSION

router = APIRouter(prefix="/api")
RunId = Annotated[int, Path(description="The run's number.", ge=1)]


@cache
def store() -> RunStore:
    """The store of this process."""
    return RunStore()


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
    """All runs, the newest first."""
    return {"runs": [run.to_json() for run in store().list_runs()]}


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


@router.get("/runs/{run_id}/masks/{name}", tags=["runs"], response_class=FileResponse)
def mask(run_id: RunId, name: Annotated[str, Path(pattern=r"^[a-z0-9-]+\.(png|jpg)$")]) -> FileResponse:
    """A picture of a fixed validation photograph: photo-K.jpg, truth-K.png, or the probability in grey, epoch-NNNN-K.png."""
    _known(run_id)
    file = store().folder(run_id) / "masks" / name
    if not file.is_file():
        raise HTTPException(404, f"Run {run_id} has no picture {name}.")
    return FileResponse(file, headers={"Cache-Control": "private, max-age=3600"})


@router.post("/runs/{run_id}/stop", tags=["runs"])
def stop(run_id: RunId) -> dict[str, Any]:
    """Stop a run within one batch; its model is kept."""
    _known(run_id)
    try:
        return store().request_stop(run_id).to_json()
    except InputError as error:
        raise HTTPException(409, str(error)) from None


def _known(run_id: int) -> dict[str, Any]:
    try:
        return store().get_run(run_id).to_json()
    except InputError as error:
        raise HTTPException(404, str(error)) from None
