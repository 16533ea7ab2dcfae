"""The pictures of an evaluation: every photograph, its true mask and its predicted probabilities, all of one size."""

from __future__ import annotations

import io
import json
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, HTTPException
from fastapi import Path as PathParameter
from fastapi.responses import Response
from PIL import Image

from pages.server.file_answer import file_answer
from seg_core.data.folders import Pair
from seg_core.data.image import read_scaled, scaled_mask
from seg_core.data.truth import read_experts, read_truth
from seg_core.errors import InputError
from seg_core.jobs.results import evaluation_folder

KEEP = {"Cache-Control": "private, max-age=86400, immutable"}  # another model or other data has another key

router = APIRouter(prefix="/api/evaluations/{key}/{number}", tags=["evaluations"])
Key = Annotated[str, PathParameter(pattern=r"^[0-9a-f]{24}$", description="The evaluation.")]
Number = Annotated[int, PathParameter(ge=1, le=99_999, description="The photograph, from 1.")]


@router.get("/probability.png", response_class=Response)
def probability(key: Key, number: Number) -> Response:
    """The predicted probabilities of a photograph in grey; 255 is 1."""
    return file_answer(_probability(key, number), KEEP)


@router.get("/photo.jpg", response_class=Response)
def photograph(key: Key, number: Number) -> Response:
    """A photograph, scaled to the size of its probabilities."""
    size = _size(key, number)
    return _answer(_small(Path(_files(key, number)["image"]), size), "JPEG")


@router.get("/truth.png", response_class=Response)
def truth(key: Key, number: Number) -> Response:
    """The true mask of a photograph, 0 and 255, scaled to the size of its probabilities."""
    size, files = _size(key, number), _files(key, number)
    try:
        mask = read_truth(Pair.from_json(files)).mask
    except InputError as error:
        raise HTTPException(404, str(error)) from None
    return _answer(Image.fromarray(scaled_mask(mask, size).astype(np.uint8) * 255), "PNG")


@router.get("/experts.png", response_class=Response)
def experts(key: Key, number: Number) -> Response:
    """The share of the experts who mark each pixel of a photograph, 255 for all, scaled to the size of its probabilities."""
    size, pair = _size(key, number), Pair.from_json(_files(key, number))
    if not pair.experts:
        raise HTTPException(404, f"No experts outlined {pair.id}.")
    try:
        masks = [scaled_mask(read.mask, size) for read in read_experts(pair).values()]
    except InputError as error:
        raise HTTPException(404, str(error)) from None
    return _answer(Image.fromarray(np.rint(np.mean(masks, axis=0) * 255).astype(np.uint8)), "PNG")


def _small(path: Path, size: tuple[int, int]) -> Image.Image:
    try:
        return read_scaled(path, size, draft=max(size))[0]
    except InputError as error:
        raise HTTPException(404, str(error)) from None


def _answer(image: Image.Image, kind: Literal["JPEG", "PNG"]) -> Response:
    file = io.BytesIO()
    image.save(file, kind, quality=90)
    return Response(file.getvalue(), media_type=f"image/{kind.lower()}", headers=KEEP)


def _probability(key: str, number: int) -> Path:
    folder = evaluation_folder(key)
    file = folder / f"{number:05d}.png" if folder else None
    if file is None or not file.is_file():
        raise HTTPException(404, f"Evaluation {key} has no photograph {number}; evaluate again.")
    return file


def _size(key: str, number: int) -> tuple[int, int]:
    with Image.open(_probability(key, number)) as image:
        return image.size


def _files(key: str, number: int) -> dict[str, Any]:
    return _images(_probability(key, number).with_name("images.json"))[number - 1]


@lru_cache(maxsize=32)
def _images(file: Path) -> list[dict[str, Any]]:
    return list(json.loads(file.read_text(encoding="utf-8")))
