"""Files that browsers fetch once and keep: the drawings in assets/, Plotly's script, and the pictures of the documents."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import FileResponse

from pages.live.plotly import PLOTLY_SCRIPT
from seg_core.common.home import PROJECT

ASSETS = Path(__file__).parents[1] / "assets"
PICTURES = PROJECT / "docs" / "images"
KEEP = {"Cache-Control": "public, max-age=31536000, immutable"}

router = APIRouter(prefix="/assets", include_in_schema=False)


@router.get("/plotly.min.js")
def plotly_script() -> FileResponse:
    """Plotly's browser library. It may be kept for a year: its address, `PLOTLY_URL`, contains the version."""
    return FileResponse(PLOTLY_SCRIPT, media_type="text/javascript", headers=KEEP)


@router.get("/pictures/{name}")
def picture(name: str) -> FileResponse:
    """A picture of the documents."""
    file = PICTURES / name
    if file.parent != PICTURES or not file.is_file():
        raise HTTPException(404, f"There is no picture {name}.")
    return FileResponse(file, headers={"Cache-Control": "public, max-age=3600"})


@router.get("/{name}.svg")
def drawing(name: str) -> FileResponse:
    """A drawing of ours, in SVG."""
    file = ASSETS / f"{name}.svg"
    if file.parent != ASSETS or not file.is_file():
        raise HTTPException(404, f"There is no drawing {name}.svg.")
    return FileResponse(file, media_type="image/svg+xml", headers={"Cache-Control": "public, max-age=3600"})
