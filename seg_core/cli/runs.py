"""The commands below `runs`."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from seg_core.cli.common import (
    JsonOption,
    RunArgument,
    YesOption,
    output,
    print_json,
    progress,
    report,
    screen,
    work_here_and_report,
)
from seg_core.common.home import expanded
from seg_core.errors import InputError, StoreUnwritable

if TYPE_CHECKING:
    from seg_core.runs.store import RunStore

app = typer.Typer(help="List, show, stop, resume, edit, group or delete runs.", no_args_is_help=True)


def _store() -> RunStore:
    """Open the run store, with lost runs marked as such. Where it cannot be written, say so: it can still be read."""
    from seg_core.runs.alerts.sender import Sender
    from seg_core.runs.store import RunStore

    store = RunStore()
    try:
        if store.claims.mark_lost():
            Sender(store.alerts).look()
    except StoreUnwritable as error:
        screen.print(f"Runs may be shown as running that no longer do. {error}")
    return store


@app.command("list")
def list_runs(
    archived: Annotated[bool, typer.Option("--archived", help="List archived runs too.")] = False, as_json: JsonOption = False
) -> None:
    """List all runs that are not archived, newest first."""
    store = _store()
    runs = [run for run in store.list_runs() if archived or not run.archived]
    if as_json:
        print_json({"runs": [run.to_json() for run in runs]})
        return
    if not runs and store.list_runs():
        output.print("All runs are archived; list them with: python -m seg_core runs list --archived")
        return
    if not runs:
        output.print("No runs yet; start one with: python -m seg_core train --data sample")
        return
    table = Table("Run", "Name", "Model", "Status", "Epochs", "Best IoU (val)", box=None)
    for run in runs:
        best = "" if run.best_iou is None else f"{run.best_iou:.4f}"
        table.add_row(str(run.id), run.name, run.config.label, run.status, f"{run.epochs_done}/{run.config.epochs}", best)
    output.print(table)


@app.command("show")
def show_run(run_id: RunArgument, as_json: JsonOption = False) -> None:
    """Show a run: status, settings, and the last lines of its log."""
    store = _store()
    run = store.get_run(run_id)
    lines = store.history.log_tail(run_id, 20)
    if as_json:
        print_json({**run.to_json(), "log": [asdict(line) for line in lines]})
        return
    output.print(f"{run.label}: {run.status}, {run.epochs_done} of {run.config.epochs} epochs. {run.message}")
    for name, value in run.config.model_dump().items():
        output.print(f"  {name:<16} {value}")
    for line in lines:
        output.print(f"  {line.level:<7} {line.text}")


@app.command("stop")
def stop_run(
    run_id: RunArgument,
    after_epoch: Annotated[bool, typer.Option("--after-epoch", help="Finish the current epoch first.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Stop a run after the current batch or epoch; its model is kept."""
    from seg_core.runs.store import RunStore

    run = RunStore().queue.stop(run_id, after_epoch=after_epoch)
    what = "stops after the current epoch" if run.stop_after_epoch and run.status == "running" else f"is {run.status}"
    report(f"Run {run.id} {what}.", run, as_json)


