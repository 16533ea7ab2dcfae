"""A training as a command, to copy."""

from __future__ import annotations

import shlex

from seg_core.config import Config


def command_line(config: Config, sources: list[str], name: str, *, seeds: int = 1, folds: int = 1) -> str:
    """The command that trains the same, for a terminal; with ``seeds`` or ``folds``, as a group."""
    if folds > 1:
        config = config.model_copy(update={"folds": 1, "fold": 1})  # whichever fold it is of: all of them are trained
    parts = ["python", "-m", "seg_core", "train"]
    for source in sources:
        parts += ["--data", source]
    parts += ["--variant", config.variant, "--recipe", config.recipe]
    defaults = Config.of(config.recipe)
    options = {"learning_rate": "--lr"}
    for field, value in config.model_dump(exclude={"variant", "recipe", "schedule_from"}).items():
        if value != getattr(defaults, field) or (field == "fold" and config.folds > 1):
            option = options.get(field, "--" + field.replace("_", "-"))
            parts += [option] if value is True else [option, str(value)]
    parts += ["--seeds", str(seeds)] if seeds > 1 else []
    parts += ["--folds", str(folds)] if folds > 1 else []
    return shlex.join(parts + (["--name", name] if name else []))
