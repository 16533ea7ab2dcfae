"""The command `report`, which writes the HTML report."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from seg_core.cli.common import JsonOption, progress, report
from seg_core.common.home import expanded
from seg_core.errors import InputError

app = typer.Typer()


@app.command("report")
def write(
    run_ids: Annotated[list[int], typer.Argument(help="The runs' numbers.", metavar="RUN...")],
    target: Annotated[Path, typer.Option("--output", help="The HTML file to write.", metavar="FILE")],
    as_json: JsonOption = False,
) -> None:
    """Write an HTML file on runs: settings, scores with intervals, and which run is better."""
    from seg_core.jobs.kept import kept_evaluation
    from seg_core.report import write_report
    from seg_core.runs.store import RunStore

    store, target = RunStore(), expanded(target)
    if target.is_dir() or not os.access(target.parent, os.W_OK):
        raise InputError(f"{target} cannot be written; name a file in a folder that is there as --output.")
    runs = [store.get_run(id) for id in dict.fromkeys(run_ids)]
    with progress("Gathering") as advance:
        write_report(runs, store, target, advance, kept_evaluation)
    report(f"{target} is written.", {"report": str(target)}, as_json)
