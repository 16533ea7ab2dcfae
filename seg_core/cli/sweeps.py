"""The commands below `sweep`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from seg_core.cli.common import (
    DataOption,
    ExpertsOption,
    ImagesOption,
    JsonOption,
    LesionOption,
    MasksOption,
    TruthOption,
    open_data,
    output,
    print_json,
    progress,
    report,
    screen,
)
from seg_core.config import Config, setting_title
from seg_core.errors import InputError
from seg_core.sweeps.table import (
    SET_HELP,
    best_rows,
    budget,
    in_words,
    interval_in_words,
    method,
    params_in_words,
    score,
    to_json,
)

if TYPE_CHECKING:
    from seg_core.data.dataset import Dataset
    from seg_core.sweeps.store import SweepStore
    from seg_core.sweeps.sweep import Plan, Sweep

app = typer.Typer(help="Try many settings on validation photographs, and prove the best.", no_args_is_help=True)

ASK_SECONDS = 0.5

SweepArgument = Annotated[int, typer.Argument(help="The sweep's number.", metavar="SWEEP")]
_STARTS = "Start a sweep, whose runs wait in the queue of all runs"


@app.command("start", help=f"{_STARTS} and return; it goes on without a terminal and without the app.")
@app.command("run", help=f"{_STARTS}, wait for its end, and print what came out. After Ctrl-C it goes on by itself.")
def start_sweep(
    context: typer.Context,
    data: DataOption,
    space: Annotated[list[str], typer.Option("--set", help=SET_HELP, metavar="SETTING=VALUES")],
    variant: Annotated[str | None, typer.Option(help="What is trained, as of train.", show_default="fine-tune")] = None,
    recipe: Annotated[str, typer.Option(help="The recipe, from whose settings those that are tried differ.")] = "best",
    fixed: Annotated[
        list[str] | None,
        typer.Option("--with", help="A setting that all runs have, such as epochs=20; may be repeated.", metavar="SETTING=VALUE"),
    ] = None,
    by: Annotated[str, typer.Option(help="grid: all combinations, in order. random: by chance. tpe: Optuna's TPE.")] = "tpe",
    runs: Annotated[
        int | None,
        typer.Option(help="Runs to search with; those that prove the best come on top.", show_default="20; a grid: all of it"),
    ] = None,
    hours: Annotated[float | None, typer.Option(help="Hours of training after which no further trial begins.")] = None,
    prune: Annotated[
        bool | None,
        typer.Option(
            "--prune/--no-prune",
            help="Stop trials that are worse than the median of the others at their epoch.",
            show_default="prune, unless epochs is tried",
        ),
    ] = None,
    folds: Annotated[int, typer.Option(help="Folds of each trial, of which the mean counts.")] = 1,
    seeds: Annotated[int, typer.Option(help="Fresh seeds to train the best and the starting settings again with.")] = 3,
    images: ImagesOption = None,
    masks: MasksOption = None,
    lesion: LesionOption = None,
    experts: ExpertsOption = None,
    truth: TruthOption = None,
    name: Annotated[str, typer.Option(help="Name of the sweep.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Start a sweep, and wait for its end if the command is `run`."""
    from seg_core.sweeps.sweep import Plan

    config = Config.of(recipe, variant=variant, **dict(_setting(text) for text in fixed or []))
    plan = Plan.of(config, space=space, by=by, runs=runs, hours=hours, prune=prune, folds=folds, seeds=seeds)
    with progress("Drawing the sample dataset") as advance:
        dataset = open_data(data, images, masks, lesion, experts, truth, advance)
    sweep = _start(dataset, config, name, plan)
    if context.info_name == "start":
        see = f"see it with: python -m seg_core sweep show {sweep.id}"
        report(f"Sweep {sweep.id} has started; {see}", to_json(sweep), as_json)
        return
    try:
        sweep = _wait(sweep)
    except KeyboardInterrupt:
        screen.print(f"Sweep {sweep.id} goes on; stop it with: python -m seg_core sweep stop {sweep.id}")
        raise typer.Exit(1) from None
    _show(sweep, as_json)
    if sweep.phase == "failed":
        raise typer.Exit(2)


@app.command("list")
def list_sweeps(as_json: JsonOption = False) -> None:
    """List all sweeps, newest first."""
    sweeps = _store().all()
    if as_json:
        print_json({"sweeps": [to_json(sweep) for sweep in sweeps]})
        return
    if not sweeps:
        output.print("No sweeps yet; start one with: python -m seg_core sweep start --data sample --set loss=bce,bce-dice")
        return
    table = Table("Sweep", "Name", "State", "Used", "Best IoU (val)", box=None)
    for sweep in sweeps:
        best = sweep.best
        table.add_row(str(sweep.id), sweep.name, sweep.phase, budget(sweep), score(best) if best else "")
    output.print(table)


