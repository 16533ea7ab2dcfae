"""Checks of every pair of a dataset: problems, the files that have them, and what to do about each."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from seg_core.common.parallel import ordered_map
from seg_core.config import SplitSpec
from seg_core.data.dataset import Dataset
from seg_core.data.folders import Pair
from seg_core.data.image import read_scaled, scaled_mask
from seg_core.data.image_file import WITHOUT_END
from seg_core.data.masks.pixels import UnclearMaskError
from seg_core.data.masks.rule import MASK_CUT
from seg_core.data.truth import OtherSizeError, Truth, read_truth
from seg_core.errors import InputError, PassingError, some_of

ERRORS = ("missing mask", "different sizes", "unreadable", "duplicate id", "unclear mask", "nothing to train on")
"""Kinds of problems that keep a pair from training."""

Kind = Literal[
    "missing mask",
    "orphan mask",
    "different sizes",
    "no lesion",
    "unreadable",
    "duplicate id",
    "grey mask",
    "leakage",
    "unclear mask",
    "nothing to train on",
    "mask values",
    "full mask",
    "marked corners",
    "other size",
    "turned mask",
    "missing end",
    "test without masks",
]

NEARLY_FULL = 0.98
"""Share of a photograph from which on a mask counts as nearly full."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with one file. An error keeps its pair from training, a warning does not."""

    kind: Kind
    file: Path
    message: str
    is_passing: bool = False
    """True if it may be gone although the file stays as it is, such as a drive that does not answer."""

    @property
    def is_error(self) -> bool:
        """True if the pair cannot be trained on."""
        return self.kind in ERRORS

    def to_json(self) -> dict[str, str]:
        """Return plain values, from which `from_json` makes it again."""
        return {"kind": self.kind, "file": str(self.file), "message": self.message}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Problem:
        """Make a problem from the values of `to_json`."""
        return cls(**{**values, "file": Path(values["file"])})


@dataclass(frozen=True)
class LoadedPair:
    """A decoded pair at one square size: photograph (S, S, 3) and mask (S, S) of 0 and 255, uint8; zeros if it has an error.

    ``photo_size`` is the upright size (width, height) of the stored photograph, (0, 0) if it is unreadable; ``lesion_area`` is
    the share of the stored mask that is lesion, 0 to 1, NaN if the pair has an error.
    """

    image: np.ndarray
    mask: np.ndarray
    problems: list[Problem]
    photo_size: tuple[int, int] = (0, 0)
    lesion_area: float = math.nan


def check_names(dataset: Dataset) -> list[Problem]:
    """Find the problems that file names alone show: missing and orphan masks, and duplicate ids."""
    problems: list[Problem] = []
    seen: dict[str, Pair] = {}
    for pair in dataset.pairs:
        if first := seen.get(pair.id):
            if first.image == pair.image:
                file, text = pair.mask, f"{pair.image.name} has two masks, {_both_names(first.mask, pair.mask)}"
            else:
                where = f"{first.image} ({first.split}) and {pair.image} ({pair.split})"
                file, text = pair.image, f"{pair.id} is there twice, as {where}"
            problems.append(Problem("duplicate id", file, f"{text}{'' if text.endswith(', or') else ';'} keep one of the two."))
        else:
            seen[pair.id] = pair
    for listing in dataset.listings:
        problems += [
            Problem("missing mask", file, f"{file.name} has no mask; add {file.stem}_segmentation.png or remove the photograph.")
            for file in listing.without_mask
        ]
        problems += [
            Problem("orphan mask", file, f"{file.name} belongs to no photograph; add the photograph or remove the mask.")
            for file in listing.without_photo
        ]
        if listing.untested:
            names = some_of([file.name for file in listing.untested])
            text = f"{len(listing.untested):,} photographs of the test split have no mask and are not scored: {names}."
            problems.append(Problem("test without masks", listing.untested[0], text))
    return problems


def _both_names(one: Path, other: Path) -> str:
    if one.parent == other.parent:
        return f"{one.name} and {other.name}"
    experts = "if several experts drew them, say so (--experts DIR, or ?experts=DIR behind the folder, for each of them), or"
    return f"{one.parent.name}/{one.name} and {other.parent.name}/{other.name}; {experts}"


def load_pairs(
    pairs: list[Pair], size: int, on_progress: Callable[[int, int], None] | None = None
) -> Generator[LoadedPair, None, None]:
    """Decode pairs on all cores, in order; ``on_progress`` gets (done, total)."""
    with closing(ordered_map(partial(load_pair, size=size), pairs)) as decoded:
        for done, loaded in enumerate(decoded, start=1):
            yield loaded
            if on_progress:
                on_progress(done, len(pairs))


def load_pair(pair: Pair, size: int) -> LoadedPair:
    """Decode one pair and resize it to a square of ``size`` pixels; errors are not raised but listed in ``problems``."""
    nothing = np.zeros((size, size, 3), np.uint8), np.zeros((size, size), np.uint8)
    try:
        photo, photo_size = read_scaled(pair.image, (size, size), draft=size)
    except InputError as error:
        return LoadedPair(*nothing, [_unreadable(pair.image, error)])
    try:
        truth = read_truth(pair, photo_size)
    except InputError as error:
        return LoadedPair(*nothing, [_unreadable(pair.mask, error)], photo_size)
    problems = _doubts(pair, truth)
    if photo.info.get(WITHOUT_END):
        text = f"{pair.image.name} lacks the end of its file, but no pixels; copy or save it again to have it whole."
        problems.append(Problem("missing end", pair.image, text))
    lesion_area = np.count_nonzero(truth.mask) / truth.mask.size
    image, small = np.asarray(photo), scaled_mask(truth.mask, (size, size))
    return LoadedPair(image, np.where(small, np.uint8(255), np.uint8(0)), problems, photo_size, lesion_area)


