"""Changing runs over HTTP: name, notes, tags, place in the queue; more epochs; deletion. And the download of their models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any, BinaryIO, Literal

from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pages.server.answers import Answer, JsonObject, RunId, json_body, or_conflict, or_missing, or_refused
from pages.shared.stores import store
from seg_core.common.text import slug
from seg_core.config import no_setting
from seg_core.errors import InputError
from seg_core.runs.annotations import clean_name, clean_notes, clean_tags
from seg_core.runs.dispatch import dispatch
from seg_core.runs.retraining import delete_run

router = APIRouter(prefix="/api/runs/{run_id}", tags=["runs"], default_response_class=Answer)

CHUNK = 2**16


class Edit(BaseModel):
    """What can be changed of a run; what is left out stays."""

    model_config = ConfigDict(strict=True)

    name: str | None = Field(None, description="Name of the run.")
    notes: str | None = Field(None, description="Notes on it.")
    tags: list[str] | None = Field(None, description="Its tags, in place of all that it has.")
    archived: bool | None = Field(None, description="Whether lists leave it out.")
    position: int | None = Field(None, ge=1, description="Its place in the queue, from 1, while it is queued.")


_WORDS = {"tags": "a list of texts", "archived": "true or false", "position": "a whole number from 1"}


@router.patch("", openapi_extra=json_body(Edit.model_json_schema(), {"name": "second try", "tags": ["thesis"]}))
def edit(run_id: RunId, body: JsonObject) -> dict[str, Any]:
    """Change the name, notes, tags or place in the queue of a run, or archive it; what is left out stays."""
    or_missing(lambda: store().get_run(run_id))
    asked = or_refused(lambda: _checked(body))
    if (position := asked.position) is not None:
        or_conflict(lambda: store().queue.move_to(run_id, position))
    changed = asked.model_dump(exclude={"position"})
    return or_conflict(lambda: store().annotate(run_id, **changed)).to_json()


def _checked(body: dict[str, Any]) -> Edit:
    """Check everything before anything is changed.

    Raises:
        InputError: if a field is unknown, of another kind or too long.
    """
    if unknown := next((name for name in body if name not in Edit.model_fields), None):
        raise InputError(no_setting(unknown, Edit.model_fields, "field"))
    try:
        asked = Edit.model_validate(body)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise InputError(f"{name} must be {_WORDS.get(name, 'text')}.") from None
    checks: list[tuple[Any, Callable[[Any], object]]] = [
        (asked.name, clean_name),
        (asked.notes, clean_notes),
        (asked.tags, clean_tags),
    ]
    for value, check in checks:
        if value is not None:
            check(value)
    return asked


@router.post("/continue")
def go_on(run_id: RunId, epochs: Annotated[int, Query(description="Epochs to add.")]) -> dict[str, Any]:
    """Queue a finished run again for more epochs."""
    or_missing(lambda: store().get_run(run_id))
    extended = or_conflict(lambda: store().queue.extend(run_id, epochs)).to_json()
    dispatch(store())
    return extended


@router.delete("")
def delete(run_id: RunId) -> dict[str, Any]:
    """Delete a run with its model, masks and log; one that is queued or running has to be stopped first."""
    or_missing(lambda: store().get_run(run_id))
    return {"id": run_id, "bytes_freed": or_conflict(lambda: delete_run(store(), run_id))}


@router.get("/model", response_class=StreamingResponse)
def model(
    run_id: RunId,
    which: Annotated[Literal["best", "last"], Query(description="The epoch that is kept, or the last one.")] = "best",
) -> StreamingResponse:
    """The model of a run, as a `.safetensors` file: what `predict`, `evaluate` and the pages take."""
    run = or_missing(lambda: store().get_run(run_id))
    try:  # opened here, so that a file that is gone is 404; it stays readable to the end although the run is deleted
        file = (store().folder(run_id) / f"{which}.safetensors").open("rb")
    except OSError:
        raise HTTPException(404, f"Run {run_id} has no model yet; it has one after its first epoch.") from None
    name = f"run-{run_id}-{slug(run.name or run.config.variant)}-{which}.safetensors"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(_pieces(file), media_type="application/octet-stream", headers=headers)


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(CHUNK):
            yield piece
