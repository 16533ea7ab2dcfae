"""W&B's offline files: what a killed training really left in them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]

_HEADER, _BLOCK, _RECORD = 7, 32_768, 7
_WHOLE, _LAST = 1, 4


def records(file: Path) -> Iterator[Record]:
    """Yield the records of an offline file, up to one that was not written to its end.

    The format is that of LevelDB's logs after a header of seven bytes: blocks of 32 KiB, in which each part of a record follows
    on checksum (4 bytes), length (2) and kind (1).
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]

    content, place, record = file.read_bytes(), _HEADER, b""
    while place + _RECORD <= len(content):
        if (left := _BLOCK - place % _BLOCK) < _RECORD:
            place += left
            continue
        length, kind = int.from_bytes(content[place + 4 : place + 6], "little"), content[place + 6]
        record += content[place + _RECORD : place + _RECORD + length]
        place += _RECORD + length
        if place > len(content):
            return
        if kind in (_WHOLE, _LAST):
            try:
                yield Record.FromString(record)
            except DecodeError:
                return
            record = b""


def last_epoch(folder: Path, id: str) -> int | None:
    """Return the last epoch of which a run's offline files hold metrics, 0 if they hold none; None if there are no files.

    Args:
        folder: that in which W&B keeps its own folder ``wandb``.
        id: the run's.
    """
    files = list(folder.glob(f"wandb/offline-run-*-{id}/run-{id}.wandb"))
    if not files:
        return None
    return max((epoch for file in files for epoch in _epochs(file)), default=0)


def _epochs(file: Path) -> Iterator[int]:
    for record in records(file):
        if record.WhichOneof("record_type") == "history":
            values = {each.key or ".".join(each.nested_key): each.value_json for each in record.history.item}
            if "_step" in values and any(name.startswith("val/") for name in values):
                yield int(json.loads(values["_step"]))
