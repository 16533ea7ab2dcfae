"""Sweeps and their trials, as the store returns them; what they say follows from their runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from seg_core.config import MOST_FOLDS, MOST_SEEDS, Config
from seg_core.errors import InputError
from seg_core.evaluation.bootstrap import Interval
from seg_core.evaluation.confidence import models_margin
from seg_core.runs.run import Run
from seg_core.sweeps.space import Space

By = Literal["grid", "random", "tpe"]
Role = Literal["trial", "winner", "baseline"]
Ending = Literal["", "finished", "stopped", "failed"]
State = Literal["active", "complete", "pruned", "stopped", "failed", "deleted"]
Phase = Literal["searching", "proving", "finished", "stopped", "failed"]

BY_TITLES: dict[By, str] = {"grid": "Grid", "random": "Random", "tpe": "TPE"}
MOST_RUNS = 1000
"""The most runs that a sweep may queue to search."""
USUAL_RUNS = 20
MOST_FAILURES = 3
"""Trials that fail one after the other before a sweep gives up."""


class Plan(BaseModel):
    """How a sweep searches; it is stored with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    space: tuple[str, ...] = Field(description="Settings to try, as `Space.parse` reads them.")
    by: By = Field(default="tpe", description="grid: all combinations in order. random: by chance. tpe: Optuna's TPE.")
    runs: int = Field(default=USUAL_RUNS, ge=1, le=MOST_RUNS, description="Runs to search with; those that prove come on top.")
    hours: float | None = Field(default=None, gt=0, description="Hours of training after which no further trial begins.")
    prune: bool = Field(default=True, description="Stop trials that are worse than the median of the others at their epoch.")
    folds: int = Field(default=1, ge=1, le=MOST_FOLDS, description="Folds of each trial, of which the mean counts.")
    seeds: int = Field(default=3, ge=2, le=MOST_SEEDS, description="Fresh seeds with which the winner is trained again.")

    @classmethod
    def of(cls, config: Config, **values: Any) -> Plan:
        """Return a checked plan for a search around ``config``; a value of None keeps the default.

        Of a grid, the runs are by default those of all its combinations. Trainings of different lengths are not pruned.

        Raises:
            InputError: if a setting to try or a number makes no sense.
        """
        given = {name: value for name, value in values.items() if value is not None}
        space = Space.parse(given.pop("space", ()), config)
        if given.get("by") == "grid":
            combinations = sum(1 for _ in space.grid())
            given.setdefault("runs", min(MOST_RUNS, combinations * given.get("folds", 1)))
        given.setdefault("prune", "epochs" not in space.names)
        try:
            plan = cls(space=tuple(dimension.text for dimension in space.dimensions), **given)
        except ValidationError as error:
            first = error.errors()[0]
            if not first["loc"]:
                raise InputError(str(first["ctx"]["error"])) from error
            name, value = str(first["loc"][0]), first["input"]
            raise InputError(f"A sweep cannot have {value!r} as {name}: {cls._bounds(name)}.") from error
        if plan.prune and "epochs" in space.names:
            raise InputError("Trainings of different lengths cannot be compared half-way; leave out the epochs, or do not prune.")
        fresh_configs(config, plan.seeds)  # which refuses seeds beyond the last one
        return plan

    @model_validator(mode="after")
    def _check_runs(self) -> Self:
        if self.runs < self.folds:
            raise ValueError(f"{self.runs} runs are not enough for one trial of {self.folds} folds; give more runs.")
        return self

    @property
    def most_trials(self) -> int:
        """Trials for which the runs are enough."""
        return self.runs // self.folds

    def space_of(self, config: Config) -> Space:
        """Return what it tries around ``config``."""
        return Space.parse(self.space, config)

    @classmethod
    def _bounds(cls, name: str) -> str:
        description = cls.model_fields[name].description or ""
        return {
            "runs": f"it needs a whole number from 1 to {MOST_RUNS:,}",
            "hours": "it needs a number above 0",
            "folds": f"it needs a whole number from 1 to {MOST_FOLDS}",
            "seeds": f"it needs a whole number from 2 to {MOST_SEEDS}",
            "by": "choose grid, random or tpe",
        }.get(name, description)


def fresh_configs(config: Config, seeds: int) -> list[Config]:
    """Return a config with each of the ``seeds`` seeds after its own, which no trial has.

    Raises:
        InputError: if one of these is too large.
    """
    values = config.model_dump()
    return [Config.of(**values | {"seed": config.seed + more}) for more in range(1, seeds + 1)]


