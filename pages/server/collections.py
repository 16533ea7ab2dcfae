"""Collections over HTTP: their photographs, masks and versions, for the editor of the page Correct and for scripts."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import numpy as np
from fastapi import APIRouter, Body, HTTPException, Path, Query
from fastapi.responses import Response, StreamingResponse
from PIL import Image

from pages.server.file_answer import file_answer
from pages.shared.models import LoadedModels, find_model
from pages.shared.turns import Turns
from seg_core.common.text import slug
from seg_core.data.collection.collection import Collection
from seg_core.data.collection.contents import Item
from seg_core.data.collection.export import export_archive
from seg_core.data.collection.store import find_collection
from seg_core.data.decoder import decoder
from seg_core.data.image import Size
from seg_core.errors import InputError

T = TypeVar("T")

LONGEST_PROBABILITY = 1024
"""Longer side, in pixels, of the picture of a model's probabilities: several times as many as a network has."""
LARGEST_SHOWN = 16_000_000
"""Pixels of the photograph as it is sent to the editor; the mask keeps the photograph's own size."""

router = APIRouter(prefix="/api/collections/{name}", tags=["collections"])
Name = Annotated[str, Path(description="The collection.")]
Id = Annotated[str, Path(description="The photograph.")]

_models = LoadedModels(capacity=1)
_turns = Turns(at_once=1)


@router.get("")
def list_photographs(name: Name) -> dict[str, Any]:
    """The photographs of a collection, each with the state of its mask: saved, proposed, empty, or excluded."""
    items = _or_missing(lambda: find_collection(name).items())
    return {"name": name, "items": [{"id": item.id, "state": state_of(item), "versions": item.versions} for item in items]}


@router.get("/export/{layout}.zip", response_class=StreamingResponse)
def export(
    name: Name, layout: Annotated[str, Path(description="The layout: isic, images-masks, coco or nnunet.")]
) -> StreamingResponse:
    """The photographs with masks, without those that are excluded, as a zip archive for other programs."""
    collection = _or_missing(lambda: find_collection(name))
    pieces = _or_refused(lambda: export_archive(collection, layout))
    headers = {"Content-Disposition": f'attachment; filename="{slug(name)}-{layout}.zip"', "Cache-Control": "no-store"}
    return StreamingResponse(pieces, media_type="application/zip", headers=headers)


@router.get("/{photograph}")
def show_photograph(name: Name, photograph: Id) -> dict[str, Any]:
    """One photograph: its size, the state of its mask, the versions of that, the oldest first, and which model proposed one."""
    collection, item = _item(name, photograph)
    width, height = _or_missing(lambda: collection.size(photograph))
    versions = [version.to_json() for version in _or_missing(lambda: collection.history(photograph))]
    proposal = _or_missing(lambda: collection.proposal(photograph))
    return {
        "id": item.id,
        "width": width,
        "height": height,
        "state": state_of(item),
        "excluded": item.excluded,
        "version": item.versions,
        "versions": versions,
        "proposal": proposal.author if proposal else None,
    }


@router.get("/{photograph}/photo.jpg", response_class=Response)
def photo(name: Name, photograph: Id) -> Response:
    """The photograph, upright; one of more than 16 megapixels is made smaller."""
    collection, _ = _item(name, photograph)
    shown, _ = _or_missing(lambda: decoder().read_scaled(collection.photograph(photograph), _shown_size))
    file = io.BytesIO()
    shown.save(file, "JPEG", quality=92)
    return Response(file.getvalue(), media_type="image/jpeg", headers={"Cache-Control": "private, max-age=3600"})


def _shown_size(own: Size) -> Size:
    shrunk = min(1.0, (LARGEST_SHOWN / (own[0] * own[1])) ** 0.5)
    return max(1, round(own[0] * shrunk)), max(1, round(own[1] * shrunk))


@router.get("/{photograph}/mask.png", response_class=Response)
def mask(
    name: Name, photograph: Id, version: Annotated[int | None, Query(description="By default the newest.", ge=1)] = None
) -> Response:
    """A version of the mask, 0 and 255, of the photograph's own size; without any, what a model proposed."""
    collection, item = _item(name, photograph)
    file = _or_missing(lambda: collection.version_mask(photograph, version)) if version else item.mask or item.proposal
    if file is None:
        raise HTTPException(404, f"{photograph} has no mask yet.")
    return file_answer(file, {"Cache-Control": "no-store"})


@router.get("/{photograph}/probability.png", response_class=Response)
def probability(name: Name, photograph: Id, model: Annotated[str, Query(description="A model's short name.")]) -> Response:
    """The probabilities that a model predicts, in grey; 255 is 1."""
    collection, _ = _item(name, photograph)
    entry = _or_missing(lambda: find_model(model))

    def predicted() -> np.ndarray:
        file = collection.photograph(photograph)
        return _models.get(entry).predict(file, file.name, decoder().read_scaled).picture(LONGEST_PROBABILITY)

    with _turns.turn():
        grey = _or_missing(predicted)
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "PNG", compress_level=1)
    return Response(file.getvalue(), media_type="image/png", headers={"Cache-Control": "private, max-age=600"})


@router.post("/{photograph}")
def save(
    name: Name,
    photograph: Id,
    body: Annotated[bytes, Body(media_type="image/png", description="The mask as PNG, of the photograph's own size.")] = b"",
    base: Annotated[int, Query(description="The newest version that you know; 0 if there was none.", ge=0)] = 0,
    began_as: Annotated[str, Query(description="What the mask was before it was changed.", max_length=200)] = "",
    seconds: Annotated[float, Query(description="The time spent on it.", ge=0, le=1e6)] = 0.0,
    author: Annotated[str, Query(description="Who saves it.", max_length=60)] = "",
) -> dict[str, Any]:
    """Save a mask as a new version; nothing is overwritten, also where someone else saved one meanwhile."""
    collection, _ = _item(name, photograph)
    drawn, _ = _or_refused(lambda: decoder().read_scaled(body, _own_size, "The mask"))
    return _or_refused(
        lambda: collection.save(
            photograph,
            np.asarray(drawn.convert("L")) > 127,
            author=author,
            began_as=began_as,
            seconds=seconds,
            base=base,
        ).to_json()
    )


def _own_size(own: Size) -> Size:
    return own


@router.post("/{photograph}/restore")
def restore(
    name: Name,
    photograph: Id,
    version: Annotated[int, Query(description="The version to go back to.", ge=1)],
    author: Annotated[str, Query(description="Who goes back to it.", max_length=60)] = "",
) -> dict[str, Any]:
    """Go back to a version, by a new one with its mask."""
    collection, _ = _item(name, photograph)
    return _or_refused(lambda: collection.restore(photograph, version, author).to_json())


def state_of(item: Item) -> str:
    """Return the state of a photograph's mask in one word."""
    if item.excluded is not None:
        return "excluded"
    return "saved" if item.mask else "proposed" if item.proposal else "empty"


def _item(name: str, photograph: str) -> tuple[Collection, Item]:
    def look() -> tuple[Collection, Item]:
        collection = find_collection(name)
        return collection, collection.item(photograph)

    return _or_missing(look)


def _or_missing(look: Callable[[], T]) -> T:
    try:
        return look()
    except InputError as error:
        raise HTTPException(404, str(error)) from None


def _or_refused(act: Callable[[], T]) -> T:
    try:
        return act()
    except InputError as error:
        raise HTTPException(422, str(error)) from None
