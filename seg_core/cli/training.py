"""Commands that train: `train`, and the hidden ones by which the app starts its processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from seg_core.cli.common import (
    DataOption,
    JsonOption,
    RunArgument,
    output,
    print_json,
    progress,
    screen,
    work_here_and_report,
    work_here_on,
)

if TYPE_CHECKING:
    from seg_core.runs.run import Run
    from seg_core.runs.store import RunStore

app = typer.Typer()


@app.command()
def train(
    data: DataOption,
    variant: Annotated[str, typer.Option(help="trainable-decoder, fine-tune or frozen-decoder.")] = "fine-tune",
    recipe: Annotated[str, typer.Option(help="best or report.")] = "best",
    decoder: Annotated[str | None, typer.Option(help="plain, unet or pyramid; the recipe's by default.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training photographs.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Side of the square in pixels, a multiple of 32.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Photographs per training step.")] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate.")] = None,
    seed: Annotated[int | None, typer.Option(help="Decides split, initial weights, order and augmentation.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, mps, cuda or cuda:N.")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, 32-true or bf16-mixed.")] = None,
    skip_problems: Annotated[
        bool, typer.Option("--skip-problems", help="Leave out pairs with errors instead of refusing.")
    ] = False,
    encoder_weights: Annotated[str | None, typer.Option(help="imagenet or random.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="adam or adamw.")] = None,
    schedule: Annotated[str | None, typer.Option(help="constant or one-cycle.")] = None,
    loss: Annotated[str | None, typer.Option(help="bce, bce-dice or bce-lovasz.")] = None,
    augmentation: Annotated[str | None, typer.Option(help="report or standard.")] = None,
    val_fraction: Annotated[float | None, typer.Option(help="Share of the training part that validates.")] = None,
    folds: Annotated[
        int | None, typer.Option(help="Cross-validation: on each of so many folds, as one group; with --fold on that one alone.")
    ] = None,
    fold: Annotated[int | None, typer.Option(help="Which fold validates, from 1.")] = None,
    seeds: Annotated[int, typer.Option(help="Train by so many seeds, --seed and the next ones, as one group.")] = 1,
    threshold: Annotated[float | None, typer.Option(help="Probability from which a pixel counts as lesion.")] = None,
    log: Annotated[str | None, typer.Option(help="none, or tensorboard: event files in the run's folder.")] = None,
    name: Annotated[str, typer.Option(help="What to call the run.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Train a model here; the run shows in the app too, and waits its turn when another one trains."""
    from seg_core.config import Config
    from seg_core.data.dataset import open_dataset
    from seg_core.runs.store import RunStore

    config = Config.of(
        recipe,
        variant=variant,
        decoder=decoder,
        epochs=epochs,
        image_size=image_size,
        batch_size=batch_size,
        learning_rate=lr,
        seed=seed,
        device=device,
        precision=precision,
        skip_problems=skip_problems or None,
        encoder_weights=encoder_weights,
        optimizer=optimizer,
        schedule=schedule,
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
    configs = config.repeated(seeds=seeds, folds=folds if folds and fold is None else 1)
    store = RunStore()
    runs = store.add_group(name, configs, dataset.sources, foreground=True)
    if len(runs) == 1:
        screen.print(f"Run {runs[0].id}: {config.label}; stop it with Ctrl-C, the model is kept.")
        work_here_and_report(store, runs[0], as_json)
    else:
        screen.print(f"Runs {runs[0].id} to {runs[-1].id}: {config.label}; stop with Ctrl-C, the models are kept.")
        _work_on_group(store, runs, as_json)


def _work_on_group(store: RunStore, runs: Sequence[Run], as_json: bool) -> None:
    """Train runs one after the other and say how each ended; where one does not finish, the others are left out."""
    done = []
    for run in runs:
        text, result = work_here_on(store, run)
        done.append(result)
        if not as_json:
            output.print(text)
        if result["status"] != "finished":
            break
    for run in runs[len(done) :]:
        store.request_stop(run.id)
    if as_json:
        print_json({"group": runs[0].group, "runs": done})
    if done[-1]["status"] == "failed":
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
