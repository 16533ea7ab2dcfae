"""Artefacts over a synthetic photograph, which a model must not take for the lesion: hairs, ruler, gel, stickers, lens.

Every function draws from the generator it is given, so the same state of the generator gives the same pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

SIDE = 256
"""Side of a photograph in pixels."""

Field = npt.NDArray[np.floating]
"""One value per pixel, (SIDE, SIDE)."""
Photo = npt.NDArray[np.floating]
"""Three values per pixel, (SIDE, SIDE, 3): densities, or colours of 0…255."""
Colour = Sequence[float]
"""Red, green and blue, 0…255."""

_FINE = 2  # artefacts are drawn at this multiple of the size, for smooth lines
_PIXEL = np.arange(SIDE, dtype=np.float32)
_STICKERS: tuple[Colour, ...] = ((40, 110, 215), (232, 122, 30), (205, 32, 34), (38, 145, 84), (110, 195, 200), (225, 190, 40))


def noise(rng: np.random.Generator, cells: int, octaves: int = 1) -> Field:
    """Smooth noise with about ``cells`` bumps across, mean 0 and deviation 1; each octave is finer and half as strong."""
    total = np.zeros((SIDE, SIDE), np.float32)
    for octave in range(octaves):
        count = min(cells * 2**octave, SIDE)
        grid = Image.fromarray(rng.standard_normal((count, count), dtype=np.float32))
        total += np.asarray(grid.resize((SIDE, SIDE), Image.Resampling.BICUBIC)) * 0.5**octave
    return np.asarray((total - total.mean()) / total.std())


def sigmoid(values: Field) -> Field:
    """Logistic function, without overflow far from 0."""
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -30, 30))))


def furrows(rng: np.random.Generator) -> Field:
    """Density of fine parallel skin lines."""
    long, short = int(rng.integers(6, 14)), int(rng.integers(50, 90))
    grid = Image.fromarray(rng.standard_normal((short, long), dtype=np.float32))
    lines = grid.resize((SIDE * 3 // 2, SIDE * 3 // 2), Image.Resampling.BICUBIC).rotate(
        rng.uniform(0, 180), Image.Resampling.BILINEAR
    )
    corner = SIDE // 4
    return np.asarray(lines.crop((corner, corner, corner + SIDE, corner + SIDE))) * np.float32(rng.uniform(0.004, 0.014))


def lens(rng: np.random.Generator) -> Field | None:
    """Share of light that passes the round field of the dermatoscope; None for photographs that do not show its dark rim."""
    if rng.random() >= 0.16:
        return None
    middle = SIDE / 2 + rng.normal(0, 5, 2)
    # Round fields of 4:3 photographs become tall ellipses when squeezed into a square.
    width, height = rng.uniform(0.47, 0.56) * SIDE, rng.uniform(0.54, 0.7) * SIDE
    distance = np.hypot((_PIXEL[None] - middle[0]) / width, (_PIXEL[:, None] - middle[1]) / height)
    rim = sigmoid((1 - distance) * width / rng.uniform(1, 4))
    floor = rng.uniform(0.01, 0.12)
    return np.asarray(floor + (1 - floor) * rim * np.exp(-rng.uniform(0, 0.5) * distance**6), np.float32)


def add_all(rng: np.random.Generator, photo: Photo, mask: npt.NDArray[np.bool_], through_lens: bool) -> Photo:
    """Add a random choice of artefacts to a photograph of colours.

    Stickers and rulers keep clear of the lesion's ``mask`` (SIDE, SIDE). With ``through_lens`` there are no stickers, which lie
    outside the field of a lens.
    """
    for chance, add in (
        (0.25, spots),
        (0.12, vessels),
        (0.12, stubble),
        (0.15, gel),
        (0.14, glints),
        (0.42, hairs),
        (0.04, pen),
    ):
        if rng.random() < chance:
            photo = add(rng, photo)
    if rng.random() < 0.2:
        photo = ruler(rng, photo, mask)
    if not through_lens and mask.mean() < 0.18 and rng.random() < 0.45:
        photo = sticker(rng, photo, mask)
    return photo


def spots(rng: np.random.Generator, photo: Photo) -> Photo:
    """Add a few freckles, red points or faint stains."""
    layer, draw = _layer()
    largest = 4 if rng.random() < 0.7 else 11
    for _ in range(int(rng.integers(1, 14))):
        x, y = rng.uniform(0, SIDE, 2)
        r = rng.uniform(1, largest)
        draw.ellipse(_scaled(x - r, y - r * rng.uniform(0.7, 1.3), x + r, y + r), fill=int(rng.integers(90, 255)))
    tint = (190, 90, 90) if rng.random() < 0.35 else (150, 100, 70)
    alpha = _alpha(layer, blur=rng.uniform(0.4, 0.8) * largest) * np.float32(rng.uniform(0.15, 0.6))
    return photo * (1 - alpha * (1 - np.array(tint, np.float32) / 255))


def vessels(rng: np.random.Generator, photo: Photo) -> Photo:
    """Add thin winding red lines under the skin."""
    layer, draw = _layer()
    for _ in range(int(rng.integers(2, 9))):
        draw.line(
            _walk(rng, steps=int(rng.integers(10, 40)), stride=3, bend=0.5),
            fill=int(rng.integers(80, 220)),
            width=int(rng.integers(2, 5)),
        )
    alpha = _alpha(layer, blur=1.6) * np.float32(rng.uniform(0.25, 0.6))
    return photo * (1 - alpha * np.array([0.15, 0.55, 0.45], np.float32))


def hairs(rng: np.random.Generator, photo: Photo) -> Photo:
    """Add curved hairs, mostly in one direction: a few on most photographs, many on some."""
    layer, draw = _layer()
    count = int(rng.integers(1, 9)) if rng.random() < 0.72 else int(rng.integers(10, 38))
    direction = rng.uniform(0, np.pi)
    thick = int(rng.integers(2, 5))
    for _ in range(count):
        path = _walk(rng, steps=int(rng.integers(6, 34)), stride=8, bend=0.035, direction=direction + rng.normal(0, 0.5))
        draw.line(path, fill=int(rng.integers(120, 255)), width=max(1, thick - int(rng.integers(0, 2))), joint="curve")
    colour = (
        (rng.uniform(165, 215), rng.uniform(130, 170), rng.uniform(95, 130))
        if rng.random() < 0.12
        else rng.uniform(15, 60) * np.array([1.3, 0.9, 0.75])
    )
    return _over(photo, _alpha(layer) * np.float32(rng.uniform(0.6, 0.95)), colour)


def stubble(rng: np.random.Generator, photo: Photo) -> Photo:
    """Add short cut hairs."""
    layer, draw = _layer()
    direction, reach = rng.uniform(0, np.pi), rng.uniform(1, 7)
    for _ in range(int(rng.integers(15, 90))):
        x, y = rng.uniform(0, SIDE, 2)
        turn = direction + rng.normal(0, 0.35)
        dx, dy = reach * np.cos(turn), reach * np.sin(turn)
        draw.line(_scaled(x, y, x + dx, y + dy), fill=int(rng.integers(80, 255)), width=int(rng.integers(2, 4)))
    return _over(photo, _alpha(layer) * np.float32(0.8), (52, 40, 38))


def gel(rng: np.random.Generator, photo: Photo) -> Photo:
    """Add bubbles in the contact gel: bright rims with a faint dark line beside them."""
    bright, draw_bright = _layer()
    dark, draw_dark = _layer()
    x0, y0 = rng.uniform(0, SIDE, 2)
    for _ in range(int(rng.integers(2, 16))):
        x, y = x0 + rng.normal(0, 60), y0 + rng.normal(0, 60)
        r = min(rng.gamma(1.6, 3) + 1.5, 26)
        start = rng.uniform(0, 360)
        draw_dark.ellipse(_scaled(x - r, y - r, x + r, y + r), outline=110, width=3)
        draw_bright.arc(
            _scaled(x - r, y - r, x + r, y + r), start, start + rng.uniform(90, 330), fill=int(rng.integers(120, 255)), width=3
        )
    photo = _over(photo, _alpha(dark, blur=1) * np.float32(0.5), (60, 50, 48))
    return _over(photo, _alpha(bright, blur=0.7) * np.float32(rng.uniform(0.4, 0.8)), (250, 250, 250))


def glints(rng: np.random.Generator, photo: Photo) -> Photo:
    """Add small highlights of the lamp on wet skin."""
    layer, draw = _layer()
    for _ in range(int(rng.integers(6, 60))):
        x, y = rng.uniform(0, SIDE, 2)
        r = rng.uniform(0.4, 1.5)
        draw.ellipse(_scaled(x - r, y - r, x + r, y + r), fill=int(rng.integers(100, 255)))
    return _over(photo, _alpha(layer, blur=0.8) * np.float32(rng.uniform(0.4, 0.9)), (252, 252, 250))


def pen(rng: np.random.Generator, photo: Photo) -> Photo:
    """Add a stroke of a purple skin marker at the border."""
    layer, draw = _layer()
    turn, across = rng.uniform(0, 2 * np.pi), rng.uniform(0.42, 0.55) * SIDE
    x, y = SIDE / 2 + across * np.cos(turn), SIDE / 2 + across * np.sin(turn)
    path = _walk(rng, steps=int(rng.integers(6, 16)), stride=8, bend=0.15, direction=turn + np.pi / 2, start=(x, y))
    draw.line(path, fill=230, width=int(rng.integers(12, 26)), joint="curve")
    alpha = _alpha(layer, blur=2) * np.clip(0.55 + 0.35 * noise(rng, 80), 0, 1)[..., None]
    return np.asarray(photo * (1 - alpha * np.array([0.55, 0.65, 0.25], np.float32)))


def ruler(rng: np.random.Generator, photo: Photo, mask: npt.NDArray[np.bool_]) -> Photo:
    """Add millimetre ticks along one border, bare or on a white ruler, unless they would touch the lesion."""
    layer, draw = _layer()
    step, length = rng.uniform(7, 24), rng.uniform(6, 13)
    inset, first = rng.uniform(2, 22), rng.uniform(0, 60)
    last = SIDE if rng.random() < 0.5 else rng.uniform(90, SIDE)
    for index, along in enumerate(np.arange(first, last, step)):
        tick = length * (1.7 if index % 5 == 0 else 1)
        draw.line(_scaled(along, SIDE - inset, along + length * 0.1, SIDE - inset - tick), fill=235, width=int(max(2, step / 6)))
    card, draw = _layer()
    if rng.random() < 0.2:
        draw.rectangle(_scaled(-SIDE, SIDE - inset - 2 * length, 2 * SIDE, 2 * SIDE), fill=240)
    tilt, side = rng.uniform(-8, 8), int(rng.choice(4, p=[0.55, 0.2, 0.15, 0.1]))
    ticks, white = (np.rot90(_alpha(drawn.rotate(tilt), blur=0.5), k=side) for drawn in (layer, card))
    if (mask[..., None] & (ticks + white > 0.1)).any():
        return photo
    photo = _over(photo, white, (232, 234, 232))
    return _over(photo, ticks * np.float32(0.85), (28, 26, 28))


def sticker(rng: np.random.Generator, photo: Photo, mask: npt.NDArray[np.bool_]) -> Photo:
    """Add one or two coloured round stickers that reach in from the border, unless they would touch the lesion."""
    for _ in range(int(rng.integers(2, 4))):
        turn, r = rng.uniform(0, 2 * np.pi), rng.uniform(50, 95)
        away = SIDE / 2 + rng.uniform(0.1, 0.6) * r
        x, y = SIDE / 2 + away * np.cos(turn) * rng.uniform(0.9, 1.1), SIDE / 2 + away * np.sin(turn)
        layer, draw = _layer()
        draw.ellipse(_scaled(x - r * 0.75, y - r, x + r * 0.75, y + r), fill=255)
        alpha = _alpha(layer, blur=0.8)
        if mask[alpha[..., 0] > 0.05].any():
            continue
        colours = rng.permutation(len(_STICKERS))
        weave = 1 + rng.uniform(0.01, 0.04) * noise(rng, 90)[..., None]
        photo = _over(photo, alpha, np.array(_STICKERS[colours[0]], np.float32) * weave * rng.uniform(0.75, 1))
        if rng.random() < 0.4:
            layer, draw = _layer()
            draw.ellipse(_scaled(x - r * 0.38, y - r / 2, x + r * 0.38, y + r / 2), fill=255)
            photo = _over(photo, _alpha(layer, blur=0.8), np.array(_STICKERS[colours[1]], np.float32) * weave)
    return photo


def _layer() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    layer = Image.new("L", (SIDE * _FINE, SIDE * _FINE))
    return layer, ImageDraw.Draw(layer)


def _alpha(layer: Image.Image, blur: float = 0.4) -> Field:
    """Opacity (SIDE, SIDE, 1), 0…1, of the drawing on a layer."""
    small = layer.reduce(_FINE).filter(ImageFilter.GaussianBlur(blur))
    return np.asarray(small, np.float32)[..., None] / 255


def _over(photo: Photo, alpha: Field, colour: Colour | npt.NDArray[np.floating]) -> Photo:
    return photo + alpha * (np.asarray(colour, np.float32) - photo)


def _scaled(*coordinates: float) -> list[float]:
    return [float(coordinate * _FINE) for coordinate in coordinates]


def _walk(
    rng: np.random.Generator,
    steps: int,
    stride: float,
    bend: float,
    direction: float | None = None,
    start: tuple[float, float] | None = None,
) -> list[float]:
    """A winding path as x, y, x, y, … on a layer; its curvature drifts, so it has no corners."""
    turn = rng.uniform(0, 2 * np.pi) if direction is None else direction
    curve = rng.normal(0, bend) + np.cumsum(rng.normal(0, bend / 3, steps))
    angles = turn + np.cumsum(curve)
    x, y = start if start is not None else rng.uniform(-0.1, 1.1, 2) * SIDE
    path = np.stack([x + np.cumsum(np.cos(angles)) * stride, y + np.cumsum(np.sin(angles)) * stride], axis=-1)
    return _scaled(*path.ravel())
