"""Groups: runs that repeat one training with other seeds or on other folds, shown as one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from seg_core.errors import InputError, some_of
from seg_core.runs.address import Address
from seg_core.runs.run import Run


@dataclass(frozen=True)
class Group:
    """The runs of one group that still exist, in the order of launch; at least two."""

    runs: tuple[Run, ...]

    @property
    def id(self) -> int:
        """Number of the group: that of its first run when it was launched."""
        group = self.runs[0].group
        assert group is not None
        return group

    @property
    def key(self) -> str:
        """Its address in links, such as ``g3``."""
        return Address(self.id, is_group=True).key

    @property
    def is_cross_validation(self) -> bool:
        """True if each run validates on another fold of the same photographs."""
        return len({run.config.fold for run in self.runs}) > 1

    @property
    def label(self) -> str:
        """Label in lists, such as ``Group 3 · first try, 5 folds``."""
        first, folds = self.runs[0], self.runs[0].config.folds
        of = f" of {folds}" if self.is_cross_validation and len(self.runs) < folds else ""
        return f"Group {self.id} · {first.name or first.config.label}, {len(self.runs)}{of} {self.unit}s"

    @property
    def unit(self) -> str:
        """Unit of variation between its runs: ``fold`` or ``seed``."""
        return "fold" if self.is_cross_validation else "seed"


def groups_of(runs: Sequence[Run]) -> list[Group]:
    """Return the groups among some runs, the newest first; a run whose others were all deleted is no group."""
    members: dict[int, list[Run]] = {}
    for run in sorted(runs, key=lambda run: run.id):
        if run.group is not None:
            members.setdefault(run.group, []).append(run)
    return [Group(tuple(members[id])) for id in sorted(members, reverse=True) if len(members[id]) > 1]


def group_number(members: Sequence[Run], taken: Collection[int]) -> int:
    """Return the number of a new group of runs: that of the first of them that is no number of a group yet, ``taken``.

    Raises:
        InputError: if they are no repeats of one training, or one of them is in a group.
    """
    if len(members) < 2:
        raise InputError("A group needs two runs or more; choose further ones.")
    if grouped := [run for run in members if run.group is not None]:
        raise InputError(f"{grouped[0].label} is in group {grouped[0].group}; take that group apart first.")
    if others := sorted({name for run in members for name in _unlike(members[0], run)}):
        raise InputError(f"A group repeats one training with other seeds or folds, and these differ in {some_of(others)}.")
    if len({(run.config.seed, run.config.fold) for run in members}) < len(members):
        raise InputError("Two of these have the same seed and fold; a group repeats one training with other ones.")
    if not (free := [run.id for run in members if run.id not in taken]):
        raise InputError("The numbers of these runs are those of groups; add a run whose number is free.")
    return free[0]


def _unlike(one: Run, other: Run) -> list[str]:
    ours, theirs = one.config.model_dump(), other.config.model_dump()
    return [
        *(name.replace("_", " ") for name in ours if name not in ("seed", "fold") and ours[name] != theirs[name]),
        *(["the data"] if one.sources != other.sources else []),
    ]


def by_key(runs: Sequence[Run]) -> dict[str, Run | Group]:
    """Return some runs and their groups, by their keys: ``3`` and ``g3``."""
    return {run.key: run for run in runs} | {group.key: group for group in groups_of(runs)}
