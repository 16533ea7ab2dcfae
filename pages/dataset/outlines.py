"""A photograph with its mask and a model's outlined, as one piece of HTML."""

from __future__ import annotations

import base64
import io
from functools import lru_cache

from markupsafe import Markup

from pages.shared.html import render
from seg_core.common.colours import RUN_COLOURS
from seg_core.data.image import scaled_mask
from seg_core.data.truth import read_truth
from seg_core.jobs.doubtful import DoubtfulMask, probabilities
from seg_core.prediction.overlay import draw_mask, preview

SIDE = 512
TRUTH, MODEL = "#ffffff", RUN_COLOURS[0]
LINE = 3
"""Width of an outline, in pixels."""

FIGURE = """<figure class="two-outlines"><img src="data:image/jpeg;base64,{{ picture }}" alt="{{ alt }}"></figure>"""
LEGEND = """
<p class="outline-legend">
{% for name, colour in outlines %}<span><i style="background: {{ colour }}"></i>{{ name }}</span>{% endfor %}
</p>
"""


def figure(mask: DoubtfulMask) -> Markup:
    """Return the photograph of a mask, with that in white and the model's in blue.

    Raises:
        InputError: if a file cannot be read, or the model's probabilities are gone.
    """
    return render(FIGURE, picture=_picture(mask), alt=f"{mask.pair.id} with its mask and the model's outlined")


def legend() -> Markup:
    """Return what the outlines mean."""
    return render(LEGEND, outlines=[("the mask", TRUTH), ("the model's mask", MODEL)])


@lru_cache(maxsize=100)
def _picture(mask: DoubtfulMask) -> str:
    photo, _ = preview(mask.pair.image, SIDE)
    models = scaled_mask(probabilities(mask) >= 255 * mask.threshold, photo.size)
    drawn = draw_mask(photo, scaled_mask(read_truth(mask.pair).mask, photo.size), TRUTH, opacity=0, width=LINE)
    file = io.BytesIO()
    draw_mask(drawn, models, MODEL, opacity=0, width=LINE).save(file, "JPEG", quality=85)
    return base64.b64encode(file.getvalue()).decode()
