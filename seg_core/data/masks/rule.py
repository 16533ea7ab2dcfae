"""The rule by which every mask of a folder is read."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from seg_core.data.masks.colours import FEW, Colour, along, listed_colours, share_off
from seg_core.data.masks.pixels import Kind, MaskPixels, UnclearMaskError, unpack

MASK_CUT = 128
"""Mask values from this one on, of 0 to 255, are lesion."""

LISTED = 8

MOST_OFF = 0.05
"""Share of the pixels that may have other colours than the marks: compression leaves some."""


@dataclass(frozen=True)
class MaskRule:
    """Which pixels of a mask are lesion: numbers from ``low`` to ``high``, or the first of ``colours``.

    Attributes:
        kind: where the mask is.
        low: the lowest number that is lesion.
        high: the highest.
        top: the number that stands for probability 1.
        values: the only numbers that occur; empty where others may be between them, as along smoothed edges.
        colours: red, green and blue of the lesion, and then of all that is not.
        soft: True if numbers are probabilities where these are asked for.
        note: what is read as lesion, in a sentence; empty for the usual grey of 0 and 255, or 0 and 1.
    """

    kind: Kind = "grey"
    low: float = MASK_CUT
    high: float = math.inf
    top: int = 255
    values: tuple[float, ...] = ()
    colours: tuple[Colour, ...] = ()
    soft: bool = True
    note: str = ""

    def mask(self, pixels: MaskPixels) -> np.ndarray:
        """Return (H, W) bool: True where the lesion is.

        Raises:
            UnclearMaskError: if the mask holds what the rule does not know.
        """
        self._check(pixels)
        if self.kind == "colour":
            lesion, *others = self.colours
            nearest = np.ones(pixels.shape, bool)
            for other in others:
                nearest &= along(pixels.image, other, lesion) >= MASK_CUT
            return nearest
        if self.soft and self._is_of_classes(pixels):
            raise self._strange(pixels, f"0 and {self.top:g}")
        mask = np.empty(pixels.shape, bool)
        for top, values in pixels.strips():
            mask[top : top + len(values)] = (values >= self.low) & (values <= self.high)
        return mask

    def probabilities(self, pixels: MaskPixels) -> np.ndarray:
        """Return (H, W) float32 in 0 to 1.

        Raises:
            UnclearMaskError: if the mask holds what the rule does not know.
        """
        if not self.soft:
            return self.mask(pixels).astype(np.float32)
        self._check(pixels)
        probabilities = np.empty(pixels.shape, np.float32)
        for top, values in pixels.strips():
            np.divide(values, self.top, dtype=np.float32, out=probabilities[top : top + len(values)])
        return probabilities

    def is_cut(self, pixels: MaskPixels) -> bool:
        """True if a mask that is grey holds values between those of background and lesion."""
        return self.kind != "colour" and self.soft and bool(pixels.counts.keys() - {0, self.top})

    def _is_of_classes(self, pixels: MaskPixels) -> bool:
        """True if cut at one half, the mask would mark nothing or too much: its values are numbers of classes."""
        found = pixels.counts.keys()
        is_usual = found <= {0, self.top} or len(found) > FEW or pixels.lossy
        return not is_usual and (0 < max(found) < self.low or len(pixels.areas) > 2)

    def _check(self, pixels: MaskPixels) -> None:
        found = pixels.counts.keys()
        if self.kind == "colour":
            if share_off(pixels.counts, self.colours) > MOST_OFF:
                raise self._strange(pixels, listed_colours(self.colours))
        elif self.values:
            if not found <= set(self.values):
                raise self._strange(pixels, listed(self.values))
        elif not (min(found) >= 0 and max(found) <= self.top):  # so that NaN is refused too
            raise self._strange(pixels, f"0 to {self.top:g}")

    def _strange(self, pixels: MaskPixels, beside: str) -> UnclearMaskError:
        found = listed_colours(map(unpack, pixels.counts)) if self.kind == "colour" else listed(pixels.counts)
        return UnclearMaskError(
            f"{pixels.name} holds {found}; the masks beside it hold {beside}. Save it as they are, or remove it."
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values, from which `from_json` makes it again."""
        return {**asdict(self), "high": None if self.high == math.inf else self.high}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> MaskRule:
        """Make a rule from the values of `to_json`."""
        high = math.inf if values["high"] is None else values["high"]
        colours = tuple((red, green, blue) for red, green, blue in values["colours"])
        return cls(**{**values, "high": high, "values": tuple(values["values"]), "colours": colours})


def listed(values: Collection[float]) -> str:
    """Join numbers for a sentence: up to eight of them, else how many there are, and their range."""
    if len(values) > LISTED:
        return f"{len(values):,} values from {min(values):.5g} to {max(values):.5g}"
    *first, last = [f"{value:.5g}" for value in sorted(values)]
    return f"{', '.join(first)} and {last}" if first else last