def _doubts(pair: Pair, truth: Truth) -> list[Problem]:
    """Return what is unusual about a mask that can be trained on."""
    name = f"The truth of {pair.image.name} by its experts" if len(pair.experts) > 1 else pair.mask.name
    mask, area = truth.mask, np.count_nonzero(truth.mask) / truth.mask.size
    height, width = mask.shape
    texts: dict[Kind, str] = {}
    if truth.is_cut:
        texts["grey mask"] = f"{name} has values between 0 and 255; they are cut at {MASK_CUT}. Save masks as PNG of 0 and 255."
    if truth.fitted == "scaled":
        sizes = f"from {truth.stored_size[0]} × {truth.stored_size[1]} to the photograph's {width} × {height} pixels"
        texts["other size"] = f"{name} is scaled {sizes}; export masks at the photographs' size."
    if truth.fitted == "turned":
        texts["turned mask"] = f"{name} fits {pair.image.name} as its camera stored it, and is turned upright with it."
    if not area:
        texts["no lesion"] = f"{name} marks no lesion; check that this is intended."
    elif area >= NEARLY_FULL:
        texts["full mask"] = f"{name} marks {area:.0%} of the photograph; check that this is intended."
    elif mask[[0, 0, -1, -1], [0, -1, 0, -1]].all():
        advice = "if it is, name its other value as the lesion, such as 0"
        texts["marked corners"] = f"{name} marks all four corners and may be inverted; {advice}."
    return [Problem(kind, pair.mask, text) for kind, text in texts.items()]


def check_masks(dataset: Dataset, problems: Sequence[Problem]) -> list[Problem]:
    """Return what the masks of a dataset have in common, once their pairs are read: unusual values, or nothing marked at all.

    Args:
        dataset: the pairs.
        problems: all that `load_pairs` found.
    """
    found = []
    for masks in dataset.mask_rules:
        try:
            note = masks.rule.note
        except InputError:  # each of its pairs says why
            continue
        if note:
            found.append(Problem("mask values", masks.files[0].parent, note))
    empty = {problem.file for problem in problems if problem.kind == "no lesion"}
    bad = {problem.file for problem in problems if problem.is_error}
    usable = [pair for pair in dataset.trainable if not bad & {pair.image, *pair.masks}]
    if usable and all(pair.mask in empty for pair in usable):
        text = f"None of the {len(usable)} masks that could train marks a lesion; check which folder and which value mark it."
        found.append(Problem("nothing to train on", usable[0].mask.parent, text))
    if dataset.trainable:  # a set for testing alone trains nothing
        try:
            dataset.split(SplitSpec(0, 0.2))
        except InputError as error:
            found.append(Problem("nothing to train on", Path(dataset.sources[0]), str(error)))
    return found


def _unreadable(file: Path, error: InputError) -> Problem:
    kind: Kind = "unclear mask" if isinstance(error, UnclearMaskError) else "unreadable"
    if isinstance(error, OtherSizeError):
        kind = "different sizes"
    return Problem(kind, file, str(error), is_passing=isinstance(error, PassingError))


def describe(problems: Iterable[Problem], most: int = 5) -> str:
    """Join problems into one text: the first ``most`` messages, then how many more there are."""
    messages = list(dict.fromkeys(problem.message for problem in problems))
    more = f" … and {len(messages) - most} more." if len(messages) > most else ""
    return " ".join(messages[:most]) + more


def notes_on(problems: Iterable[Problem], most: int = 20) -> list[str]:
    """Return lines for a log: all that is left out, and of other problems the first ``most`` of each kind and how many more.

    A dataset may have 100,000 grey masks.
    """
    notes, seen = [], Counter[Kind]()
    for problem, alike in counted(problems):
        seen[problem.kind] += not problem.is_error
        if problem.is_error or seen[problem.kind] <= most:
            text = f"Left out: {problem.message}" if problem.is_error else problem.message
            notes.append(f"{text} ({alike:,} files)" if alike > 1 else text)
    advice = "python -m seg_core data check lists them all."
    return notes + [f"… and {count - most} more of the kind {kind}; {advice}" for kind, count in seen.items() if count > most]


def counted(problems: Iterable[Problem]) -> list[tuple[Problem, int]]:
    """Return the first of all problems with the same sentence, and how many there are: a whole folder may share one."""
    first: dict[str, Problem] = {}
    count = Counter[str]()
    for problem in problems:
        first.setdefault(problem.message, problem)
        count[problem.message] += 1
    return [(problem, count[message]) for message, problem in first.items()]


def kinds_of(problems: Iterable[Problem]) -> str:
    """Return how many problems of each kind there are, in a few words."""
    return ", ".join(f"{count} × {kind}" for kind, count in Counter(problem.kind for problem in problems).most_common())


def refused(dataset: Dataset, problems: Iterable[Problem]) -> list[Problem]:
    """Return the problems that stop a training which skips none: all errors, except those within test files."""
    tests = {file for pair in dataset.test for file in (pair.image, *pair.masks)}
    of_names = ("missing mask", "duplicate id")
    return [problem for problem in problems if problem.is_error and (problem.kind in of_names or problem.file not in tests)]


def refusal(errors: Sequence[Problem]) -> InputError:
    """Return the exception for pairs with these errors where none may be skipped."""
    found = f"{len(errors)} of the pairs cannot be trained on: {describe(errors)}"
    return InputError(f"{found} Fix them, or skip pairs with problems (--skip-problems).")
