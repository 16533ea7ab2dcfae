"""What the routes of the API share: answers in ASCII, bodies in JSON, and refusals in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, HTTPException, Path, Request
from fastapi.responses import JSONResponse

from seg_core.common.text import legible
from seg_core.errors import InputError, StoreError

T = TypeVar("T")


class Answer(JSONResponse):
    """A JSON answer in ASCII: a file name may contain bytes that are no text, which UTF-8 cannot hold."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


RunId = Annotated[int, Path(description="The run's number.", ge=1)]


def without_store(_request: Request, error: Exception) -> Answer:
    """Answer a request that the run database could not serve: it is full, damaged or gone."""
    return Answer({"detail": str(error)}, 503)


def or_missing(look: Callable[[], T]) -> T:
    """Return what there is; without it, 404."""
    return _or(404, look)


def or_conflict(act: Callable[[], T]) -> T:
    """Do what the state of a run allows, else 409."""
    return _or(409, act)


def or_refused(act: Callable[[], T]) -> T:
    """Do what was asked, unless it is not valid: 422."""
    return _or(422, act)


def _or(status: int, act: Callable[[], T]) -> T:
    try:
        return act()
    except StoreError:  # see `without_store`
        raise
    except InputError as error:
        raise HTTPException(status, legible(str(error))) from None


async def _json_object(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        what = str(error) if isinstance(error, json.JSONDecodeError) else "it cannot be read"
        raise HTTPException(422, f"The body of this request is no JSON: {what}.") from None
    if not isinstance(body, dict):
        raise HTTPException(422, "The body of this request has to be a JSON object, such as {}.")
    return body


JsonObject = Annotated[dict[str, Any], Depends(_json_object)]
"""The body of a request. FastAPI's own reading would answer with a list of faults, in place of one sentence."""


def json_body(schema: dict[str, Any], *examples: dict[str, Any]) -> dict[str, Any]:
    """Return what /api/docs says of the body of a route that takes a `JsonObject`."""
    named = {str(number): {"value": example} for number, example in enumerate(examples, start=1)}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "examples": named}}}}
