"""The command `retrain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seg_core.cli.common import JsonOption, screen, work_here_and_report
from seg_core.common.home import expanded

app = typer.Typer()


@app.command()
def retrain(
    checkpoint: Annotated[Path, typer.Argument(help="The model before: a .safetensors checkpoint.")],
    collection: Annotated[str, typer.Option(help="The collection whose corrections train.", metavar="NAME")],
    margin: Annotated[float, typer.Option(help="Loss in IoU that counts as none: no worse within it.")] = 0.01,
    anew: Annotated[
        bool, typer.Option("--anew", help="Begin from initial weights at the model's own rate, instead of training it on.")
    ] = False,
    more: Annotated[
        list[str] | None,
        typer.Option("--with", help="A dataset that trains too, such as what trained the model; may be repeated.", metavar="DIR"),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the photographs; by default 20, and with --anew as many as the model had.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the training; by default the model's.")] = None,
    name: Annotated[str, typer.Option(help="Name of the run.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Train a model again with the corrections of a collection, and say whether it is better on a tenth that is held out.

    The verdict is better, no worse within the margin, worse, or not shown.
    """
    from seg_core.data.collection.store import open_collection
    from seg_core.runs.retraining import add_retraining, retraining_of
    from seg_core.runs.store import RunStore

    store = RunStore()
    run = add_retraining(
        store,
        open_collection(collection),
        expanded(checkpoint),
        margin=margin,
        anew=anew,
        more=more or (),
        name=name,
        foreground=True,
        epochs=epochs,
        seed=seed,
    )
    retraining = retraining_of(run)
    assert retraining
    counts = f"{retraining.train:,} corrections train, {retraining.held_out:,} are held out"
    screen.print(f"Run {run.id}: {counts}; stop it with Ctrl-C, the model is kept.")
    work_here_and_report(store, run, as_json)
