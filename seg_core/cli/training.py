"""Commands that train: `train`, and the hidden ones by which the app starts its processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

from seg_core.cli.common import (
    DataOption,
    ExpertsOption,
    ImagesOption,
    JsonOption,
    LesionOption,
    MasksOption,
    RunArgument,
    TruthOption,
    open_data,
    output,
    print_json,
    progress,
    screen,
    work_here_on,
)
from seg_core.common.log_file import bounded
from seg_core.config import NONE, RECIPES, SET_BY_PROGRAM, SEVERAL, Config, option_name

if TYPE_CHECKING:
    from seg_core.training.ranks import Place

app = typer.Typer()


def _setting(name: str) -> Parameter:
    """Return the parameter of a setting, None by default, whose help lists the choices and the value in each recipe."""
    field = Config.model_fields[name]
    kind: Any = list[str] if name in SEVERAL else str if get_origin(field.annotation) is Literal else field.annotation
    choices = (NONE, *SEVERAL[name]) if name in SEVERAL else get_args(field.annotation)
    values = {recipe: getattr(Config.of(recipe), name) for recipe in RECIPES}
    by_recipe = ", ".join(f"{value} by {recipe}" for recipe, value in values.items())
    option = typer.Option(
        option_name(name),
        help=field.description,
        metavar=" | ".join(choices) or None,
        show_default=kind is not bool and (str(values["best"]) if len({*values.values()}) == 1 else by_recipe),
    )
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option])


def _with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take each setting of `Config` as an option; an option that it declares itself takes precedence."""
    parameters = signature(command, eval_str=True).parameters.values()
    own = {each.name: each.replace(kind=Parameter.KEYWORD_ONLY) for each in parameters if each.kind is not Parameter.VAR_KEYWORD}
    required = {name: each for name, each in own.items() if each.default is Parameter.empty}
    settings = {name: _setting(name) for name in Config.model_fields if name not in SET_BY_PROGRAM}
    vars(command)["__signature__"] = Signature([*(required | settings | own).values()])  # Typer reads the options from here
    return command


@app.command()
@_with_settings
def train(
    data: DataOption,
    recipe: Annotated[
        str | None,
        typer.Option(
            help="best or report: the default values of the other settings. With --begin-from, these are by default those of the "
            "checkpoint, at a tenth of its learning rate.",
            show_default="best",
        ),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Cross-validation: train on each of this many folds, as a group; with --fold, on that one.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Train with this many consecutive seeds from --seed, as a group.")] = 1,
    images: ImagesOption = None,
    masks: MasksOption = None,
    lesion: LesionOption = None,
    experts: ExpertsOption = None,
    truth: TruthOption = None,
    name: Annotated[str, typer.Option(help="Name of the run.")] = "",
    as_json: JsonOption = False,
    **settings: Any,
) -> None:
    """Train a model here. The run appears in the app too, and waits while another one trains."""
    from seg_core.runs.launch import configs_of, require_data

    if place := _place_in_torchrun():
        settings["devices"] = place.local_world
    configs = configs_of(recipe, seeds=seeds, folds=folds, **settings)
    with progress("Drawing the sample dataset") as advance:
        dataset = open_data(data, images, masks, lesion, experts, truth, advance)
    require_data(dataset, configs)
    if place and place.rank:
        from seg_core.runs.processes import Signals
        from seg_core.training.companions import accompany

        with Signals() as signals:
            accompany(configs, dataset, place, should_stop=lambda: signals.came)
        return
    if groups := dataset.unused_groups(configs[0].split_spec):
        screen.print(
            f"Photographs of one {groups.rpartition(':')[2]} may train and validate; --groups {groups} keeps them together."
        )
    _train_in_turn(name, configs, dataset.sources, as_json, place)


def _place_in_torchrun() -> Place | None:
    """Return the place of this process where torchrun has started it."""
    if "LOCAL_WORLD_SIZE" not in os.environ:
        return None
    from seg_core.training.ranks import Place

    return Place.of_environment()


def _train_in_turn(name: str, configs: Sequence[Config], sources: Sequence[str], as_json: bool, place: Place | None) -> None:
    """Train the runs one after the other, and print how each ended. Stop after the first that does not finish."""
    from seg_core.runs.store import RunStore
    from seg_core.runs.worker import train_run

    store, first, results = RunStore(), None, []
    for number, config in enumerate(configs, start=1):
        run = store.queue.add(name, config, sources, foreground=True, group=first)
        first = first or run.id
        which = f" ({number} of {len(configs)})" if len(configs) > 1 else ""
        screen.print(f"Run {run.id}: {config.label}{which}; stop it with Ctrl-C, the model is kept.")
        text, result = work_here_on(store, run, partial(train_run, place=place))
        results.append(result)
        if not as_json:
            output.print(text)
        if result["status"] != "finished":
            break
    if as_json:
        print_json(results[0] if len(configs) == 1 else {"group": first, "runs": results})
    if results[-1]["status"] == "failed":
        raise typer.Exit(2)


@app.command(hidden=True)
def work(run_id: RunArgument) -> None:
    """Train a queued run; the app starts one such process for each run."""
    from seg_core.runs.store import RunStore
    from seg_core.runs.worker import work as work_on

    with _bounded_output():
        store = RunStore()
        work_on(run_id, store)
        from seg_core.jobs.proof import prove  # only now, so that the run begins at once
        from seg_core.sweeps.stepping import go_on

        go_on(store)
        prove(store, run_id)


@app.command(hidden=True)
def rank() -> None:
    """Train together with the process that started this one."""
    from seg_core.training.companions import follow

    follow(sys.stdin)


@app.command(hidden=True)
def job(job_id: Annotated[int, typer.Argument()]) -> None:
    """Do a job; the app starts one such process for each job."""
    from seg_core.jobs.worker import work_on

    with _bounded_output():
        work_on(job_id)


def _bounded_output() -> AbstractContextManager[None]:
    """Keep the file that a launcher named for this process's output from growing without end."""
    from seg_core.runs.launcher import OUTPUT

    file = os.environ.get(OUTPUT)
    return bounded(Path(file)) if file else nullcontext()
