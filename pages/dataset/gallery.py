"""Small photographs with their masks outlined, as one piece of HTML."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image, ImageDraw

from pages.shared.html import render
from seg_core.data.folders import Pair
from seg_core.data.image import scaled_mask
from seg_core.data.truth import read_truth
from seg_core.errors import InputError
from seg_core.prediction.overlay import draw_mask, preview

SIDE = 256


GALLERY = """
{% macro figure(one) %}
<figure><img src="data:image/jpeg;base64,{{ one.picture }}" alt="{{ one.id }} with its mask outlined">
<figcaption><b>{{ one.id }}</b><br>{{ one.caption }}</figcaption></figure>
{% endmacro %}
<div class="gallery{{ ' in-twos' if in_twos }}" role="group" aria-label="{{ label }}">
{% for figures in groups %}
{% if in_twos %}<div class="two">{% endif %}
{% for one in figures %}{{ figure(one) }}{% endfor %}
{% if in_twos %}</div>{% endif %}
{% endfor %}
</div>
"""


@dataclass(frozen=True)
class _Figure:
    id: str
    caption: str
    picture: str
    """A JPEG in base64."""


def gallery(pairs: Sequence[Pair], captions: Sequence[str], label: str) -> str:
    """Return pairs as figures; ``captions`` stand below their ids, and ``label`` names the whole for screen readers."""
    return render(GALLERY, groups=[_figures(pairs, captions)], label=label, in_twos=False)


def gallery_of_twos(pairs: Sequence[Pair], captions: Sequence[str], label: str) -> str:
    """Return pairs as `gallery` does, in boxes of two side by side."""
    figures = _figures(pairs, captions)
    twos = list(zip(figures[::2], figures[1::2], strict=True))
    return render(GALLERY, groups=twos, label=label, in_twos=True)


def _figures(pairs: Sequence[Pair], captions: Sequence[str]) -> list[_Figure]:
    with ThreadPoolExecutor() as pool:
        pictures = list(pool.map(_picture, pairs))
    return [_Figure(pair.id, caption, picture) for pair, caption, picture in zip(pairs, captions, pictures, strict=True)]


def _picture(pair: Pair) -> str:
    facts = [file.stat().st_mtime_ns if file.exists() else 0 for file in (pair.image, *pair.masks)]
    return _encoded(pair, pair.lesion, *facts)


@lru_cache(maxsize=500)
def _encoded(pair: Pair, *_facts: str | int) -> str:
    file = io.BytesIO()
    outlined(pair).save(file, "JPEG", quality=85)
    return base64.b64encode(file.getvalue()).decode()


def outlined(pair: Pair, side: int = SIDE) -> Image.Image:
    """Return a photograph of at most ``side`` pixels with its mask outlined; a grey picture that says so if it cannot be read."""
    try:
        photo, _ = preview(pair.image, side, side)
        mask = read_truth(pair).mask
    except InputError:
        return _unreadable(side)
    return draw_mask(photo, scaled_mask(mask, photo.size), "#ffffff", opacity=0, width=2)  # it is shown at half its size


def _unreadable(side: int) -> Image.Image:
    image = Image.new("RGB", (side, side), "#8a929c")
    ImageDraw.Draw(image).text((side / 2, side / 2), "cannot be read", fill="#ffffff", anchor="mm", font_size=side / 10)
    return image
