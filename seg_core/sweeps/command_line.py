"""A sweep as a command, to copy."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from seg_core.config import Config
from seg_core.sweeps.sweep import Plan


def sweep_command(config: Config, sources: Sequence[str], name: str, plan: Plan) -> str:
    """Return the command that starts a sweep, for a terminal."""
    parts = ["python", "-m", "seg_core", "sweep", "start"]
    for source in sources:
        parts += ["--data", source]
    parts += ["--variant", config.variant, "--recipe", config.recipe]
    defaults = Config.of(config.recipe)
    for setting, value in config.model_dump(exclude={"variant", "recipe"}).items():
        if value != getattr(defaults, setting):
            text = ",".join(map(str, value)) if isinstance(value, tuple | list) else value
            parts += ["--with", f"{setting}={text}"]
    for text in plan.space:
        parts += ["--set", text]
    usual = Plan.of(config, space=plan.space, by=plan.by, folds=plan.folds)
    parts += ["--by", plan.by] if plan.by != "tpe" else []
    parts += ["--folds", str(plan.folds)] if plan.folds > 1 else []
    for option in ("runs", "hours", "seeds"):
        if getattr(plan, option) != getattr(usual, option):
            parts += [f"--{option}", f"{getattr(plan, option):g}"]
    if plan.prune != usual.prune:
        parts.append("--prune" if plan.prune else "--no-prune")
    return shlex.join(parts + (["--name", name] if name else []))
