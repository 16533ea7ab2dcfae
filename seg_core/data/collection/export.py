"""A collection in the layouts of other programs: its photographs with masks, without those that are excluded."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seg_core.common.atomic_file import partial_suffix
from seg_core.common.home import expanded
from seg_core.data.collection.collection import Collection
from seg_core.data.collection.contents import Item
from seg_core.data.collection.export_layouts import LAYOUTS, Files, Layout
from seg_core.errors import InputError

LEFT_OUT = "left-out.txt"
"""The file of an archive that names the photographs which could not be read."""


def export_collection(
    collection: Collection, layout: str, target: str | Path, on_progress: Callable[[int, int], None] | None = None
) -> int:
    """Write a collection into a new folder, which appears whole or not at all; return the number of photographs.

    - ``isic``: the folders of ISIC 2016, masks called ``ID_Segmentation.png``;
    - ``images-masks``: ``images/`` and ``masks/``, masks called ``ID.png``;
    - ``coco``: ``images/`` and ``annotations.json`` with packed run lengths of the class ``lesion``;
    - ``nnunet``: ``imagesTr/ID_0000.png``, ``labelsTr/ID.png`` of 0 and 1, and ``dataset.json`` (nnU-Net 2).

    Photographs are copied as they are. One that its camera stored on its side is written upright as PNG, as all are for nnU-Net,
    so that the mask fits in programs that read no EXIF.

    Raises:
        InputError: if there is no such layout, the folder is not empty or cannot be written, no photograph has a mask, or one
            cannot be read.
    """
    export, masks = _begin(collection, layout)
    with _new_folder(expanded(target)) as folder:
        for done, (id, mask) in enumerate(masks.items(), start=1):
            _write(export.files(id, collection.photograph(id), mask), folder)
            if on_progress:
                on_progress(done, len(masks))
        _write(export.facts(), folder)
    return len(masks)


def export_archive(collection: Collection, layout: str) -> Iterator[bytes]:
    """Return a collection as a zip archive, in pieces: no more than one photograph is in memory, and nothing on the disk.

    The layouts are those of `export_collection`. A photograph that cannot be read is left out; ``left-out.txt`` in the archive
    says why.

    Raises:
        InputError: at once, if there is no such layout or no photograph has a mask.
    """
    return _pieces(collection, *_begin(collection, layout))


def exported(items: Sequence[Item]) -> dict[str, Path]:
    """Return the masks that an export has, by the ids of their photographs: those that are not excluded."""
    return {item.id: item.mask for item in items if item.mask and item.excluded is None}


def _begin(collection: Collection, layout: str) -> tuple[Layout, dict[str, Path]]:
    if layout not in LAYOUTS:
        raise InputError(f"There is no layout {layout!r} to export; choose {', '.join(LAYOUTS)}.")
    masks = exported(collection.items())
    if not masks:
        raise InputError(f"No photograph of {collection.name} has a mask that is not excluded; there is nothing to export.")
    return LAYOUTS[layout](), masks


def _write(files: Files, folder: Path) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)


def _pieces(collection: Collection, export: Layout, masks: Mapping[str, Path]) -> Iterator[bytes]:
    stream, left_out = _Stream(), []
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:  # photographs are packed already
        for id, mask in masks.items():
            try:
                files = export.files(id, collection.photograph(id), mask)
            except InputError as error:
                left_out.append(f"{error}\n")
                continue
            for name, content in files.items():
                archive.writestr(name, content)
            yield stream.take()
        notes = {LEFT_OUT: "".join(left_out).encode()} if left_out else {}
        for name, content in (export.facts() | notes).items():
            archive.writestr(name, content)
    yield stream.take()


class _Stream(io.RawIOBase):
    """A file to write, in which nothing is sought, whose content is taken piece by piece."""

    def __init__(self) -> None:
        self._content = bytearray()

    def write(self, content: Any) -> int:
        self._content += content
        return len(content)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken = bytes(self._content)
        self._content.clear()
        return taken


@contextmanager
def _new_folder(target: Path) -> Iterator[Path]:
    """Yield a folder to write, which takes its place at the end; after an exception it is deleted."""
    try:
        if target.exists() and not (target.is_dir() and not any(target.iterdir())):
            raise InputError(f"{target} is there and is no empty folder; name a new one, so that nothing is overwritten.")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".", suffix=partial_suffix()) as made:
            folder = Path(made, "export")
            folder.mkdir()
            yield folder
            if target.is_dir():
                target.rmdir()
            folder.rename(target)
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error.strerror or error}); name another folder.") from None