@app.command("resume")
def resume_run(
    run_id: RunArgument,
    devices: Annotated[
        int | None, typer.Option(help="Processes that train it from now on.", show_default="as many as before")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Resume a stopped, failed or lost run here, from the interrupted epoch."""
    store = _store()
    work_here_and_report(store, store.queue.resume(run_id, foreground=True, devices=devices), as_json)


@app.command("continue")
def continue_run(
    run_id: RunArgument,
    epochs: Annotated[int, typer.Option(help="Epochs to add.")],
    as_json: JsonOption = False,
) -> None:
    """Train a finished run for more epochs here."""
    from seg_core.runs.store import RunStore

    store = RunStore()
    run = store.queue.extend(run_id, epochs, foreground=True)
    work_here_and_report(store, run, as_json)
    if store.get_run(run_id).config.epochs < run.config.epochs:  # it is finished as before
        raise typer.Exit(2)


@app.command("move")
def move_run(
    run_id: RunArgument,
    by: Annotated[int, typer.Option(help="Places towards the end of the queue; towards its front if negative.")],
    as_json: JsonOption = False,
) -> None:
    """Move a run in the queue."""
    from seg_core.runs.store import RunStore

    store = RunStore()
    store.queue.move(run_id, by)
    line = [run.id for run in store.queue.queued()]
    report(f"The queue, the next run first: {', '.join(map(str, line))}.", {"line": line}, as_json)


@app.command("slots")
def set_slots(
    slots: Annotated[int | None, typer.Argument(help="Number of runs from now on.", metavar="[N]")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show or set how many runs train at a time."""
    from seg_core.runs.dispatch import dispatch
    from seg_core.runs.store import RunStore

    store = RunStore()
    if slots is not None:
        store.queue.set_slots(slots)
        dispatch(store)
    now = store.queue.slots()
    report(f"{now} {'run trains' if now == 1 else 'runs train'} at a time.", {"slots": now}, as_json)


@app.command("edit")
def edit_run(
    run_id: RunArgument,
    name: Annotated[str | None, typer.Option(help="Name of the run.")] = None,
    notes: Annotated[str | None, typer.Option(help="Notes on the run.")] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(help="A tag; give it several times for more. Replaces all tags; an empty one removes them."),
    ] = None,
    archive: Annotated[
        bool | None, typer.Option("--archive/--bring-back", help="Leave the run out of lists, or show it there again.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Set the name, notes or tags of a run, or archive it."""
    from seg_core.runs.store import RunStore

    run = RunStore().annotate(run_id, name=name, notes=notes, tags=tag or None, archived=archive)
    tags = f", tagged {', '.join(run.tags)}" if run.tags else ""
    report(f"Run {run.id} is called {run.name or run.config.label}{tags}{' and is archived' * run.archived}.", run, as_json)


@app.command("group")
def group_runs(
    run_ids: Annotated[list[int], typer.Argument(help="Numbers of runs that differ in seed or fold alone.", metavar="RUN...")],
    apart: Annotated[bool, typer.Option("--apart", help="Take the group that they are in apart instead.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a group of runs that repeat one training, or take it apart."""
    from seg_core.runs.store import RunStore

    store = RunStore()
    if not apart:
        members = store.group(run_ids)
        report(f"Group {members[0].group} has {len(members)} runs.", {"group": members[0].group, "runs": run_ids}, as_json)
        return
    numbers = sorted({group for run_id in run_ids if (group := store.get_run(run_id).group) is not None})
    for number in numbers:
        store.ungroup(number)
    report(f"{len(numbers)} {'group is' if len(numbers) == 1 else 'groups are'} taken apart.", {"groups": numbers}, as_json)


@app.command("delete")
def delete_run(
    run_id: RunArgument,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete a run with its model, masks and log."""
    from seg_core.runs import retraining

    store = _store()
    run = store.get_run(run_id)
    if not yes:
        if not sys.stdin.isatty():
            raise InputError(f"Deleting {run.label} loses its model; add --yes to do it without being asked.")
        if not typer.confirm(f"Delete {run.label} with its model?", err=True):
            return
    freed = retraining.delete_run(store, run_id)
    report(f"Run {run_id} is deleted; {freed / 1e6:.1f} MB freed.", {"run_id": run_id, "bytes_freed": freed}, as_json)


@app.command("restore")
def restore_database(
    day: Annotated[
        str | None, typer.Argument(help="Day of the backup; without it, all backups are listed.", metavar="[DATE]")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring back a daily backup of the run database; the database that it replaces is kept beside it."""
    from seg_core.common.home import home
    from seg_core.runs.backups import backups
    from seg_core.runs.database import VARIABLE
    from seg_core.runs.restore import count_runs, restore

    if os.environ.get(VARIABLE):
        raise InputError("The runs are in the database that LESIONLAB_STORE names; its server brings back backups.")
    path = home() / "lesionlab.db"
    if day is None:
        listed = [{"day": each.day, "runs": count_runs(each), "file": str(each.file)} for each in backups(path)]
        lines = [f"{each['day']}: {'damaged' if each['runs'] is None else '{runs} runs'.format(**each)}" for each in listed]
        report("\n".join(lines) or "No backups yet; there is one for each day with runs.", {"backups": listed}, as_json)
        return
    replaced = restore(path, day)
    kept = f" The one that it replaces is {replaced}." if replaced else ""
    result = {"day": day, "replaced": str(replaced) if replaced else None}
    report(f"The run database of {day} is restored.{kept} Folders of later runs stay in {path.parent}.", result, as_json)


@app.command("copy")
def copy_runs(
    source: Annotated[
        str | None,
        typer.Option("--from", help="Run database to copy: a file or an address.", show_default="that of the home folder"),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--to", help="Empty database: postgresql://USER:PASSWORD@HOST/DATABASE.", show_default="LESIONLAB_STORE"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Copy all runs into another run database, such as one on a server. Their folders stay where they are."""
    from seg_core.common.home import home
    from seg_core.runs.copying import copy_database
    from seg_core.runs.database import VARIABLE, open_database

    target = target or os.environ.get(VARIABLE)
    if not target:
        raise InputError("Name the database to copy into: --to postgresql://USER:PASSWORD@HOST/DATABASE.")
    old, new = (_place(each) for each in (source or str(home() / "lesionlab.db"), target))
    if isinstance(old, Path) and not old.exists():
        raise InputError(f"There is no run database {old}; name its file, or the folder that it is in.")
    with progress("Copying") as advance:
        count = copy_database(open_database(old), open_database(new), advance)
    report(f"{count} runs are copied; with LESIONLAB_STORE set, the app and all commands use them.", {"runs": count}, as_json)


def _place(text: str) -> Path | str:
    """Return where a run database is that a user names: its file, the folder that it is in, or an address."""
    if "://" in text:
        return text
    path = expanded(text)
    return path / "lesionlab.db" if path.is_dir() else path
