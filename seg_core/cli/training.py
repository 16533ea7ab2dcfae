"""Commands that train: `train`, and the hidden ones by which the app starts its processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, get_args

import typer

from seg_core.cli.common import (
    DataOption,
    JsonOption,
    RunArgument,
    output,
    print_json,
    progress,
    screen,
    work_here_on,
)
from seg_core.config import RECIPES, Config

app = typer.Typer()


def _setting(name: str) -> Any:
    """The option of a setting: the help of `Config`, the values to choose from, and what the recipes have."""
    field = Config.model_fields[name]
    values = {recipe: getattr(Config.of(recipe), name) for recipe in RECIPES}
    alike = len({*values.values()}) == 1
    default = str(values["best"]) if alike else ", ".join(f"{value} by {recipe}" for recipe, value in values.items())
    return typer.Option(help=field.description, metavar=" | ".join(get_args(field.annotation)) or None, show_default=default)


@app.command()
def train(
    data: DataOption,
    variant: Annotated[str, _setting("variant")] = "fine-tune",
    recipe: Annotated[str, typer.Option(help="best or report: what the other settings are by default.")] = "best",
    decoder: Annotated[str | None, _setting("decoder")] = None,
    epochs: Annotated[int | None, _setting("epochs")] = None,
    image_size: Annotated[int | None, _setting("image_size")] = None,
    batch_size: Annotated[int | None, _setting("batch_size")] = None,
    lr: Annotated[float | None, _setting("learning_rate")] = None,
    encoder_rate: Annotated[float | None, _setting("encoder_rate")] = None,
    seed: Annotated[int | None, _setting("seed")] = None,
    device: Annotated[str | None, _setting("device")] = None,
    precision: Annotated[str | None, _setting("precision")] = None,
    skip_problems: Annotated[
        bool, typer.Option("--skip-problems", help="Leave out pairs that the check names, instead of refusing to train.")
    ] = False,
    encoder_weights: Annotated[str | None, _setting("encoder_weights")] = None,
    optimizer: Annotated[str | None, _setting("optimizer")] = None,
    schedule: Annotated[str | None, _setting("schedule")] = None,
    swa_fraction: Annotated[float | None, _setting("swa_fraction")] = None,
    loss: Annotated[str | None, _setting("loss")] = None,
    augmentation: Annotated[str | None, _setting("augmentation")] = None,
    val_fraction: Annotated[float | None, _setting("val_fraction")] = None,
    folds: Annotated[
        int | None, typer.Option(help="Cross-validation: on each of so many folds, as one group; with --fold on that one alone.")
    ] = None,
    fold: Annotated[int | None, _setting("fold")] = None,
    seeds: Annotated[int, typer.Option(help="Train by so many seeds, --seed and the next ones, as one group.")] = 1,
    threshold: Annotated[float | None, _setting("threshold")] = None,
    log: Annotated[str | None, _setting("log")] = None,
    name: Annotated[str, typer.Option(help="What to call the run.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Train a model here; the run shows in the app too, and waits its turn when another one trains."""
    from seg_core.data.dataset import open_dataset

    config = Config.of(
        recipe,
        variant=variant,
        decoder=decoder,
        epochs=epochs,
        image_size=image_size,
        batch_size=batch_size,
        learning_rate=lr,
        encoder_rate=encoder_rate,
        seed=seed,
        device=device,
        precision=precision,
        skip_problems=skip_problems or None,
        encoder_weights=encoder_weights,
        optimizer=optimizer,
        schedule=schedule,
        swa_fraction=swa_fraction,
        loss=loss,
        augmentation=augmentation,
        val_fraction=val_fraction,
        threshold=threshold,
        log=log,
        folds=folds if fold is not None else None,
        fold=fold,
    )
    with progress("Making the sample dataset") as advance:
        dataset = open_dataset(data, advance)
    configs = config.repeated(seeds=seeds, folds=folds if folds is not None and fold is None else 1)
    if len(configs) > 1:
        dataset.split(configs[-1].split_spec)  # the last fold is the smallest: if it is empty, the first is not begun either
    _train_in_turn(name, configs, dataset.sources, as_json)


def _train_in_turn(name: str, configs: Sequence[Config], sources: Sequence[str], as_json: bool) -> None:
    """Train one run, or those of a group one after the other, and say how each ended; after one that does not finish, none."""
    from seg_core.runs.store import RunStore

    store, first, results = RunStore(), None, []
    for number, config in enumerate(configs, start=1):
        run = store.queue.add(name, config, sources, foreground=True, group=first)
        first = first or run.id
        which = f" ({number} of {len(configs)})" if len(configs) > 1 else ""
        screen.print(f"Run {run.id}: {config.label}{which}; stop it with Ctrl-C, the model is kept.")
        text, result = work_here_on(store, run)
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
    """Train a queued run; the app starts this for every run, one process each."""
    from seg_core.runs.worker import work as work_on

    work_on(run_id)


@app.command(hidden=True)
def job(job_id: Annotated[int, typer.Argument()]) -> None:
    """Do a job; the app starts this for every job, one process each."""
    from seg_core.jobs.worker import work_on

    work_on(job_id)
