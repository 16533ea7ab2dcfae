"""The command `app`."""

from __future__ import annotations

import sys
from importlib import import_module

import typer

from seg_core.common.home import PROJECT

app = typer.Typer()

# The host has a parser of its own, which gets every option, --help too.
_ALL_OPTIONS = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": list[str]()}


@app.command("app", context_settings=_ALL_OPTIONS)
def start_app(context: typer.Context) -> None:
    """Start the app on http://localhost:8501; --host and --port choose another address."""
    sys.path.insert(0, str(PROJECT))  # before the current folder, which may hold an app.py or a folder pages of its own
    # By name: the core does not import its user interfaces.
    status: int = import_module("app").main(context.args)
    raise typer.Exit(status)
