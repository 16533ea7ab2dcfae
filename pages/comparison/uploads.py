"""Checkpoints that visitors upload to compare them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from pathlib import Path

import streamlit as st

from pages.shared.markdown import plain
from pages.shared.visitor import tells_viewer
from seg_core.common.atomic_file import partial_suffix, remove_partials
from seg_core.common.home import home
from seg_core.common.text import slug
from seg_core.errors import InputError
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.prediction.checkpoint_file import read_metadata
from seg_core.prediction.metadata import checkpoint_label

MOST_KEPT = 20
"""Uploaded checkpoints that are kept; the least recently used are deleted."""
FRESH = 3600
"""Seconds in which a use does not change a file's time, by which its digest is remembered."""


def uploaded_models() -> dict[str, Path]:
    """Let the visitor upload checkpoints; return their paths by label, in the order of the uploads."""
    if tells_viewer():
        return {}
    files = st.file_uploader("Model files", type="safetensors", accept_multiple_files=True, key="uploaded-models")
    models: dict[str, Path] = {}
    for file in files:
        try:
            label, path = keep(file.name, file.getvalue())
        except InputError as error:
            st.error(plain(str(error)))
            continue
        name = f"{label}, {file.name}"
        models[name if models.get(name, path) == path else f"{name}, {path.name[:6]}"] = path
    return models


def keep(name: str, content: bytes) -> tuple[str, Path]:
    """Keep an uploaded checkpoint under its content's digest, so that its evaluations are found again; return label and path.

    Raises:
        InputError: if it is no checkpoint, or damaged.
    """
    folder = home() / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    remove_partials(folder)
    path = folder / f"{hashlib.sha256(content).hexdigest()[:16]}-{slug(Path(name).stem)}.safetensors"
    if not _used(path):
        with tempfile.TemporaryDirectory(dir=folder, prefix=".", suffix=partial_suffix()) as made:
            written = Path(made, path.name)
            written.write_bytes(content)
            label = load_checkpoint(written, name).label  # loaded once as a test, since anybody may have written it
            written.replace(path)
        _make_room(folder)
        return label, path
    return checkpoint_label(read_metadata(path, name)), path  # it was tested when it was first uploaded


def _used(path: Path) -> bool:
    """Return True if a file exists, which then counts as used now."""
    try:
        if time.time() - path.stat().st_mtime > FRESH:
            os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _make_room(folder: Path) -> None:
    kept = []
    for file in folder.glob("*.safetensors"):
        with contextlib.suppress(FileNotFoundError):  # another visitor's upload deleted it
            kept.append((file.stat().st_mtime, file))
    for _, old in sorted(kept, reverse=True)[MOST_KEPT:]:
        old.unlink(missing_ok=True)
