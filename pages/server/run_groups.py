"""Groups over HTTP: what Monitor does with all runs of a group at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query

from pages.server.answers import Answer, or_conflict
from pages.shared.stores import store
from seg_core.runs.dispatch import dispatch
from seg_core.runs.groups import Group, groups_of
from seg_core.runs.retraining import delete_run
from seg_core.runs.run import Run

router = APIRouter(prefix="/api/groups/{group}", tags=["groups"], default_response_class=Answer)
GroupId = Annotated[int, Path(description="The group's number: 3 for `g3`.", ge=1)]


@router.get("")
def show_group(group: GroupId) -> dict[str, Any]:
    """One group: its runs, in the order of launch."""
    return _told(_known(group))


@router.post("/stop")
def stop(
    group: GroupId, after_epoch: Annotated[bool, Query(description="Finish the current epoch first.")] = False
) -> dict[str, Any]:
    """Stop all runs of a group that are queued or running; their models are kept."""
    return _each(group, lambda run: run.can_stop, lambda run: store().queue.stop(run.id, after_epoch=after_epoch))


@router.post("/resume")
def resume(group: GroupId) -> dict[str, Any]:
    """Queue all stopped, failed and lost runs of a group again."""
    answer = _each(group, lambda run: run.can_resume, lambda run: store().queue.resume(run.id))
    dispatch(store())
    return answer


@router.delete("")
def delete(group: GroupId) -> dict[str, Any]:
    """Delete all runs of a group; while one is queued or running, none is deleted."""
    runs = sorted(_known(group).runs, key=lambda run: run.can_delete)  # one that cannot be deleted is refused before any goes
    freed = or_conflict(lambda: sum(delete_run(store(), run.id) for run in runs))
    return {"id": group, "runs": sorted(run.id for run in runs), "bytes_freed": freed}


def _each(number: int, suits: Callable[[Run], bool], act: Callable[[Run], Run]) -> dict[str, Any]:
    """Act on all runs of a group that it suits; if it suits none, refuse it in the words for the first one."""
    runs = _known(number).runs
    chosen = [run for run in runs if suits(run)] or runs[:1]
    or_conflict(lambda: [act(run) for run in chosen])
    return _told(_known(number))


def _known(number: int) -> Group:
    group = next((group for group in groups_of(store().list_runs()) if group.id == number), None)
    if group is None:
        raise HTTPException(404, f"There is no group {number}; choose one from the list of runs.")
    return group


def _told(group: Group) -> dict[str, Any]:
    return {"id": group.id, "key": group.key, "label": group.label, "runs": [run.to_json() for run in group.runs]}
