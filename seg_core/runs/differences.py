"""What differs between runs and groups: the settings and data in which they are not alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from seg_core.config import VARIANT_LABELS, Config, setting_title
from seg_core.data.source import JOINED, Source
from seg_core.runs.groups import Group
from seg_core.runs.run import Run

MOST_VALUES = 5
"""Values of a group's runs that are listed; of more their number is told."""
DATA = "Data"


class Difference(NamedTuple):
    """A setting, or the data, with its value of each run or group."""

    title: str
    values: list[str]


def differences(shown: Sequence[Run | Group]) -> list[Difference]:
    """Return the settings in which some runs or groups differ, in the order of `Config`, and then the data.

    A group's value is that of its runs: all of them, where these differ.
    """
    names = [name for name in Config.model_fields if name != "schedule_from"]  # the program's own bookkeeping
    each = [Difference(setting_title(name), [_of_runs(one, name) for one in shown]) for name in names]
    each.append(Difference(DATA, [_joined([_data(run) for run in _runs(one)]) for one in shown]))
    return [difference for difference in each if len(set(difference.values)) > 1]


def _runs(one: Run | Group) -> tuple[Run, ...]:
    return one.runs if isinstance(one, Group) else (one,)


def _of_runs(one: Run | Group, name: str) -> str:
    return _joined([_in_words(name, getattr(run.config, name)) for run in _runs(one)])


def _joined(values: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(values))
    return ", ".join(distinct) if len(distinct) <= MOST_VALUES else f"{len(distinct)} values"


def _in_words(name: str, value: Any) -> str:
    if name == "variant":
        return VARIANT_LABELS[value]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value) or "–"


def _data(run: Run) -> str:
    return JOINED.join(Source.parse(source).name for source in run.sources)
