"""Synthetic dermoscopy photographs of skin lesions, with their masks.

Colours are optical densities: those of skin and pigment add up, and a pixel is ``light * exp(-density)``, so pigment darkens
every skin under every light as in a photograph. The constants (sizes, places, contrasts, distance of a mask from the visible
edge) follow measurements on the ISIC 2016 training photographs; no pixel comes from one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from seg_core.data.sample import artefacts as artefacts
from seg_core.data.sample.artefacts import SIDE, Field, Photo, noise, sigmoid

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
    (0.03, (174, 126, 96)),
    (0.02, (146, 102, 78)),
    (0.02, (122, 84, 66)),
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
    """The place and shape of a lesion.

    ``mask`` (SIDE, SIDE) is as an expert would draw it. ``depth`` is about the distance in pixels from the visible edge,
    positive inside. ``radius`` is the distance from the centre, 1 on the edge. ``area`` is the mask's share of the photograph.
    """

    mask: npt.NDArray[np.bool_]
    depth: Field
    radius: Field
    area: float


def paint(rng: np.random.Generator) -> Painting:
    """Paint one photograph; the same state of ``rng`` gives the same pixels."""
    lens = artefacts.lens(rng)
    lesion = _lesion(rng, most=0.85 if lens is None else 0.5)
    density = _skin(rng) + _pigment(rng, lesion)
    photo = 255 * np.exp(-density) * _light(rng)[..., None]
    photo = artefacts.add_all(rng, photo, lesion.mask, through_lens=lens is not None)
    mask = lesion.mask
    if lens is not None:
        photo *= lens[..., None]
        mask = mask & (lens > 0.3)
    return Painting(_develop(rng, photo), mask)


def _lesion(rng: np.random.Generator, most: float) -> Lesion:
    """Draw a star-shaped outline, bent and frayed by noise, with a mask of a random area, at most ``most`` of the photograph."""
    area = float(np.clip(1 / (1 + np.exp(rng.normal(1.3, 1.12))), 0.02, most))
    size = math.sqrt(area)
    room = 1 - size
    x = X - rng.normal(-0.02, 0.22) * room
    y = Y - rng.normal(0, 0.2) * room
    lumps = rng.uniform(0.02, 0.12) * size
    x = x + lumps * noise(rng, 4)
    y = y + lumps * noise(rng, 4)
    smooth = _radius(rng, x, y)

    fray = rng.uniform(0.003, 0.031) * math.sqrt(size) * (noise(rng, 18) + 0.6 * noise(rng, 40))
    slope = np.hypot(*np.gradient(smooth)) * SIDE / 2
    frayed = smooth + slope * fray

    # About half of the real masks follow every tooth of the edge, the others were drawn by hand around it.
    by_hand = rng.random() < 0.45
    drawn = smooth if by_hand else frayed
    edge = float(np.quantile(drawn, area))
    mask = drawn < edge
    margin = (rng.uniform(2, 12) if by_hand else rng.uniform(0, 6)) * math.sqrt(size)
    pixels = math.sqrt(area / math.pi) * SIDE
    depth = (1 - frayed / edge) * pixels - margin
    return Lesion(mask, depth, smooth / edge, area)


def _radius(rng: np.random.Generator, x: Field, y: Field) -> Field:
    """Distance from the centre in units of an ellipse with lobes, so that level lines are outlines."""
    stretch = math.exp(abs(rng.normal(0.32, 0.2)) / 2)
    turn = rng.uniform(0, np.pi)
    u = (x * math.cos(turn) + y * math.sin(turn)) / stretch
    v = (y * math.cos(turn) - x * math.sin(turn)) * stretch
    angles = np.linspace(-np.pi, np.pi, 721)
    waves = np.arange(2, 9)[:, None]
    heights = rng.uniform(0.03, 0.2) * rng.normal(size=waves.shape) / waves**1.1
    reach = (heights * np.cos(waves * angles + rng.uniform(0, 2 * np.pi, waves.shape))).sum(axis=0)
    return np.asarray(np.hypot(u, v) * np.interp(np.arctan2(v, u), angles, np.exp(-reach)), np.float32)


def _skin(rng: np.random.Generator) -> Photo:
    """Density of the skin: its colour, mottling, fine grain, redness, brown stains and, on some, furrows."""
    chance = np.array([share for share, _ in SKINS])
    colour = np.array(SKINS[rng.choice(len(SKINS), p=chance / chance.sum())][1], dtype=np.float32)
    colour = np.clip(colour * np.exp(rng.normal(0, 0.05) + rng.normal(0, 0.025, 3)), 20, 252).astype(np.float32)
    mottling = rng.uniform(0.008, 0.04) * noise(rng, 5, octaves=3) + rng.uniform(0.003, 0.012) * noise(rng, 110)
    if rng.random() < 0.35:
        mottling += artefacts.furrows(rng)
    density = -np.log(colour / 255) + mottling[..., None] * np.array([0.7, 1.1, 1.2], np.float32)
    redness = rng.gamma(1.0, 0.035) * np.maximum(noise(rng, int(rng.integers(4, 18)), octaves=4) - 0.4, 0)
    sun_stains = rng.gamma(0.8, 0.06) * np.maximum(noise(rng, int(rng.integers(4, 14)), octaves=4) - 0.3, 0)
    density = density + redness[..., None] * np.array([0.2, 1.0, 0.8], np.float32)
    return np.asarray(density + sun_stains[..., None] * np.array([0.4, 1.0, 1.4], np.float32))


def _pigment(rng: np.random.Generator, lesion: Lesion) -> Photo:
    """Density of the lesion's pigment, coloured from tan through brown to black, red or blue-grey by its amount."""
    # Strong pigment has sharp edges, faint pigment fades out.
    strength = float(np.clip(0.63 * np.exp(rng.normal(0, 0.65)), 0.13, 1.7))
    softness = rng.uniform(1.5, 6.5) * math.sqrt(0.35 + 1.5 * lesion.area)
    presence = sigmoid((lesion.depth - softness) / softness)
    amount = strength * presence * _pattern(rng, lesion)

    hue = np.exp(rng.normal(0, [0.3, 0.06, 0.13])).tolist()
    green = hue[1] * amount
    red = np.minimum(0.46 * hue[0] * amount**1.6, 0.7 * green)  # more would turn black to green
    blue = 1.4 * hue[2] * amount**0.85
    if rng.random() < 0.13:  # pink to red lesions: blood more than melanin
        blood = rng.uniform(0.4, 0.85) * presence
        red, blue = red * (1 - 0.85 * blood), blue * (1 - 0.3 * blood)
    if rng.random() < 0.18:  # blue-grey veil: melanin lying deep
        veil = np.clip(noise(rng, 4, octaves=3) * 0.45 + rng.uniform(-0.2, 0.5), 0, 1) * rng.uniform(0.4, 0.9)
        red, blue = red + veil * (0.9 * green - red), blue + veil * (0.6 * green - blue)
    return np.stack([red, green, blue], axis=-1)


