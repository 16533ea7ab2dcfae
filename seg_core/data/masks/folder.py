"""The masks of a folder: which of their values is the lesion, decided once from a sample of the files."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from seg_core.common.parallel import ordered_map
from seg_core.data.masks.decide import USUAL, Census, Sample, decide
from seg_core.data.masks.pixels import Kind, MaskPixels, read_pixels
from seg_core.data.masks.rule import MaskRule
from seg_core.errors import InputError

SAMPLE_SIZE = 24
"""So many files, spread over the folder, decide what its masks mean; all others are held to it when they are read."""


_KINDS: tuple[Kind, ...] = ("grey", "colour", "alpha", "index")


class MaskFolderRule:
    """The rule for some masks, decided when it is first asked for. Threads may share it.

    Args:
        files: the masks.
        lesion: the number or the colour that is the lesion, if the user named it.
        probabilities: True for predictions, whose grey values may be probabilities.
    """

    def __init__(self, files: Sequence[Path], lesion: str | None = None, *, probabilities: bool = False) -> None:
        self.files, self.lesion, self._keeps_grey = files, lesion, probabilities
        self._deciding = threading.Lock()

    @property
    def rule(self) -> MaskRule:
        """The rule.

        Raises:
            UnclearMaskError: if the masks do not say where the lesion is.
            InputError: if the named lesion is none of their values.
        """
        with self._deciding:
            decided = self._decided
        if isinstance(decided, InputError):
            raise type(decided)(str(decided))
        return decided

    @classmethod
    def known(cls, rule: MaskRule) -> MaskFolderRule:
        """Return what reads by a rule that was decided before."""
        masks = cls([])
        masks.__dict__["_decided"] = rule
        return masks

    def mask(self, file: Path) -> tuple[np.ndarray, bool]:
        """Read one of the masks: (H, W) bool, and True if values between background and lesion were cut.

        Raises:
            InputError: if it cannot be decoded, or does not fit the masks beside it.
        """
        pixels = self._pixels(file)
        return self.rule.mask(pixels), self.rule.is_cut(pixels)

    def probabilities(self, file: Path) -> np.ndarray:
        """Read one of the masks as probabilities (H, W), float32 in 0 to 1.

        Raises:
            InputError: if it cannot be decoded, or does not fit the masks beside it.
        """
        return self.rule.probabilities(self._pixels(file))

    def _pixels(self, file: Path) -> MaskPixels:
        return read_pixels(file, file.name, self.rule.kind)

    @cached_property
    def _decided(self) -> MaskRule | InputError:
        step = max(1, len(self.files) / SAMPLE_SIZE)
        chosen = [self.files[int(place * step)] for place in range(min(len(self.files), SAMPLE_SIZE))]
        sample = self._sample(chosen)
        try:
            # Where no file can be read, each says so itself.
            return decide(sample, self.lesion, probabilities=self._keeps_grey) if sample else MaskRule()
        except InputError as refused:
            return refused

    def _sample(self, files: Sequence[Path]) -> Sample | None:
        found = _look_at(files, None)
        kinds = Counter(census.kind for census in found if len(census.counts) > 1)  # one value alone has no kind
        kind: Kind = max(_KINDS, key=lambda kind: kinds[kind]) if kinds else "grey"
        if self.lesion and kind != "alpha" and re.fullmatch(r"\d{1,3}", self.lesion) and any(each.has_palette for each in found):
            kind = "index"
        if any(census.kind != kind for census in found):
            found = _look_at(files, kind)
        return put_together(found, _label(self.files), complete=len(found) == len(self.files)) if found else None


def put_together(found: Sequence[Census], label: str, *, complete: bool) -> Sample:
    """Add up what some masks hold, all of one kind."""
    counts, areas, corners = Counter[float](), Counter[float](), Counter[float]()
    for census in found:
        counts.update(census.counts)
        areas.update(census.areas)
        corners.update(census.corners)
    lossy, whole = any(census.lossy for census in found), all(census.whole_numbers for census in found)
    usual = sum(set(census.counts) in USUAL for census in found) / len(found)
    return Sample(label, found[0].kind, counts, areas, corners, lossy, whole, usual, complete)


def _label(files: Sequence[Path]) -> str:
    return f"The masks in {files[0].parent.name}" if len(files) > 1 else files[0].name


def _look_at(files: Sequence[Path], kind: Kind | None) -> list[Census]:
    """Count the values of those files that can be decoded, on all cores."""
    with closing(ordered_map(partial(_census, kind=kind), files)) as found:
        return [census for census in found if census is not None]


def _census(file: Path, kind: Kind | None) -> Census | None:
    try:
        return Census.of(read_pixels(file, file.name, kind))
    except InputError:
        return None