@app.command("show")
def show_sweep(sweep_id: SweepArgument, as_json: JsonOption = False) -> None:
    """Show a sweep: its state, its best trials, how much each setting matters, and whether the best is better."""
    _show(_store().get(sweep_id), as_json)


@app.command("stop")
def stop_sweep(sweep_id: SweepArgument, as_json: JsonOption = False) -> None:
    """Stop a sweep, and those of its runs that train or wait; their models are kept."""
    sweep = _store().stop(sweep_id)
    report(f"Sweep {sweep.id} is stopped.", to_json(sweep), as_json)


@app.command("delete")
def delete(
    sweep_id: SweepArgument,
    keep_runs: Annotated[bool, typer.Option("--keep-runs", help="Keep its runs, with their models.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete a sweep that has ended, with its runs, their models, masks and logs."""
    from seg_core.runs.store import RunStore
    from seg_core.sweeps.deletion import delete_sweep

    freed = delete_sweep(_store(), RunStore(), sweep_id, keep_runs=keep_runs)
    report(f"Sweep {sweep_id} is deleted; {freed / 1e6:.1f} MB freed.", {"id": sweep_id, "bytes_freed": freed}, as_json)


def _store() -> SweepStore:
    from seg_core.sweeps.store import SweepStore

    return SweepStore()


def _start(dataset: Dataset, config: Config, name: str, plan: Plan) -> Sweep:
    from seg_core.runs.launch import require_data
    from seg_core.runs.store import RunStore
    from seg_core.sweeps.stepping import go_on

    require_data(dataset, config.repeated(folds=plan.folds))
    store = RunStore()
    sweep = _store().add(name, config, dataset.sources, plan)
    go_on(store)
    return sweep


def _setting(text: str) -> tuple[str, str]:
    name, is_given, value = (part.strip() for part in text.partition("="))
    if not is_given:
        raise InputError(f"--with takes SETTING=VALUE, such as epochs=20, and not {text!r}.")
    return name.replace("-", "_"), value


def _wait(sweep: Sweep) -> Sweep:
    """Move a sweep on until it ends, and tell of every trial that ends."""
    from seg_core.runs.dispatch import dispatch
    from seg_core.runs.store import RunStore
    from seg_core.sweeps.stepping import Stepper

    runs, store = RunStore(), _store()
    stepper, told = Stepper(store), set[int]()
    while True:
        stepper()
        dispatch(runs)
        sweep = store.get(sweep.id)
        for trial in sweep.every:
            if trial.state != "active" and trial.number not in told:
                told.add(trial.number)
                screen.print(
                    f"{trial.role.title()} {trial.number} is {trial.state}, {score(trial)}: {params_in_words(trial.params)}"
                )
        if sweep.ending:
            return sweep
        time.sleep(ASK_SECONDS)


def _show(sweep: Sweep, as_json: bool) -> None:
    from seg_core.sweeps.importance import LEAST_TRIALS, importances
    from seg_core.sweeps.proof import proof_of, verdict

    shares, proof = importances(sweep), proof_of(sweep)
    if as_json:
        gain = proof and {**proof.gain._asdict(), "seeds": proof.seeds, "is_better": proof.is_better}
        print_json(to_json(sweep) | {"importance": shares, "gain": gain, "verdict": verdict(sweep)})
        return
    output.print(f"{sweep.label}: {sweep.phase}, {method(sweep)}; {budget(sweep)}. {sweep.message}".rstrip())
    table = Table("Trial", *(setting_title(name) for name in sweep.space.names), "IoU (val)", "95 % interval", "Runs", box=None)
    for trial in best_rows(sweep):
        values = (in_words(trial.params[name]) for name in sweep.space.names)
        runs = ", ".join(str(run.id) for run in trial.runs)
        table.add_row(str(trial.number), *values, score(trial), interval_in_words(trial.interval), runs)
    output.print(table)
    if shares:
        output.print(f"Importance: {', '.join(f'{setting_title(name)} {share:.0%}' for name, share in shares.items())}.")
    else:
        output.print(f"Importance: too early to tell; {len(sweep.ranked)} of at least {LEAST_TRIALS} trials are complete.")
    for sentence in filter(None, (verdict(sweep), _on_test(sweep))):
        output.print(sentence)


def _on_test(sweep: Sweep) -> str:
    if sweep.is_active or sweep.best is None:
        return ""
    times = {0: "were not looked at yet", 1: "were looked at once"}.get(sweep.looks, f"were looked at {sweep.looks} times")
    return f"Scores on the test photographs {times}."
