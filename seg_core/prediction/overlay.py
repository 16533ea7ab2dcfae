"""Drawing masks over photographs."""

from __future__ import annotations

from functools import partial

import numpy as np
from PIL import Image, ImageColor

from seg_core.data.image import Reader, Size, Source, read_scaled

DARK_HALO, LIGHT_HALO = "#10151c", "#ffffff"
"""Drawn on both sides of light and of dark outlines, so that they show on every skin and on a projector."""


def preview(
    photograph: Source, longest: int = 1024, at_least: int = 1, name: str = "", read: Reader = read_scaled
) -> tuple[Image.Image, Size]:
    """Read a photograph, called ``name`` in errors, at its `preview_size`; give it and its own width and height.

    Raises:
        InputError: as `seg_core.data.image.read_image`.
    """
    return read(photograph, partial(preview_size, longest=longest, at_least=at_least), name, draft=longest)


def preview_size(size: Size, longest: int = 1024, at_least: int = 1) -> Size:
    """Scale a size: its longer side to at most ``longest`` pixels, or up to ``at_least`` where it is shorter."""
    longer = max(size)
    scale = min(max(longer, at_least), longest) / longer
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def draw_mask(
    photograph: Image.Image,
    mask: np.ndarray,
    colour: str,
    *,
    opacity: float = 0.4,
    outline: bool = True,
    width: int = 0,
) -> Image.Image:
    """Lay a mask (H, W) bool over a photograph of the same size, as a tint and as an outline.

    ``colour`` is #rrggbb; ``opacity`` is that of the tint, from 0 (none) to 1 (the photograph is hidden). Truth is
    drawn with ``colour="#ffffff", opacity=0``. ``width`` is that of the outline in pixels, which lies within the mask; 0 takes
    one that fits the size. Its halo, half as wide, lies on both sides. A mask that reaches the border of the photograph is
    outlined there too.

    Raises:
        ValueError: if the mask and the photograph differ in size, or the opacity is outside [0, 1].
    """
    if mask.shape != (photograph.height, photograph.width):
        raise ValueError(f"a mask of shape {mask.shape} does not fit a photograph of {photograph.height} × {photograph.width}")
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity {opacity} is outside [0, 1]")
    drawn = photograph.convert("RGB")
    drawn = drawn.copy() if drawn is photograph else drawn
    if opacity:
        _paint(drawn, colour, mask, round(opacity * 255))
    if outline:
        line, halo = outline_bands(mask, width or line_width(photograph.size))
        _paint(drawn, LIGHT_HALO if _is_dark(colour) else DARK_HALO, halo, 215)
        _paint(drawn, colour, line, 255)
    return drawn


def outline_bands(mask: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels (H, W) bool of a mask's outline, ``width`` wide within the mask, and of the halo on both of its sides."""
    line, halo = np.zeros_like(mask), np.zeros_like(mask)
    if not mask.any():
        return line, halo
    beside = max(1, width // 2)
    rows, columns = (_around(np.any(mask, axis=axis), beside) for axis in (1, 0))  # the rest takes time and holds nothing
    part = mask[rows, columns]
    outside = np.pad(~part, 1, constant_values=True)  # beyond the border of the photograph there is no mask
    near = _grown(outside, width)
    line[rows, columns] = part & near[1:-1, 1:-1]
    within = part & _grown(near, beside)[1:-1, 1:-1] & ~near[1:-1, 1:-1]
    halo[rows, columns] = within | (_grown(part, beside) & ~part)
    return line, halo


def _grown(mask: np.ndarray, steps: int) -> np.ndarray:
    """Return a mask with all pixels that are so many steps along rows and columns away."""
    for _ in range(steps):
        grown = mask.copy()
        grown[1:] |= mask[:-1]
        grown[:-1] |= mask[1:]
        grown[:, 1:] |= mask[:, :-1]
        grown[:, :-1] |= mask[:, 1:]
        mask = grown
    return mask


def _around(filled: np.ndarray, margin: int) -> slice:
    """From the first to the last that is true, and ``margin`` more on both sides."""
    places = np.flatnonzero(filled)
    return slice(max(0, places[0] - margin), places[-1] + margin + 1)


def line_width(size: tuple[int, int]) -> int:
    """Width in pixels of an outline that looks the same on photographs of every size: 5 on a side of 1024."""
    return max(1, round(max(size) / 205))


def _is_dark(colour: str) -> bool:
    red, green, blue = ImageColor.getrgb(colour)[:3]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 140  # as in pages/live/drawing.js


def _paint(picture: Image.Image, colour: str, mask: np.ndarray, strength: int) -> None:
    """Lay a colour over the pixels of a mask; ``strength`` is 255 where nothing shines through."""
    stencil = Image.fromarray(mask)
    if box := stencil.getbbox():  # the rest takes time
        part = stencil.crop(box)
        picture.paste(colour, box, part if strength == 255 else part.convert("L").point(lambda value: value and strength))
