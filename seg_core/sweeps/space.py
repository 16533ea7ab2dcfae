"""The settings that a sweep tries: lists and ranges, as they are typed on pages and at terminals."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, get_args, get_origin

import numpy as np

from seg_core.config import Config, bound, setting_title
from seg_core.errors import InputError

Params = Mapping[str, Any]
"""Values of the settings that a sweep tries, by name."""

MOST_VALUES = 100
"""The most values of one setting."""
DIGITS = 4
"""Significant digits of a number that is drawn from a range: enough to tell settings apart, and few enough to read."""
EXAMPLE = "loss=bce,bce-dice or learning_rate=1e-4..1e-2 log"

_ANOTHER_SPLIT = "it decides which photographs validate, and scores on others cannot be compared"
_NO_EFFECT = "the validation IoU of a training does not depend on it"
FIXED: dict[str, str] = {
    "recipe": "a sweep changes the settings of one recipe",
    "seed": "the winner is trained again with fresh seeds anyway",
    "val_fraction": _ANOTHER_SPLIT,
    "folds": _ANOTHER_SPLIT,
    "fold": _ANOTHER_SPLIT,
    "copies": _ANOTHER_SPLIT,
    "groups": _ANOTHER_SPLIT,
    "skip_problems": _ANOTHER_SPLIT,
    "keep": "the best epoch always scores at least what the last one does",
    "second_look": _NO_EFFECT,
    "device": _NO_EFFECT,
    "devices": "it belongs to the machine that trains",
    "log": _NO_EFFECT,
    "begin_from": "all its runs begin from the same weights",
    "schedule_from": "the program sets it",
}
"""Settings that no sweep tries, and why."""
SETTINGS = tuple(name for name in Config.model_fields if name not in FIXED)
"""Settings that a sweep may try."""

_RANGE = re.compile(r"(?P<low>\S+?)\.\.(?P<high>\S+)(?P<log> log)?(?: in (?P<count>\d+))?")


@dataclass(frozen=True)
class Choices:
    """A setting that has one of several values."""

    name: str
    values: tuple[Any, ...]

    @property
    def text(self) -> str:
        """What was typed, in the usual spelling."""
        return f"{self.name}={','.join(map(str, self.values))}"

    def contains(self, value: Any) -> bool:
        """True if the setting may have this value."""
        return value in self.values

    def draw(self, random: np.random.Generator) -> Any:
        """Return one of the values."""
        return self.values[int(random.integers(len(self.values)))]

    def place(self, value: Any) -> float:
        """Where a value stands among all, 0 to 1."""
        return self.values.index(value) / max(1, len(self.values) - 1)


@dataclass(frozen=True)
class Range:
    """A setting that is a number from ``low`` to ``high``, both included. Whole numbers go in steps."""

    name: str
    low: float
    high: float
    log: bool
    step: int | None
    """None for numbers that need not be whole."""

    @property
    def text(self) -> str:
        """What was typed, in the usual spelling."""
        return f"{self.name}={self.low}..{self.high}{' log' * self.log}"

    def contains(self, value: Any) -> bool:
        """True if the setting may have this value."""
        return self.low <= value <= self.high and (self.step is None or (value - self.low) % self.step == 0)

    def draw(self, random: np.random.Generator) -> Any:
        """Return a value by chance; with ``log`` every order of magnitude is as likely as another."""
        if self.step is not None and not self.log:
            return int(self.low + self.step * random.integers(int(self.high - self.low) // self.step + 1))
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        share = random.uniform(low, high)
        return self.rounded(math.exp(share) if self.log else share)

    def rounded(self, value: float) -> Any:
        """Return a value of the range with as many digits as one reads."""
        if self.step is not None:
            value = self.low + self.step * round((value - self.low) / self.step)
            return int(min(max(value, self.low), self.high))
        return min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high)

    def place(self, value: float) -> float:
        """Where a value stands in the range, 0 to 1."""
        scale = math.log if self.log else float
        return (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low))


Dimension = Choices | Range


@dataclass(frozen=True)
class Space:
    """All combinations of settings that a sweep may try."""

    dimensions: tuple[Dimension, ...]

    @classmethod
    def parse(cls, texts: Sequence[str], base: Config) -> Space:
        """Read lists and ranges such as ``loss=bce,bce-dice``, ``learning_rate=1e-4..1e-2 log`` and ``epochs=10..40 in 4``.

        Args:
            texts: one for each setting. With ``in N`` a range is the list of N values that divide it evenly.
            base: the settings that they replace.

        Raises:
            InputError: if one cannot be read, is no setting that a sweep may try, or has values that it cannot have.
        """
        dimensions = tuple(_parse(text, base) for text in texts if text.strip())
        if not dimensions:
            raise InputError(f"A sweep needs settings to try, such as {EXAMPLE}.")
        names = [dimension.name for dimension in dimensions]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise InputError(f"{setting_title(twice)} is given twice; give all its values at once.")
        return cls(dimensions)

    @property
    def names(self) -> tuple[str, ...]:
        """The settings, in the order in which they were given."""
        return tuple(dimension.name for dimension in self.dimensions)

    @property
    def size(self) -> int | None:
        """The number of combinations; None if it has no end."""
        counts = [
            len(each.values) if isinstance(each, Choices) else each.step and int((each.high - each.low) // each.step) + 1
            for each in self.dimensions
        ]
        return None if None in counts else math.prod(count for count in counts if count is not None)

    def contains(self, params: Params) -> bool:
        """True if these values are among its combinations."""
        return all(dimension.contains(params[dimension.name]) for dimension in self.dimensions)

    def of(self, config: Config) -> dict[str, Any]:
        """Return the values that a config has of these settings."""
        return {name: getattr(config, name) for name in self.names}

    def grid(self) -> Iterator[dict[str, Any]]:
        """Yield all combinations: the last setting changes fastest.

        Raises:
            InputError: if a setting has a range, of which it is not said how many values to try.
        """
        for each in self.dimensions:
            if isinstance(each, Range):
                raise InputError(f"A grid needs to know how many values of a range to try; write {each.text} in 5.")
        lists = [each.values for each in self.dimensions if isinstance(each, Choices)]
        for values in product(*lists):
            yield dict(zip(self.names, values, strict=True))

    def draw(self, random: np.random.Generator) -> dict[str, Any]:
        """Return a combination by chance."""
        return {dimension.name: dimension.draw(random) for dimension in self.dimensions}


def _parse(text: str, base: Config) -> Dimension:
    name, is_given, values = (part.strip() for part in text.partition("="))
    if not is_given or not name or not values:
        raise InputError(f"{text.strip()!r} names no values to try; write a setting with a list or a range, such as {EXAMPLE}.")
    name = {"lr": "learning_rate"}.get(name, name.replace("-", "_"))
    if name in FIXED:
        raise InputError(f"A sweep cannot try {_within(setting_title(name))}: {FIXED[name]}.")
    if name not in Config.model_fields:
        raise InputError(f"There is no setting {name}; a sweep can try {', '.join(SETTINGS)}.")
    if _kind(name) in (int, float) and ".." in values:
        return _range(name, " ".join(values.split()), base)
    if ".." in values:
        raise InputError(f"{setting_title(name)} has no ranges; list its values, as in {EXAMPLE.split(' or ')[0]}.")
    return _choices(name, [_value(name, each.strip(), base) for each in values.split(",")])


def _choices(name: str, values: Sequence[Any]) -> Choices:
    different = tuple(dict.fromkeys(values))
    if not 2 <= len(different) <= MOST_VALUES:
        raise InputError(f"{setting_title(name)} needs from 2 to {MOST_VALUES} values to try, and has {len(different)}.")
    return Choices(name, different)


def _range(name: str, values: str, base: Config) -> Dimension:
    found, title = _RANGE.fullmatch(values), setting_title(name)
    if found is None:
        raise InputError(f"{values!r} is no range of {_within(title)}; write it as 0.1..1, with log and in 5 if you like.")
    low, high = (_value(name, found[end], base) for end in ("low", "high"))
    step = (bound(name, "multiple_of") or 1) if _kind(name) is int else None
    if low >= high:
        raise InputError(f"The range of {_within(title)} must begin below its end, and {low} is not below {high}.")
    is_log = bool(found["log"])
    if is_log and (low <= 0 or (step or 1) > 1):
        why = "it begins at 0" if low <= 0 else f"it goes in steps of {step}"
        raise InputError(f"The range of {_within(title)} cannot be logarithmic, since {why}; leave out log.")
    whole = Range(name, low, high, is_log, step)
    if found["count"] is None:
        return whole
    if not 2 <= int(found["count"]) <= MOST_VALUES:
        raise InputError(f"{title} needs from 2 to {MOST_VALUES} values to try, and has {int(found['count'])}.")
    spaced = np.geomspace if is_log else np.linspace
    return _choices(name, [whole.rounded(float(value)) for value in spaced(low, high, int(found["count"]))])


def _value(name: str, text: str, base: Config) -> Any:
    """Return a value as the setting has it, or refuse it with the sentence that the setting has for that."""
    return getattr(Config.of(**base.model_dump() | {name: text}), name)


def _kind(name: str) -> Any:
    annotation = Config.model_fields[name].annotation
    return str if get_origin(annotation) is not None and get_args(annotation) else annotation


def _within(title: str) -> str:
    return title if title[:2].isupper() else title[0].lower() + title[1:]
