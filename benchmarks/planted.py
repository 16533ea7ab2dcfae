"""Errors planted in true masks, to count how many of them are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

Kind = Literal["shifted", "swapped", "emptied", "cut"]
KINDS: tuple[Kind, ...] = ("shifted", "swapped", "emptied", "cut")
EACH = 5


def planted(ids: Sequence[str], read: Callable[[str], np.ndarray], seed: int) -> dict[str, tuple[Kind, np.ndarray]]:
    """Return wrong masks for `EACH` photographs of each kind, drawn by a seed.

    shifted: by half the width of a disk of the lesion's size, in any direction. swapped: those of five photographs in turn.
    emptied: nothing is marked. cut: one half is lost, at a straight line through the middle, upright or level.

    Args:
        ids: photographs whose masks mark something.
        read: gives the mask (H, W) bool of a photograph.
        seed: of what is drawn.

    Returns:
        By id, the kind of error and the wrong mask (H, W) bool.
    """
    random = np.random.default_rng(seed)
    drawn = random.choice(len(ids), EACH * len(KINDS), replace=False)
    of_kind: Mapping[Kind, list[str]] = {
        kind: [ids[place] for place in drawn[EACH * at : EACH * (at + 1)]] for at, kind in enumerate(KINDS)
    }
    wrong: dict[str, tuple[Kind, np.ndarray]] = {}
    for id in of_kind["shifted"]:
        wrong[id] = "shifted", _shifted(read(id), random.uniform(0, 2 * np.pi))
    for at, id in enumerate(of_kind["swapped"]):
        wrong[id] = "swapped", _of_size(read(of_kind["swapped"][at - 1]), read(id).shape)
    for id in of_kind["emptied"]:
        wrong[id] = "emptied", np.zeros_like(read(id))
    for id in of_kind["cut"]:
        wrong[id] = "cut", _cut(read(id), int(random.integers(4)))
    return wrong


def _shifted(mask: np.ndarray, angle: float) -> np.ndarray:
    """Move a mask by the radius of a disk of its size; what leaves the picture is lost."""
    radius = np.sqrt(mask.sum() / np.pi)
    rows, columns = np.nonzero(mask)
    rows, columns = rows + round(radius * np.sin(angle)), columns + round(radius * np.cos(angle))
    inside = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
    moved = np.zeros_like(mask)
    moved[rows[inside], columns[inside]] = True
    return moved


def _of_size(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    rows, columns = (np.arange(length) * own // length for length, own in zip(shape, mask.shape, strict=True))
    scaled: np.ndarray = mask[np.ix_(rows, columns)]
    return scaled


def _cut(mask: np.ndarray, side: int) -> np.ndarray:
    turned = np.rot90(mask, side)
    rows = np.nonzero(turned)[0]
    kept = turned.copy()
    kept[: int(np.median(rows))] = False
    return np.rot90(kept, -side)
