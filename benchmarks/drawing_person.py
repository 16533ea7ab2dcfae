"""A simulated person who draws masks with polygons: which corners, and how many seconds that takes.

The person knows the truth, and does no more than an IoU that is asked for: grows or shrinks the mask where that helps, then draws
polygons that add what it misses and cut out what it has too much, the largest part first. Of several ways the quickest is taken.

The time is that of the keystroke-level model (Card, Moran and Newell, 1980, doi:10.1145/358886.358895): `LOOK` for each mask and
each polygon, `KEY` and `CLICK`, and `seconds_to_point` at each corner by Fitts' law in the form that it has there.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from seg_core.metrics import iou

LOOK, KEY, CLICK, BUTTON = 1.35, 0.28, 0.2, 1.1
"""Seconds of mental preparation, of a key by someone who is no typist, of a click, and of pointing at a button."""
TOLERANCES = (1, 1.5, 2, 3, 4, 6)
"""How far, in pixels of the photograph, an outline may be from the polygon that follows it."""
MARGIN = 6
"""Pixels by which a polygon may reach into what is right already, where it need not be exact."""
NEEDLESS = 0.003
"""IoU that a person gives up for fewer corners of a polygon."""

MOST_STEPS = 4
"""How often a mask is grown or shrunk by a pixel before polygons are drawn."""

Edit = tuple[str, np.ndarray]
"""A key, and corners (N, 2), x before y, in pixels of the photograph: of a polygon to add (``p``) or to cut out (``c``); none
where the key grows (``.``) or shrinks (``,``) the mask."""


def plan(began: np.ndarray, truth: np.ndarray, wanted: float, closes: float) -> tuple[float, list[Edit]]:
    """Return the seconds, and the edits that take a mask (H, W) bool to an IoU, or as near to it as they come.

    A click within ``closes`` pixels of the first corner closes a polygon; so no other corner is there.
    """
    found: list[tuple[float, float, list[Edit]]] = []
    steps = max(range(-MOST_STEPS, MOST_STEPS + 1), key=lambda steps: float(iou(grown(began, steps), truth)))
    for count in {0, steps}:
        first: list[Edit] = [("." if count > 0 else ",", np.empty((0, 2)))] * abs(count)
        mask, seconds = grown(began, count), (LOOK if count else 0) + abs(count) * KEY
        parts = _parts(mask, truth)
        for tolerance in TOLERANCES:
            reached, took, polygons = _polygons(mask, truth, wanted, parts, tolerance, closes)
            found.append((max(0.0, wanted - reached), seconds + took, first + polygons))
    _, seconds, edits = min(found, key=lambda each: each[:2])
    return seconds, edits


def grown(mask: np.ndarray, steps: int) -> np.ndarray:
    """Return a mask grown by some pixels or, where they are negative, shrunk."""
    if not steps:
        return mask
    change = ndimage.binary_dilation if steps > 0 else ndimage.binary_erosion
    return np.asarray(change(mask, iterations=abs(steps)))


def _parts(mask: np.ndarray, truth: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Return what is wrong in a mask, the largest part first: the tool's key, and where its polygon may be."""
    parts = []
    for tool, wrong, right in (("p", truth & ~mask, truth & mask), ("c", mask & ~truth, ~mask & ~truth)):
        labels, count = ndimage.label(wrong, np.ones((3, 3)))
        for number in range(1, count + 1):
            part = labels == number
            parts.append((int(part.sum()), tool, part | (ndimage.binary_dilation(part, iterations=MARGIN) & right)))
    return [part[1:] for part in sorted(parts, key=lambda part: -part[0])]


def _polygons(
    mask: np.ndarray, truth: np.ndarray, wanted: float, parts: list[tuple[str, np.ndarray]], tolerance: float, closes: float
) -> tuple[float, float, list[Edit]]:
    """Draw polygons until the IoU is reached; return the IoU, the seconds, and the polygons."""
    polygons: list[Edit] = []
    for tool, region in parts:
        if iou(mask, truth) >= wanted:
            break
        corners = simplified(outline(region), tolerance)
        corners = np.vstack([corners[:1], corners[np.hypot(*(corners - corners[0]).T) > closes]])
        if len(corners) > 2:
            corners = thinned(mask, truth, tool, corners)
            polygons.append((tool, corners))
            mask = drawn(mask, tool, corners)
    return float(iou(mask, truth)), sum(drawing_seconds(corners, tolerance) for _, corners in polygons), polygons


