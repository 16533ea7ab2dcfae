"""The JSON API under /api."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter

router = APIRouter(prefix="/api")


@router.get("/health")
def health() -> dict[str, str]:
    """Answers as soon as the app serves."""
    return {"status": "ok", "version": "0"}