@dataclass(frozen=True)
class Trial:
    """One combination of settings, and the runs that try it: one, one for each fold, or one for each seed."""

    number: int
    role: Role
    params: Mapping[str, Any]
    pruned: str
    """Why it was stopped; empty unless the sweep stopped it."""
    runs: tuple[Run, ...]
    expected: int
    """Number of its runs when none is deleted."""

    @property
    def state(self) -> State:
        """What became of it; a run that someone resumes or deletes changes it."""
        if any(run.is_active for run in self.runs):
            return "active"
        if len(self.runs) < self.expected:
            return "deleted"
        if all(run.status == "finished" and run.best_iou is not None for run in self.runs):
            return "complete"
        if self.pruned:
            return "pruned"
        return "stopped" if any(run.status == "stopped" for run in self.runs) else "failed"

    @property
    def values(self) -> list[float]:
        """The best validation IoU of each run that has finished."""
        return [run.best_iou for run in self.runs if run.status == "finished" and run.best_iou is not None]

    @property
    def value(self) -> float | None:
        """Mean of the values; None before all its runs have finished."""
        return float(np.mean(self.values)) if self.state == "complete" else None

    @property
    def interval(self) -> Interval | None:
        """The value with its 95 % interval over its runs, by Student's t; None where it has one run or has not finished."""
        if self.value is None or len(self.values) < 2:
            return None
        margin = models_margin([np.array(self.values)])
        return Interval(self.value, max(0.0, self.value - margin), min(1.0, self.value + margin))

    @property
    def best_so_far(self) -> float | None:
        """Its value or, before it is complete, the mean of the best values of its runs so far."""
        known = [run.best_iou for run in self.runs if run.best_iou is not None]
        return float(np.mean(known)) if known else None

    @property
    def key(self) -> str | None:
        """Address of its run or group; None if it is deleted."""
        if not self.runs:
            return None
        group = self.runs[0].group
        return self.runs[0].key if len(self.runs) == 1 or group is None else f"g{group}"


@dataclass(frozen=True)
class Sweep:
    """One sweep as the store knew it when it was read."""

    id: int
    name: str
    created: float
    config: Config
    """The settings around which it searches: those of a recipe, and what the user chose."""
    sources: tuple[str, ...]
    plan: Plan
    ending: Ending
    """How it ended; empty while something will still happen by itself."""
    message: str
    looks: int
    """How often someone looked at its scores on the test photographs."""
    every: tuple[Trial, ...]
    """All trials in order: those of the search, then those of the proof."""

    @cached_property
    def space(self) -> Space:
        """What it tries."""
        return self.plan.space_of(self.config)

    @property
    def label(self) -> str:
        """Label in lists, such as ``Sweep 2 · first try``."""
        return f"Sweep {self.id} · {self.name or self.config.label}"

    @property
    def trials(self) -> list[Trial]:
        """The trials of the search."""
        return [trial for trial in self.every if trial.role == "trial"]

    def proving(self, role: Role) -> Trial | None:
        """Return the trainings of the winner or of the baseline with fresh seeds, if there are any."""
        return next((trial for trial in self.every if trial.role == role), None)

    @property
    def runs(self) -> list[Run]:
        """All its runs that still exist."""
        return [run for trial in self.every for run in trial.runs]

    @property
    def baseline(self) -> dict[str, Any]:
        """The values that the tried settings have without the sweep."""
        return self.space.of(self.config)

    @property
    def phase(self) -> Phase:
        """What it does now, or how it ended."""
        if self.ending:
            return self.ending
        if not (proof := [trial for trial in self.every if trial.role != "trial"]):
            return "searching"
        return "proving" if any(trial.state == "active" for trial in proof) else "finished"

    @property
    def is_active(self) -> bool:
        """True if something will still happen."""
        return self.phase in ("searching", "proving")

    @property
    def runs_used(self) -> int:
        """Runs of the search so far, those that are deleted included."""
        return len(self.trials) * self.plan.folds

    @property
    def hours_used(self) -> float:
        """Hours for which the runs of the search have trained."""
        return sum(run.elapsed for trial in self.trials for run in trial.runs) / 3600

    @property
    def has_budget(self) -> bool:
        """True if another trial may begin."""
        is_time = self.plan.hours is None or self.hours_used < self.plan.hours
        return is_time and len(self.trials) < self.plan.most_trials

    @property
    def ranked(self) -> list[Trial]:
        """The complete trials, the best first; of equals the earlier."""
        complete = [trial for trial in self.trials if trial.value is not None]
        return sorted(complete, key=lambda trial: (-(trial.value or 0.0), trial.number))

    @property
    def best(self) -> Trial | None:
        """The trial with the highest value, if any is complete."""
        return next(iter(self.ranked), None)

    @property
    def gives_up(self) -> str:
        """Why it goes on no longer, if the last trials have all failed; else empty."""
        last = [trial for trial in self.trials if trial.state != "active"][-MOST_FAILURES:]
        if len(last) < MOST_FAILURES or any(trial.state != "failed" for trial in last):
            return ""
        why = next((run.message for run in last[-1].runs if run.message), "")
        return f"Its last {MOST_FAILURES} trials failed. {why}".strip()

    def config_of(self, params: Mapping[str, Any]) -> Config:
        """Return the settings of a trial."""
        return Config.of(**self.config.model_dump() | dict(params))