def thinned(mask: np.ndarray, truth: np.ndarray, tool: str, corners: np.ndarray) -> np.ndarray:
    """Return the corners of a polygon that the IoU needs: where it lies in what is right already, it may be coarse."""
    floor = iou(drawn(mask, tool, corners), truth) - NEEDLESS
    for number in range(len(corners) - 1, 0, -1):
        fewer = np.delete(corners, number, axis=0)
        if len(fewer) > 2 and iou(drawn(mask, tool, fewer), truth) >= floor:
            corners = fewer
    return corners


def drawing_seconds(corners: np.ndarray, tolerance: float) -> float:
    """Return the seconds of a polygon: looking, the key of its tool, its corners, and a key that closes it."""
    steps = np.hypot(*np.diff(corners, axis=0, prepend=corners[-1:]).T)
    return LOOK + 2 * KEY + sum(seconds_to_point(step, 2 * tolerance) + CLICK for step in steps)


def seconds_to_point(distance: float, width: float) -> float:
    """Return the seconds of pointing at a target of some width: 0.8 to 1.5."""
    return float(np.clip(0.8 + 0.1 * np.log2(distance / width + 0.5), 0.8, 1.5))


def outline(mask: np.ndarray) -> np.ndarray:
    """Return the longest outline of a mask (H, W) bool: the corners (N, 2) of its pixels along it, x before y."""
    padded = np.pad(mask, 1)
    follows: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for (dx, dy), start, end in (
        ((0, -1), (0, 0), (1, 0)),
        ((1, 0), (1, 0), (1, 1)),
        ((0, 1), (1, 1), (0, 1)),
        ((-1, 0), (0, 1), (0, 0)),
    ):
        for y, x in (np.argwhere(padded & ~np.roll(padded, (-dy, -dx), (0, 1))) - 1).tolist():
            follows.setdefault((x + start[0], y + start[1]), []).append((x + end[0], y + end[1]))
    rings = []
    while follows:
        ring = [next(iter(follows))]
        while ring[-1] in follows:
            here = ring[-1]
            ring.append(follows[here].pop())
            if not follows[here]:
                del follows[here]
        rings.append(ring[:-1])
    return np.array(max(rings, key=len), float)


def simplified(ring: np.ndarray, tolerance: float) -> np.ndarray:
    """Return the corners of a ring (N, 2) that Douglas and Peucker keep (1973, doi:10.3138/FM57-6770-U75U-7727)."""
    far = int(np.argmax(np.hypot(*(ring - ring[0]).T)))
    closed, kept, parts = np.vstack([ring, ring[:1]]), {0, far}, [(0, far), (far, len(ring))]
    while parts:
        first, last = parts.pop()
        (dx, dy), away = closed[last] - closed[first], closed[first + 1 : last] - closed[first]
        distances = np.abs(away[:, 0] * dy - away[:, 1] * dx) / (np.hypot(dx, dy) or 1)
        if len(distances) and distances.max() > tolerance:
            farthest = first + 1 + int(np.argmax(distances))
            kept.add(farthest)
            parts += [(first, farthest), (farthest, last)]
    return ring[sorted(kept)]


def drawn(mask: np.ndarray, tool: str, corners: np.ndarray) -> np.ndarray:
    """Return a mask (H, W) bool with a polygon drawn on it as the page does: on the pixels whose centres are inside."""
    inside = np.zeros_like(mask)
    rows, columns = (np.arange(side) + 0.5 for side in mask.shape)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crossed = (ay <= rows) != (by <= rows)
        if crossed.any():
            inside[crossed] ^= columns >= (ax + (rows[crossed] - ay) / (by - ay) * (bx - ax))[:, None]
    return np.where(inside, tool == "p", mask)
