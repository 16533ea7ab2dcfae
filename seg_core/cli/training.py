"""Commands that train: `train`, and the hidden ones by which the app starts its processes."""

from __future__ import annotations

from typing import Annotated

import typer

from seg_core.cli.common import DataOption, JsonOption, RunArgument, progress, screen, work_here_and_report

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
    loss: Annotated[str | None, typer.Option(help="bce or bce-dice.")] = None,
    augmentation: Annotated[str | None, typer.Option(help="report or standard.")] = None,
    val_fraction: Annotated[float | None, typer.Option(help="Share of the training part that validates.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Probability from which a pixel counts as lesion.")] = None,
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
    )
    with progress("Making the sample dataset") as advance:
        dataset = open_dataset(data, advance)
    store = RunStore()
    run = store.add_run(name, config, dataset.sources, foreground=True)
    screen.print(f"Run {run.id}: {run.config.label}; stop it with Ctrl-C, the model is kept.")
    work_here_and_report(store, run, as_json)


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
