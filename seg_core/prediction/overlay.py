"""Drawing masks over photographs."""

from __future__ import annotations

import numpy as np
from PIL import Image

from seg_core.data.image import scaled

EDGE = "#10151c"
"""Drawn beside every outline, so that it shows on light and on dark skin alike."""


def preview(photograph: Image.Image, longest: int = 1024, at_least: int = 1) -> Image.Image:
    """Return a copy whose longer side has at most ``longest`` pixels, scaled up to ``at_least`` where it is shorter."""
    longer = max(photograph.size)
    scale = min(max(longer, at_least), longest) / longer
    size = (max(1, round(photograph.width * scale)), max(1, round(photograph.height * scale)))
    return photograph.copy() if size == photograph.size else scaled(photograph, size)


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
    drawn with ``colour="#ffffff", opacity=0``. ``width`` is that of the outline in pixels; 0 takes one that fits the size. A mask
    that reaches the border of the photograph is outlined there too.

    Raises:
        ValueError: if the mask and the photograph differ in size, or the opacity is outside [0, 1].
    """
    from scipy.ndimage import binary_dilation, binary_erosion

    if mask.shape != (photograph.height, photograph.width):
        raise ValueError(f"a mask of shape {mask.shape} does not fit a photograph of {photograph.height} × {photograph.width}")
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity {opacity} is outside [0, 1]")
    drawn = photograph.convert("RGB")
    drawn = drawn.copy() if drawn is photograph else drawn
    drawn.paste(colour, mask=_stencil(mask, round(opacity * 255)))
    if outline:
        width = width or line_width(photograph.size)
        drawn.paste(EDGE, mask=_stencil(binary_dilation(mask, iterations=width) & ~mask, 200))
        drawn.paste(colour, mask=_stencil(mask & ~binary_erosion(mask, iterations=width), 255))
    return drawn


def line_width(size: tuple[int, int]) -> int:
    """Width in pixels of an outline that looks the same on photographs of every size: 2 on a side of 1024."""
    return max(1, round(max(size) / 512))


def _stencil(mask: np.ndarray, strength: int) -> Image.Image:
    return Image.fromarray(mask.astype(np.uint8) * np.uint8(strength))
