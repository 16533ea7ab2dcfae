"""What the file of a mask holds: numbers or colours, how often each occurs, and which of them fill areas."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageChops

from seg_core.data.image_file import decoding, load, open_image, orientation, turned
from seg_core.data.strips import strips
from seg_core.errors import InputError

Kind = Literal["grey", "alpha", "colour", "index"]
"""Where the mask is: in grey values, in the transparency, in colours, or in the numbers of a palette's entries."""

_COLOURED = 32
"""Difference of red, green and blue from which on a pixel has a colour, and not just the traces of a compression."""

_LISTED = 1 << 16
"""So many different colours are counted by Pillow, which is fast while there are few."""

MOST_VALUES = 1 << 18
"""So many different values are told apart: each takes a hundred bytes, and a mask has few."""


class UnclearMaskError(InputError):
    """A mask whose values do not say where the lesion is."""


@dataclass(frozen=True, eq=False)
class MaskPixels:
    """The decoded pixels of one mask, turned upright. Its values are numbers, or colours packed as 0xBBGGRR."""

    name: str
    kind: Kind
    image: Image.Image = field(repr=False)
    """Of mode L, I, I;16 or F; RGB for colours."""
    lossy: bool
    has_palette: bool

    def strips(self, beside: int = 0) -> Iterator[tuple[int, np.ndarray]]:
        """Give the values from top to bottom: the first row of each strip, and (h, W) numbers, or colours as uint32.

        So many rows ``beside`` a strip, above and below, belong to it too, where there are any.
        """
        for top, strip in strips(self.image, beside=beside):
            yield (
                top,
                np.asarray(strip.convert("RGBA")).view("<u4")[..., 0] & 0xFFFFFF if self.kind == "colour" else np.asarray(strip),
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.image.height, self.image.width

    @cached_property
    def counts(self) -> dict[float, int]:
        """How many pixels hold each value."""
        if self.image.mode == "L":
            return {value: count for value, count in enumerate(self.image.histogram()) if count}
        if self.kind == "colour" and (listed := self.image.getcolors(_LISTED)):
            return {pack(colour): count for count, colour in listed if isinstance(colour, tuple)}
        counts = _counted(values for _, values in self.strips())
        return {math.nan: self.image.width * self.image.height} if any(map(math.isnan, counts)) else counts

    @cached_property
    def areas(self) -> dict[float, int]:
        """How many pixels of each value lie among eight neighbours of the same value. A smoothed edge has none.

        Where there are just two values, both fill areas, and nothing is counted.
        """
        if len(self.counts) <= 2:
            return self.counts
        return _counted(_inside(values) for _, values in self.strips(beside=1))

    @property
    def corners(self) -> list[float]:
        """The values of the four corners."""
        right, bottom = self.image.width - 1, self.image.height - 1
        found = [self.image.getpixel(place) for place in ((0, 0), (right, 0), (0, bottom), (right, bottom))]
        return [pack(value) if isinstance(value, tuple) else float(value or 0) for value in found]


def _inside(values: np.ndarray) -> np.ndarray:
    """Return those of (h, W) values that lie among eight neighbours of the same value; none lies in the first and last row."""
    rows = values[:, 1:] == values[:, :-1]
    rows = rows[:, 1:] & rows[:, :-1]
    columns = values[1:] == values[:-1]
    columns = columns[1:, 1:-1] & columns[:-1, 1:-1]
    inside: np.ndarray = values[1:-1, 1:-1][rows[2:] & rows[1:-1] & rows[:-2] & columns]
    return inside


def _counted(parts: Iterable[np.ndarray]) -> dict[float, int]:
    """Count the values of arrays of one kind. Where there are very many, as in photographs, near ones are counted as one."""
    values, counts = np.empty(0), np.empty(0, np.int64)
    for part in parts:
        found, times = np.unique(part, return_counts=True)
        if len(values):
            found, times = np.concatenate([values, found]), np.concatenate([counts, times])
        values, counts = _summed(found, times)
        if len(values) > MOST_VALUES:
            values, counts = _summed(_coarse(values), counts)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _summed(values: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    different, place = np.unique(values, return_inverse=True)
    summed = np.zeros(len(different), np.int64)
    np.add.at(summed, place, counts)
    return different, summed


def _coarse(values: np.ndarray) -> np.ndarray:
    """Drop the lowest bits: three of each colour, thirteen of floating-point numbers, ten of whole ones."""
    if values.dtype == np.float32:
        return (values.view(np.uint32) & 0xFFFFE000).view(np.float32)
    return values & (0xF8F8F8 if values.dtype == np.uint32 else -1024)


def read_pixels(source: Path | bytes, name: str, kind: Kind | None = None) -> MaskPixels:
    """Decode a mask as ``kind``, or as the kind that it is.

    Raises:
        InputError: as `seg_core.data.image.read_image`, and if the file is not of this kind.
    """
    with open_image(source, name) as opened:
        decoded = load(opened, name)
        lossy = decoded.format in ("JPEG", "MPO") or (decoded.format == "WEBP")
        with decoding(name):
            image = turned(decoded, orientation(decoded))
            if image is not decoded:
                decoded.close()  # its memory is needed
            kind = kind or _kind_of(image)
            return MaskPixels(name, kind, _converted(image, kind, name), lossy, image.mode == "P")


def _kind_of(image: Image.Image) -> Kind:
    if (alpha := _alpha(image)) is not None and len(alpha.getcolors(256) or []) > 1:
        return "alpha"
    if image.mode in ("1", "L", "LA", "F") or image.mode.startswith("I"):
        return "grey"
    if image.mode == "P" and len(image.getcolors(256) or []) > 1 and len(image.convert("RGB").getcolors(256) or []) == 1:
        return "index"  # a palette that shows nothing
    return "colour" if any(_has_colour(strip) for _, strip in strips(image)) else "grey"


def _has_colour(image: Image.Image) -> bool:
    red, green, blue = image.convert("RGB").split()
    pairs = (red, green), (green, blue), (blue, red)
    return any(any(ImageChops.difference(*pair).histogram()[_COLOURED + 1 :]) for pair in pairs)


def _alpha(image: Image.Image) -> Image.Image | None:
    if "A" in image.getbands():
        return image.getchannel("A")
    return image.convert("RGBA").getchannel("A") if "transparency" in image.info else None


def _converted(image: Image.Image, kind: Kind, name: str) -> Image.Image:
    if kind == "alpha":
        alpha = _alpha(image)
        if alpha is None:
            raise UnclearMaskError(f"{name} has no transparency, which is what the masks beside it consist of; save it likewise.")
        return alpha
    if kind == "colour":
        return image.convert("RGB")
    if kind == "index":
        if image.mode not in ("P", "L", "1"):
            raise UnclearMaskError(f"{name} has no palette, unlike the masks beside it; save it likewise.")
        return Image.frombytes("L", image.size, image.tobytes()) if image.mode == "P" else image.convert("L")
    if _kind_of(image) == "colour":
        raise UnclearMaskError(f"{name} is a picture with colours; the masks beside it are grey. Save it as grey, from 0 to 255.")
    return image if image.mode == "F" or image.mode.startswith("I") else image.convert("L")


def pack(colour: tuple[int, ...]) -> int:
    """Return red, green and blue as one number."""
    return colour[0] | colour[1] << 8 | colour[2] << 16


def unpack(value: float) -> tuple[int, int, int]:
    """Return the red, green and blue that `pack` packed."""
    number = int(value)
    return number & 255, number >> 8 & 255, number >> 16