def _pattern(rng: np.random.Generator, lesion: Lesion) -> Field:
    """Relative amount of pigment, about 1 on average: patches, dark core or pale centre, network, globules."""
    pattern = np.exp(rng.uniform(0.1, 0.4) * noise(rng, int(rng.integers(4, 10)), octaves=3))
    pattern *= 1 + rng.uniform(0, 0.9) * np.clip(0.7 - lesion.radius, -0.4, 1)
    kind = rng.random()
    if kind < 0.3:  # darker core, off centre
        x, y = (rng.normal(0, 0.3, 2) * math.sqrt(lesion.area)).tolist()
        core = ((X - x) ** 2 + (Y - y) ** 2) / lesion.area + 0.5 * lesion.radius**2 + 0.16 * noise(rng, 7, octaves=3)
        pattern *= 1 + rng.uniform(0.4, 1.4) * sigmoid((rng.uniform(0.15, 0.4) - core) * rng.uniform(4, 12))
    elif kind < 0.42:  # pale centre
        pattern *= 1 - rng.uniform(0.3, 0.7) * np.exp(-2 * (lesion.radius / rng.uniform(0.35, 0.6)) ** 2)
    elif kind < 0.55:  # part of the lesion pale (regression)
        pattern *= 1 - 0.75 * sigmoid(4 * (noise(rng, 4, octaves=3) - rng.uniform(0.4, 1.1)))
    if rng.random() < 0.5:  # pigment network
        mesh = 0.6 - np.minimum(abs(noise(rng, int(rng.integers(34, 64)))), 1.6)
        pattern *= 1 + rng.uniform(0.1, 0.4) * mesh * np.clip(0.8 + 0.5 * noise(rng, 5), 0, 1.3)
    if rng.random() < 0.35:  # dots and globules
        dots = np.clip(noise(rng, int(rng.integers(40, 80))) - rng.uniform(1, 1.6), 0, 1)
        pattern *= 1 + rng.uniform(0.3, 1.1) * dots * np.clip(0.7 + 0.7 * noise(rng, 4), 0, 1.5)
    pattern *= 1 + rng.uniform(0.04, 0.16) * noise(rng, 70)
    return np.asarray(np.maximum(pattern, 0.02), np.float32)


def _light(rng: np.random.Generator) -> Field:
    """Light on each pixel: a slope from side to side, and less towards the corners."""
    slope_x, slope_y = rng.normal(0, 0.04, 2).tolist()
    x, y = X - rng.normal(0, 0.12), Y - rng.normal(0, 0.12)
    fall = rng.gamma(1.6, 0.08) * (x**2 + y**2) ** rng.uniform(0.9, 1.9)
    return np.asarray(np.exp(X * slope_x + Y * slope_y - fall))


def _develop(rng: np.random.Generator, photo: Photo) -> npt.NDArray[np.uint8]:
    """Apply what a camera does: exposure, a little blur, sensor noise, 8 bits."""
    photo = photo * math.exp(rng.normal(0.02, 0.05))
    image = Image.fromarray(np.clip(photo, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 0.9)))
    grain = rng.normal(0, rng.uniform(0.3, 1.4), (SIDE, SIDE, 1)).astype(np.float32)
    return np.clip(np.asarray(image) + grain, 0, 255).round().astype(np.uint8)
