"""Large images in horizontal strips, so that what is computed from them takes little memory beside the image itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image

STRIP = 1 << 20
"""Pixels of a strip, about."""

_INTEGER_RANGES = (255, 1023, 4095, 16383, 65535)  # of 8, 10, 12, 14 and 16 bits


def strips(image: Image.Image, *, rows: int = 1, beside: int = 0) -> Iterator[tuple[int, Image.Image]]:
    """Cut a decoded image into strips from top to bottom; give the first row of each, and the strip.

    Args:
        image: the image.
        rows: every strip but the last has a multiple of so many rows.
        beside: so many rows above and below belong to a strip too, where there are any.
    """
    width, height = image.size
    step = max(1, STRIP // (width * rows)) * rows
    for top in range(0, height, step):
        yield top, image.crop((0, max(0, top - beside), width, min(top + step + beside, height)))


def to_rgb(image: Image.Image, shrink: tuple[int, int] = (1, 1)) -> Image.Image:
    """Convert a decoded image of any mode to 8-bit RGB, with transparency over white, in at most four more bytes a pixel.

    Every block of ``shrink`` pixels (across, down) becomes one of their mean colour. The image itself is returned where nothing
    is to be done.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image if shrink == (1, 1) else image.reduce(shrink)
    across, down = shrink
    rgb = Image.new("RGB", (-(-image.width // across), -(-image.height // down)))
    rgb.info = image.info
    top_value = _top_value(image) if _is_deep(image) else None
    for top, strip in strips(image, rows=down):
        rgb.paste(_strip_to_rgb(strip, top_value).reduce(shrink), (0, top // down))
    return rgb


def to_8_bit(values: np.ndarray, top: float) -> np.ndarray:
    """Scale values of 0 to ``top`` to bytes, in eight bytes of memory a value."""
    scaled = np.divide(values, top, dtype=np.float32)
    np.nan_to_num(scaled, copy=False)
    scaled *= 255
    np.clip(scaled, 0, 255, out=scaled)
    np.rint(scaled, out=scaled)
    whole: np.ndarray = scaled.astype(np.uint8)
    return whole


def _strip_to_rgb(strip: Image.Image, top_value: float | None) -> Image.Image:
    if top_value is not None:
        return Image.fromarray(to_8_bit(np.asarray(strip), top_value)).convert("RGB")
    if "A" in strip.getbands() or "transparency" in strip.info:
        layer = strip.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return strip.convert("RGB")


def _is_deep(image: Image.Image) -> bool:
    """Return whether an image holds numbers of more than 8 bits."""
    return image.mode.startswith("I") or image.mode == "F"


def _top_value(image: Image.Image) -> float:
    """Return the number that stands for white.

    Files state no range: it is that of the bits really used, or the smallest usual one that holds all values.
    """
    highest = max(float(np.nanmax(np.asarray(strip), initial=0)) for _, strip in strips(image))
    ranges = _INTEGER_RANGES if image.mode.startswith("I;16") else (1, *_INTEGER_RANGES, highest)
    return next(top for top in ranges if highest <= top)
