"""Photographs with their masks outlined, small, as one piece of HTML."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from html import escape

from PIL import Image, ImageDraw

from seg_core.data.folders import Pair
from seg_core.data.image import read_mask, read_reduced, scaled_mask
from seg_core.errors import InputError
from seg_core.prediction.overlay import draw_mask, preview

SIDE = 256


def gallery(pairs: Sequence[Pair], captions: Sequence[str], label: str) -> str:
    """Pairs as figures; ``captions`` stand below their ids, and ``label`` names the whole for screen readers."""
    return f"<div class='gallery' role='group' aria-label='{escape(label)}'>{''.join(_figures(pairs, captions))}</div>"


def gallery_of_twos(pairs: Sequence[Pair], captions: Sequence[str], label: str) -> str:
    """As `gallery`, every two of them side by side in a box."""
    figures = _figures(pairs, captions)
    twos = "".join(f"<div class='two'>{one}{other}</div>" for one, other in zip(figures[::2], figures[1::2], strict=True))
    return f"<div class='gallery in-twos' role='group' aria-label='{escape(label)}'>{twos}</div>"


def _figures(pairs: Sequence[Pair], captions: Sequence[str]) -> list[str]:
    with ThreadPoolExecutor() as pool:
        pictures = list(pool.map(_picture, pairs))
    return [
        f"<figure><img src='data:image/jpeg;base64,{picture}' alt='{escape(pair.id)} with its mask outlined'>"
        f"<figcaption><b>{escape(pair.id)}</b><br>{escape(caption)}</figcaption></figure>"
        for pair, picture, caption in zip(pairs, pictures, captions, strict=True)
    ]


def _picture(pair: Pair) -> str:
    facts = [file.stat().st_mtime_ns if file.exists() else 0 for file in (pair.image, pair.mask)]
    return _encoded(pair, *facts)


@lru_cache(maxsize=500)
def _encoded(pair: Pair, *_facts: int) -> str:
    file = io.BytesIO()
    outlined(pair).save(file, "JPEG", quality=85)
    return base64.b64encode(file.getvalue()).decode()


def outlined(pair: Pair, side: int = SIDE) -> Image.Image:
    """A photograph, at most ``side`` pixels long, with its mask outlined; a grey one with words where a file cannot be read."""
    try:
        photo = preview(read_reduced(pair.image, side)[0], side, at_least=side)
        mask, _ = read_mask(pair.mask)
    except InputError:
        return _unreadable(side)
    return draw_mask(photo, scaled_mask(mask, photo.size), "#ffffff", opacity=0, width=2)  # it is shown at half its size


def _unreadable(side: int) -> Image.Image:
    image = Image.new("RGB", (side, side), "#8a929c")
    ImageDraw.Draw(image).text((side / 2, side / 2), "cannot be read", fill="#ffffff", anchor="mm", font_size=side / 10)
    return image
