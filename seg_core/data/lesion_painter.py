"""Paints one synthetic dermoscopy photograph of a skin lesion, with its mask.

Colours are optical densities: skin and pigment add up as densities, and a pixel is ``light * exp(-density)``, so that
pigment darkens every skin and every light as it does in a photograph. The constants (sizes, places, contrasts, how far a
mask lies outside the visible edge) follow what was measured on the ISIC 2016 training photographs; no pixel comes from one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from seg_core.data import lesion_artefacts as artefacts
from seg_core.data.lesion_artefacts import SIDE, Field, Photo, noise

# Skin under the lights of real dermatoscopes: probability and mean colour (0…255); the last three are darker skins.
SKINS: tuple[tuple[float, tuple[int, int, int]], ...] = (
    (0.21, (184, 169, 162)),
    (0.15, (162, 144, 134)),
    (0.12, (194, 190, 186)),
    (0.10, (233, 205, 194)),
    (0.09, (240, 230, 222)),
    (0.09, (228, 177, 163)),
    (0.08, (201, 152, 124)),
    (0.05, (226, 150, 96)),
    (0.04, (168, 172, 214)),
    (0.03, (166, 118, 88)),
    (0.02, (128, 88, 66)),
    (0.02, (96, 66, 52)),
)

_AXIS = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE * 2 - 1
Y, X = (axis.astype(np.float32) for axis in np.meshgrid(_AXIS, _AXIS, indexing="ij"))


@dataclass(frozen=True)
class Painting:
    """A photograph, uint8 (SIDE, SIDE, 3), and its mask, bool (SIDE, SIDE), True in the lesion."""

    photo: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Lesion:
    """Where a lesion is.

    ``mask`` (SIDE, SIDE) is what an expert would draw. ``depth`` is about the distance in pixels from the visible edge,
    positive inside. ``radius`` is the distance from the centre, 1 on the edge. ``area`` is the mask's share of the photograph.
    """

    mask: npt.NDArray[np.bool_]
    depth: Field
    radius: Field
    area: float


def paint(rng: np.random.Generator) -> Painting:
    """Paint one photograph from the numbers of `rng`; the same numbers give the same pixels."""
    lens = artefacts.lens(rng)
    lesion = _lesion(rng, most=0.85 if lens is None else 0.5)
    density = _skin(rng)
    density += _pigment(rng, lesion)
    photo = 255 * np.exp(-density) * _light(rng)[..., None]
    photo = artefacts.add_all(rng, photo, lesion.mask)
    mask = lesion.mask
    if lens is not None:
        photo *= lens[..., None]
        mask = mask & (lens > 0.3)
    return Painting(_develop(rng, photo), mask)


def _lesion(rng: np.random.Generator, most: float) -> Lesion:
    """A star-shaped outline, bent and frayed by noise, grown until the mask has the area that was drawn (at most `most`)."""
    area = float(np.clip(1 / (1 + np.exp(rng.normal(1.3, 1.12))), 0.02, most))
    room = 1 - np.sqrt(area)
    x = X - rng.normal(-0.02, 0.22) * room
    y = Y - rng.normal(0, 0.2) * room
    size = np.sqrt(area)
    lumps = rng.uniform(0.02, 0.12) * size
    x = x + lumps * noise(rng, 4)
    y = y + lumps * noise(rng, 4)
    smooth = _radius(rng, x, y)

    fray = rng.uniform(0.1, 1) * 0.022
    frayed_x, frayed_y = (fray * (noise(rng, 18) + 0.6 * noise(rng, 40)) for _ in range(2))
    slope = np.hypot(*np.gradient(smooth)) * SIDE / 2
    frayed = smooth + slope * (frayed_x + frayed_y) * np.sqrt(size)

    # About half of the real masks follow every tooth of the edge, the others were drawn around it by hand.
    by_hand = rng.random() < 0.45
    drawn = smooth if by_hand else frayed
    edge = np.quantile(drawn, area)
    mask = drawn < edge
    margin = rng.uniform(2, 9) * size ** 0.5 if by_hand else rng.uniform(0, 5) * size ** 0.5
    pixels = np.sqrt(area / np.pi) * SIDE
    depth = (1 - frayed / edge) * pixels - margin
    return Lesion(mask, depth.astype(np.float32), (smooth / edge).astype(np.float32), area)


def _radius(rng: np.random.Generator, x: Field, y: Field) -> Field:
    """Distance from the centre in units of an ellipse with lobes: its level lines are the outlines."""
    stretch = np.exp(abs(rng.normal(0.32, 0.2)) / 2)
    turn = rng.uniform(0, np.pi)
    u = (x * np.cos(turn) + y * np.sin(turn)) / stretch
    v = (y * np.cos(turn) - x * np.sin(turn)) * stretch
    angle = np.arctan2(v, u)
    lobes = rng.uniform(0.03, 0.2)
    reach = np.zeros_like(x)
    for wave in range(2, 9):
        reach += lobes / wave**1.1 * rng.normal() * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    return (np.hypot(u, v) * np.exp(-reach)).astype(np.float32)


def _skin(rng: np.random.Generator) -> Photo:
    """Density of the skin: its colour, mottling, redness, fine grain and, on some, furrows."""
    chance = np.array([share for share, _ in SKINS])
    colour = np.array(SKINS[rng.choice(len(SKINS), p=chance / chance.sum())][1], dtype=np.float32)
    colour = np.clip(colour * np.exp(rng.normal(0, 0.05)) * np.exp(rng.normal(0, 0.025, 3)), 20, 252)
    density = np.broadcast_to(-np.log(colour / 255), (SIDE, SIDE, 3)).astype(np.float32)
    mottling = rng.uniform(0.008, 0.04) * noise(rng, 5, octaves=3) + rng.uniform(0.003, 0.012) * noise(rng, 110)
    if rng.random() < 0.35:
        mottling += artefacts.furrows(rng)
    density = density + mottling[..., None] * np.array([0.7, 1.1, 1.2], np.float32)
    redness = rng.gamma(1.0, 0.035) * np.maximum(noise(rng, int(rng.integers(4, 14)), octaves=2) - 0.4, 0)
    return density + redness[..., None] * np.array([0.2, 1.0, 0.8], np.float32)


def _pigment(rng: np.random.Generator, lesion: Lesion) -> Photo:
    """Density that the lesion adds: an amount per pixel, coloured from tan through brown to black, red or blue-grey."""
    # Strong pigment ends sharply, faint pigment fades out.
    strength = float(np.clip(0.47 * np.exp(rng.normal(0, 0.62)), 0.13, 1.7))
    softness = rng.uniform(1.2, 6) * np.sqrt(0.5 + lesion.area)
    presence = 1 / (1 + np.exp(-np.clip((lesion.depth - softness) / softness, -30, 30)))
    amount = strength * presence * _pattern(rng, lesion)

    hue = np.exp(rng.normal(0, 1, 3) * [0.3, 0.06, 0.13])
    red, green, blue = 0.46 * hue[0] * amount**1.6, hue[1] * amount, 1.4 * hue[2] * amount**0.85
    if rng.random() < 0.22:  # pink to red lesions: blood more than melanin
        blood = rng.uniform(0.5, 1) * presence
        red, blue = red * (1 - 0.85 * blood), blue * (1 - 0.3 * blood)
    if rng.random() < 0.2:  # blue-grey veil: melanin lying deep
        veil = np.clip(noise(rng, 4, octaves=2) * 0.7 + rng.uniform(-0.5, 0.6), 0, 1) * rng.uniform(0.5, 1)
        red, blue = red + veil * 0.55 * amount, blue * (1 - 0.5 * veil)
    return np.stack([red, green, blue], axis=-1).astype(np.float32)


def _pattern(rng: np.random.Generator, lesion: Lesion) -> Field:
    """How unevenly the pigment lies, about 1 on average: patches, dark core or pale centre, network, globules."""
    pattern = np.exp(rng.uniform(0.1, 0.4) * noise(rng, int(rng.integers(4, 10)), octaves=3))
    pattern *= 1 + rng.uniform(0, 0.4) * np.clip(1 - lesion.radius, -1, 1)
    kind = rng.random()
    if kind < 0.3:  # darker core, off centre
        x, y = rng.normal(0, 0.3, 2) * np.sqrt(lesion.area)
        core = ((X - x) ** 2 + (Y - y) ** 2) / lesion.area + 0.5 * lesion.radius**2 + 0.15 * noise(rng, 8)
        pattern *= 1 + rng.uniform(0.4, 1.4) / (1 + np.exp(np.clip((core - rng.uniform(0.15, 0.4)) * 15, -30, 30)))
    elif kind < 0.42:  # pale centre
        pattern *= 1 - rng.uniform(0.3, 0.7) * np.exp(-((lesion.radius / rng.uniform(0.35, 0.6)) ** 2) * 2)
    elif kind < 0.55:  # part of the lesion pale (regression)
        pattern *= 1 - 0.75 / (1 + np.exp(-np.clip(5 * (noise(rng, 3) - rng.uniform(0.4, 1.1)), -30, 30)))
    if rng.random() < 0.5:  # pigment network
        mesh = 0.6 - np.minimum(abs(noise(rng, int(rng.integers(22, 48)))), 1.6)
        pattern *= 1 + rng.uniform(0.1, 0.45) * mesh
    if rng.random() < 0.4:  # dots and globules
        dots = np.clip(noise(rng, int(rng.integers(28, 60))) - rng.uniform(1, 1.6), 0, 1)
        pattern *= 1 + rng.uniform(0.5, 1.5) * dots
    pattern *= 1 + rng.uniform(0.04, 0.16) * noise(rng, 70)
    return np.maximum(pattern, 0.02).astype(np.float32)


def _light(rng: np.random.Generator) -> Field:
    """Light that falls on each pixel: a slope from side to side and less of it towards the corners."""
    slope = rng.normal(0, 0.04, 2)
    x, y = X - rng.normal(0, 0.12), Y - rng.normal(0, 0.12)
    fall = rng.gamma(1.6, 0.08) * (x**2 + y**2) ** rng.uniform(0.9, 1.9)
    return np.exp(X * slope[0] + Y * slope[1] - fall).astype(np.float32)


def _develop(rng: np.random.Generator, photo: Photo) -> npt.NDArray[np.uint8]:
    """What the camera makes of it: exposure, a little blur, sensor noise, 8 bits."""
    photo = photo * np.exp(rng.normal(0.02, 0.05))
    image = Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.1)))
    grain = rng.normal(0, rng.uniform(0.4, 2), (SIDE, SIDE, 1)).astype(np.float32)
    return np.clip(np.asarray(image) + grain, 0, 255).round().astype(np.uint8)
