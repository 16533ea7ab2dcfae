"""A training as a command, to copy."""

from __future__ import annotations

import shlex

from seg_core.config import Config, option_name


def command_line(config: Config, sources: list[str], name: str, *, seeds: int = 1, folds: int = 1) -> str:
    """Return the command that repeats a training, for a terminal; with ``seeds`` or ``folds``, as a group.

    For a run that was continued for more epochs, a second line continues it. If it was continued several times, only the last
    time has a line of its own.
    """
    if config.schedule_from:
        first = config.model_copy(update={"epochs": config.schedule_from, "schedule_from": 0})
        more = f"python -m seg_core runs continue RUN --epochs {config.epochs - first.epochs}"
        return f"{command_line(first, sources, name)}\n{more}"
    if folds > 1:
        config = config.model_copy(update={"folds": 1, "fold": 1})  # the group trains every fold
    parts = ["python", "-m", "seg_core", "train"]
    for source in sources:
        parts += ["--data", source]
    parts += ["--variant", config.variant, "--recipe", config.recipe]
    defaults = Config.of(config.recipe)
    for field, value in config.model_dump(exclude={"variant", "recipe"}).items():
        if value != getattr(defaults, field) or (field == "fold" and config.folds > 1):
            parts += [option_name(field)] if value is True else [option_name(field), str(value)]
    parts += ["--seeds", str(seeds)] if seeds > 1 else []
    parts += ["--folds", str(folds)] if folds > 1 else []
    return shlex.join(parts + (["--name", name] if name else []))
