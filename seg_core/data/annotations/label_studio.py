"""Label Studio's own JSON and JSON-MIN: https://labelstud.io/guide/export.

Positions are percentages of the photograph. Brush strokes are packed by ``@thi.ng/rle-pack``: all four channels of a picture, of
which the last says what is painted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import unquote

import numpy as np

from seg_core.data.annotations.shapes import Annotated, Annotations, Shape, checked_size, ellipse

_PICTURE = re.compile(r"\.(?:jpe?g|jfif|png|tiff?|bmp|webp|heic|heif|avif)$", re.I)
_BOX_KEYS = {"x", "y", "width", "height"}


def is_label_studio(content: Any) -> bool:
    """True for the content of a JSON file that Label Studio has exported."""
    return isinstance(content, list) and bool(content) and all(isinstance(task, dict) and _address(task) for task in content[:20])


def read_label_studio(content: Any) -> Annotations:
    """Read Label Studio's tasks. Of several annotations of a photograph, the last that was not cancelled counts.

    A task without an annotation, or with boxes or nothing alone, is left out.

    Raises:
        KeyError, TypeError, ValueError: if something is missing or wrong.
    """
    photos, boxes = [], 0
    for task in content:
        photo: Annotated | None = None
        for result in _results(task):
            size = checked_size(result["original_width"], result["original_height"])
            region = _region(result.get("value", result), size)
            if region is None:
                boxes += set(result.get("value", result)) >= _BOX_KEYS
            else:
                photo = photo or Annotated(_name(task), size)
                photo.shapes.append(Shape(_label(result.get("value", result)), region))
        photos += [photo] if photo else []
    return Annotations("Label Studio", photos, boxes)


def _address(task: dict[str, Any]) -> str:
    """Return the address of a task's photograph; empty if it has none."""
    data = task["data"] if isinstance(task.get("data"), dict) else task
    found = (value for value in data.values() if isinstance(value, str) and _PICTURE.search(_path(value)))
    return next(found, "")


def _path(address: str) -> str:
    return unquote(address.rpartition("?d=")[2] if "?d=" in address else address.partition("?")[0])


def _name(task: dict[str, Any]) -> str:
    return _path(_address(task)).replace("\\", "/").rpartition("/")[2]


def _results(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the marks on a photograph."""
    if "data" in task:
        done = [each for each in task.get("annotations") or task.get("completions") or [] if not each.get("was_cancelled")]
        found: Any = (
            max(done, key=lambda each: str(each.get("updated_at") or each.get("created_at") or ""))["result"] if done else []
        )
    else:  # JSON-MIN: under the names of the controls
        found = [each for value in task.values() if isinstance(value, list) for each in value]
    yield from (each for each in found if isinstance(each, dict) and "original_width" in each)


def _label(value: dict[str, Any]) -> str:
    found = next((labels for key, labels in value.items() if key.endswith("labels") and isinstance(labels, list)), [])
    return str(found[0]) if found else ""


def _region(value: dict[str, Any], size: tuple[int, int]) -> list[float] | np.ndarray | None:
    """Return the region of a mark, None for a box or what marks no region."""
    across, down = size[0] / 100, size[1] / 100
    if value.get("format") == "rle":
        return _unpacked(value["rle"], size)
    if "points" in value:
        return [float(part) for x, y in value["points"] for part in (x * across, y * down)]
    if "radiusX" in value:
        place = value["x"] * across, value["y"] * down, value["radiusX"] * across, value["radiusY"] * down
        return ellipse(*place, value.get("rotation", 0))
    return None


def _unpacked(packed: Sequence[int], size: tuple[int, int]) -> np.ndarray:
    """Unpack a picture of brush strokes, (H, W) bool.

    It begins with the number of values in 32 bits, the bits of a value and of four sizes of counts, in 5 and 4 bits each, less 1.
    Runs follow: a bit that tells one value for all from a value for each, two bits for the size of the count, the count less 1.
    """
    bits = np.unpackbits(np.asarray(packed, dtype=np.uint8))
    place = 0

    def read(count: int) -> int:
        nonlocal place
        found, place = bits[place : place + count], place + count
        if len(found) < count:
            raise ValueError("brush strokes that end too early")
        return int("".join(map(str, found.tolist())), 2)

    values = read(32)
    if values != size[0] * size[1] * 4:
        raise ValueError("brush strokes that do not fill the photograph")
    width, sizes = read(5) + 1, [read(4) + 1 for _ in range(4)]
    unpacked, filled = np.zeros(values, dtype=np.int64), 0
    weights = 1 << np.arange(width)[::-1]
    while filled < values:
        is_run, count = read(1), read(sizes[read(2)]) + 1
        if filled + count > values:
            raise ValueError("brush strokes that do not fill the photograph")
        if is_run:
            unpacked[filled : filled + count] = read(width)
        else:
            each = bits[place : place + count * width]
            if len(each) < count * width:
                raise ValueError("brush strokes that end too early")
            unpacked[filled : filled + count] = each.reshape(count, width) @ weights
            place += count * width
        filled += count
    painted: np.ndarray = unpacked.reshape(size[1], size[0], 4)[..., 3] > 0
    return painted
