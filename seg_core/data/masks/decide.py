"""Deciding what is lesion, from the values that a sample of masks holds."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import ImageColor

from seg_core.common.text import finite_number
from seg_core.data.masks.colours import AN_AREA, FEW, NEAR, PLAIN, Colour, kinds_of, listed_colours, share_off
from seg_core.data.masks.pixels import Kind, MaskPixels, UnclearMaskError, unpack
from seg_core.data.masks.rule import MOST_OFF, MaskRule, listed
from seg_core.errors import InputError

USUAL = ({0, 255}, {0, 65535})
"""What masks usually hold."""

TOPS = (1, 255, 65535)
"""Numbers that stand for probability 1: of floating-point numbers, of 8 bits, of 16 bits."""

_SPREAD = 1 / 8  # of the distance between two clusters: so far their values spread
_MOST_BETWEEN = 0.2  # share of pixels between two clusters of dark values; more of them are no plain marks
_MOST_GREY = 0.4  # share of pixels between dark and bright; more of them look like a photograph


@dataclass(frozen=True)
class Census:
    """What one mask holds: a `Sample` of one, without its pixels."""

    kind: Kind
    counts: Mapping[float, int]
    areas: Mapping[float, int]
    corners: Sequence[float]
    lossy: bool
    whole_numbers: bool
    has_palette: bool

    @classmethod
    def of(cls, pixels: MaskPixels) -> Census:
        """Count the values of a mask."""
        whole_numbers = pixels.image.mode != "F"
        found = pixels.counts, pixels.areas, pixels.corners
        return cls(pixels.kind, *found, pixels.lossy, whole_numbers, pixels.has_palette)


@dataclass(frozen=True)
class Sample:
    """The values of some masks of a folder, put together.

    Attributes:
        label: what these masks are called in sentences.
        kind: where the masks are.
        counts: how many pixels hold each value.
        areas: how many of them lie among eight neighbours of the same value.
        corners: how many corners hold each value.
        lossy: True if some of the files are compressed with loss.
        whole_numbers: False if some hold floating-point numbers.
        usual: the share of files that hold 0 and the highest number of their bits, and nothing else.
        complete: True if these are all masks of the folder.
    """

    label: str
    kind: Kind
    counts: Mapping[float, int]
    areas: Mapping[float, int]
    corners: Mapping[float, int]
    lossy: bool
    whole_numbers: bool
    usual: float
    complete: bool

    def unclear(self, what: str) -> UnclearMaskError:
        """Return the refusal of these masks."""
        return UnclearMaskError(
            f"{self.label} {what if self.label.startswith('The masks') else what.replace('hold', 'holds', 1)}"
        )


NAME_IT = "name the one that is the lesion (--lesion-value, on a page: Value of the lesion)"


def decide(sample: Sample, lesion: str | None, *, probabilities: bool) -> MaskRule:
    """Return the rule for a folder of masks.

    Args:
        sample: what some of the masks hold.
        lesion: the number or the colour that is the lesion, if the user named it.
        probabilities: True where grey values may be probabilities, as in predictions; they are then kept as they are.

    Raises:
        UnclearMaskError: if the masks do not say where the lesion is.
        InputError: if ``lesion`` is none of their values.
    """
    if sample.kind == "colour":
        return _of_colours(sample, lesion)
    return _named_number(sample, lesion) if lesion else _of_numbers(sample, probabilities=probabilities)


def _of_numbers(sample: Sample, *, probabilities: bool) -> MaskRule:
    values = sorted(sample.counts)
    if not (values[0] >= 0 and values[-1] <= TOPS[-1]):  # so that NaN is refused too
        advice = f"outside of 0 to {TOPS[-1]}; save masks as 0 and 255, probabilities from 0 to 1, or grey from 0 to 255."
        raise sample.unclear(f"hold values {advice}")
    top = 1 if values[-1] <= 1 and not sample.whole_numbers else 255 if values[-1] <= 255 else 65535
    usual = MaskRule(sample.kind, low=top / 2 if top == 1 else (top + 1) // 2, top=top, note=_note(sample, ""))
    # A few odd files do not spoil a folder of usual masks: each is judged by itself when it is read.
    if set(values) <= {0, top} or sample.usual > 0.5 or (top == 1 and probabilities):
        return usual
    if len(values) <= 2 and not (sample.lossy and len(values) == 2):
        return _two(sample, values)
    kinds = _kinds(sample)
    if probabilities and (values[-1] >= usual.low or top == 1):
        return usual
    if len(kinds) > 2:
        raise sample.unclear(f"hold {listed(kinds)}, which are more than two kinds of marks; {NAME_IT}.")
    if values[-1] >= usual.low:
        if _looks_like_a_photograph(sample, top):
            raise sample.unclear(f"hold {listed(values)} as a photograph does; save masks as 0 and 255.")
        return usual
    if _share_between(sample, *kinds) <= _MOST_BETWEEN:
        cut = (kinds[0] + kinds[1]) / 2
        note = f"hold values around {kinds[0]:g} and {kinds[1]:g}; those above {cut:g} are read as lesion"
        return MaskRule(sample.kind, low=math.nextafter(cut, math.inf), top=top, soft=False, note=f"{sample.label} {note}.")
    if probabilities:
        return usual
    raise sample.unclear(f"hold {listed(values)}, none of which is clearly the lesion; save masks as 0 and 255.")


def _two(sample: Sample, values: list[float]) -> MaskRule:
    """Two values are background and lesion, whatever they are. A single one other than 0 marks everything."""
    known = (0, *values) if len(values) == 1 else tuple(values)
    usual = known in ((0, 1), (0, 255), (0, 65535)) and sample.kind == "grey"
    what = "" if usual else f"hold {listed(known)}; {known[1]:g} is read as lesion"
    return MaskRule(sample.kind, low=known[1], values=known, soft=False, note=_note(sample, what))


def _note(sample: Sample, what: str) -> str:
    if sample.kind == "alpha":
        return f"{sample.label} are read by their transparency: what is opaque is lesion."
    return f"{sample.label} {what}." if what else ""


def _kinds(sample: Sample) -> list[float]:
    """Return the values of the marks, rising: a few exact ones that fill areas, or the most frequent in either half."""
    values = sorted(sample.counts)
    lowest, highest = values[0], values[-1]
    if not sample.lossy and len(values) <= FEW:
        kinds = values if highest <= FEW and sample.whole_numbers else [value for value in values if sample.areas.get(value)]
        if len(kinds) > 2:
            return kinds
    middle = (lowest + highest) / 2
    low = max((value for value in values if value < middle), key=lambda value: sample.counts[value])
    high = max((value for value in values if value >= middle), key=lambda value: sample.counts[value])
    if not sample.lossy or highest > FEW:
        near = _spread(low, high)
        apart = [value for value in sample.areas if min(abs(value - low), abs(value - high)) > near]
        if sum(sample.areas[value] for value in apart) >= AN_AREA * sum(sample.counts.values()):
            return sorted({low, high, *apart})
    return [low, high]


def _spread(low: float, high: float) -> float:
    return max((high - low) * _SPREAD, 1 if high - low > 2 else 0)


def _share_between(sample: Sample, low: float, high: float) -> float:
    """Return the share of pixels that are near neither of two values."""
    near = max(_spread(low, high), 1 if high > 1 else 0)
    between = sum(count for value, count in sample.counts.items() if min(abs(value - low), abs(value - high)) > near)
    return between / sum(sample.counts.values())


def _looks_like_a_photograph(sample: Sample, top: int) -> bool:
    """Return whether most pixels are neither dark nor bright, and few lie in plain areas."""
    pixels = sum(sample.counts.values())
    grey = sum(count for value, count in sample.counts.items() if top / 8 < value < top * 7 / 8)
    return len(sample.counts) > FEW and grey > _MOST_GREY * pixels and sum(sample.areas.values()) < PLAIN * pixels


def _named_number(sample: Sample, lesion: str) -> MaskRule:
    named = finite_number(lesion)
    if named is None:
        colour = parse_colour(lesion)
        if len(set(colour)) > 1:
            raise InputError(f"{sample.label} hold {listed(sample.counts)} not {lesion!r}; name one of these as the lesion.")
        named = colour[0]
    kinds = _kinds(sample) if len(sample.counts) > 2 else sorted(sample.counts)
    is_exact = not sample.lossy and len(sample.counts) <= FEW
    if is_exact and sample.complete and named not in sample.counts:
        raise InputError(f"{sample.label} hold {listed(sample.counts)}, and no {named:g}; name one of these as the lesion.")
    note = f"{sample.label}: {named:g} is read as lesion, as you named it."
    if is_exact:
        return MaskRule(sample.kind, low=named, high=named, soft=False, top=TOPS[-1], note=note)
    nearest = min(kinds, key=lambda kind: abs(kind - named))
    below = [(kind + nearest) / 2 for kind in kinds if kind < nearest]
    above = [(kind + nearest) / 2 for kind in kinds if kind > nearest]
    low, high = max(below, default=0), min(above, default=math.inf)
    low = math.nextafter(low, math.inf) if below else 0
    return MaskRule(sample.kind, low=low, high=high, soft=False, top=TOPS[-1], note=note)


def _of_colours(sample: Sample, lesion: str | None) -> MaskRule:
    kinds = kinds_of(sample.counts, sample.areas, lossy=sample.lossy)
    if not kinds or share_off(sample.counts, kinds) > MOST_OFF:
        what = f"hold {len(sample.counts):,} colours, as photographs or drawings on photographs do"
        raise sample.unclear(f"{what}; save masks as 0 and 255.")
    if lesion is not None:
        named = parse_colour(lesion)
        marked = min(kinds, key=lambda kind: _difference(kind, named))
        if _difference(marked, named) > NEAR:
            found = listed_colours(kinds)
            raise InputError(f"{sample.label} hold {found}, and nothing like {lesion!r}; name one of these as the lesion.")
        how = ", as you named it"
    elif len(kinds) > 2:
        raise sample.unclear(f"hold {listed_colours(kinds)}, which are more than two kinds of marks; {NAME_IT}.")
    else:
        background = _background(kinds, sample.corners)
        marked = next((kind for kind in kinds if kind != background), kinds[0])
        how = f", {listed_colours([background])} as background"
    others = tuple(kind for kind in kinds if kind != marked) or ((255, 255, 255) if max(marked) <= NEAR else (0, 0, 0),)
    note = f"{sample.label}: {listed_colours([marked])} is read as lesion{how}."
    return MaskRule("colour", colours=(marked, *others), soft=False, note=note)


def _background(kinds: list[Colour], corners: Mapping[float, int]) -> Colour:
    """Return which of at most two colours is the background: black, else that of most corners, else the darker one."""
    dark = [kind for kind in kinds if max(kind) <= NEAR]
    if len(kinds) == 1 or len(dark) == 1:
        return dark[0] if dark else (0, 0, 0)
    at_corners = [
        sum(count for value, count in corners.items() if _difference(kind, unpack(value)) <= NEAR) / sum(corners.values())
        for kind in kinds
    ]
    if abs(at_corners[0] - at_corners[1]) > 0.2:
        return kinds[at_corners.index(max(at_corners))]
    return min(kinds, key=lambda kind: 299 * kind[0] + 587 * kind[1] + 114 * kind[2])


def _difference(one: Colour, other: Colour) -> int:
    return max(abs(a - b) for a, b in zip(one, other, strict=True))


def parse_colour(text: str) -> Colour:
    """Return the colour of a name or of ``#rrggbb``, with or without the #.

    Raises:
        InputError: if it is no colour.
    """
    try:
        found = ImageColor.getrgb(f"#{text}" if re.fullmatch(r"[0-9a-fA-F]{6}", text) else text)
    except ValueError:
        raise InputError(f"{text!r} is neither a number nor a colour; name the lesion like 1, red or #ff0000.") from None
    return found[0], found[1], found[2]
