"""The command line: for scripts, and for servers without a browser.

Results go to stdout (with ``--json`` the last line is one JSON object), progress to stderr; bad input exits 2 with one line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from typer.exceptions import TyperException

from seg_core.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from seg_core.runs.run import Run
    from seg_core.runs.store import RunStore

app = typer.Typer(
    help="LesionLab: train and judge skin-lesion segmentation models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
runs_app = typer.Typer(help="List, show, stop, resume or delete runs.", no_args_is_help=True)
data_app = typer.Typer(help="Look at datasets.", no_args_is_help=True)
app.add_typer(runs_app, name="runs")
app.add_typer(data_app, name="data")

# Without markup: names and paths may hold square brackets.
screen = Console(stderr=True, highlight=False, markup=False)
output = Console(highlight=False, markup=False, soft_wrap=True)

DataOption = Annotated[
    list[str], typer.Option("--data", help="A dataset folder, or 'sample'. Give it several times to join folders.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
RunArgument = Annotated[int, typer.Argument(help="The run's number.", metavar="RUN_ID")]


def main() -> NoReturn:
    """Run the command line; bad input is one line on stderr and exit status 2."""
    try:
        status = app(standalone_mode=False)
    except InputError as error:
        print(f"lesionlab: {error}", file=sys.stderr)
        sys.exit(2)
    except TyperException as error:  # a word or a number on the command line that cannot be; empty where help was shown instead
        if message := " ".join(error.format_message().split()).rstrip("."):
            print(f"lesionlab: {message}; see --help.", file=sys.stderr)
        sys.exit(2)
    except typer.Abort:
        sys.exit(1)
    sys.exit(status or 0)


@app.command()
def train(
    data: DataOption,
    variant: Annotated[str, typer.Option(help="trainable-decoder, fine-tune or frozen-decoder.")] = "fine-tune",
    recipe: Annotated[str, typer.Option(help="best or report.")] = "best",
    decoder: Annotated[str | None, typer.Option(help="plain or unet; the recipe's by default.")] = None,
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
    with _progress("Making the sample dataset") as advance:
        dataset = open_dataset(data, advance)
    store = RunStore()
    run = store.add_run(name, config, dataset.sources, foreground=True)
    screen.print(f"Run {run.id}: {run.config.label}; stop it with Ctrl-C, the model is kept.")
    _work_here(store, run, as_json)


@app.command(hidden=True)
def work(run_id: RunArgument) -> None:
    """Train a queued run; the app starts this for every run, one process each."""
    from seg_core.runs.worker import work as work_on

    work_on(run_id)


@app.command()
def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="A .safetensors checkpoint.")],
    data: DataOption,
    split: Annotated[str | None, typer.Option(help="train, val or test; test where there is one, else val.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Score a checkpoint on a split, every image at its stored resolution."""
    from seg_core.checkpoint import load_checkpoint
    from seg_core.data.dataset import open_dataset
    from seg_core.evaluation import evaluate as score

    loaded = load_checkpoint(checkpoint)
    dataset = open_dataset(data)
    chosen = split or ("test" if dataset.test else "val")
    if chosen not in ("train", "val", "test"):
        raise InputError(f"There is no split {chosen!r}; choose train, val or test.")
    if chosen == "test":
        pairs = dataset.test
    else:
        parts = dataset.split(loaded.config.seed, loaded.config.val_fraction)
        pairs = parts.train if chosen == "train" else parts.val
        if loaded.metadata["dataset"]["fingerprint"] != dataset.fingerprint:
            screen.print(
                f"This model was trained on other data, so the {chosen} part drawn here may hold what it was trained on."
            )
    if not pairs:
        raise InputError(f"{dataset.name} has no {chosen} part; use --split val, which is drawn by the checkpoint's seed.")
    with _progress(f"Evaluating on {chosen}") as advance:
        means = score(loaded, pairs, advance).means
    if as_json:
        _print_json({"n": len(pairs), **means})
    else:
        output.print(f"{loaded.label} on {len(pairs)} photographs of {dataset.name} ({chosen}), at stored resolution:")
        for name, value in means.items():
            output.print(f"  {name.replace('_', ' '):<16} {value:.4f}")


@app.command()
def predict(
    checkpoint: Annotated[Path, typer.Argument(help="A .safetensors checkpoint.")],
    images: Annotated[list[Path], typer.Argument(help="Photographs.", metavar="IMAGE...")],
    output_folder: Annotated[Path, typer.Option("--output", help="Folder for the masks.", metavar="DIR")],
) -> None:
    """Write the mask of each photograph as STEM_mask.png: 0 and 255, the photograph's own size."""
    from seg_core.checkpoint import load_checkpoint

    stems = [image.stem for image in images]
    if twice := [image for image in images if stems.count(image.stem) > 1]:
        raise InputError(f"Two photographs are called {twice[0].stem}, and one mask would overwrite the other; rename one.")
    loaded = load_checkpoint(checkpoint)
    output_folder = output_folder.expanduser()
    try:
        output_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder {output_folder} cannot be made ({error.strerror}); choose another --output.") from None
    failed = []
    with _progress("Predicting") as advance:
        for done, image in enumerate(images, start=1):
            try:
                prediction = loaded.predict(image)
            except InputError as error:
                failed.append(str(error))
            else:
                target = output_folder / f"{image.stem}_mask.png"
                _write(prediction.mask(), target)
                output.print(f"{target}  lesion area {prediction.lesion_area():.1%}")
            advance(done, len(images))
    if failed:
        raise InputError(" ".join(failed))


@app.command()
def publish(
    checkpoint: Annotated[Path, typer.Argument(help="The checkpoint of a run.")],
    data: DataOption,
    output_folder: Annotated[Path, typer.Option("--output", help="Folder for the model and its card.", metavar="DIR")],
    as_json: JsonOption = False,
) -> None:
    """Write a model in fp16 with a card: scored on the validation and the test part of the data it was trained on."""
    from seg_core.data.dataset import open_dataset
    from seg_core.publishing import publish as write

    dataset = open_dataset(data)
    with _progress("Scoring") as advance:
        path, metadata = write(checkpoint, dataset, output_folder.expanduser(), advance)
    _report(f"{path} and its card are written.", {"checkpoint": str(path), "evaluation": metadata["evaluation"]}, as_json)


@runs_app.command("list")
def list_runs(as_json: JsonOption = False) -> None:
    """All runs, the newest first."""
    from seg_core.runs.store import RunStore

    store = RunStore()
    store.mark_lost()
    runs = store.list_runs()
    if as_json:
        _print_json({"runs": [run.to_json() for run in runs]})
        return
    if not runs:
        output.print("No runs yet; start one with: python -m seg_core train --data sample")
        return
    table = Table("Run", "Name", "Model", "Status", "Epochs", "Best IoU (val)", box=None)
    for run in runs:
        best = "" if run.best_iou is None else f"{run.best_iou:.4f}"
        table.add_row(str(run.id), escape(run.name), run.config.label, run.status, f"{run.epochs_done}/{run.config.epochs}", best)
    output.print(table)


@runs_app.command("show")
def show_run(run_id: RunArgument, as_json: JsonOption = False) -> None:
    """One run: its settings, where it stands, and the end of its log."""
    from seg_core.runs.store import RunStore

    store = RunStore()
    store.mark_lost()
    run = store.get_run(run_id)
    lines = store.log_tail(run_id, 20)
    if as_json:
        _print_json({**run.to_json(), "log": [asdict(line) for line in lines]})
        return
    output.print(f"{run.label}: {run.status}, {run.epochs_done} of {run.config.epochs} epochs. {run.message}")
    for name, value in run.config.model_dump().items():
        output.print(f"  {name:<16} {value}")
    for line in lines:
        output.print(f"  {line.level:<7} {line.text}")


@runs_app.command("stop")
def stop_run(run_id: RunArgument, as_json: JsonOption = False) -> None:
    """Stop a run within one batch; its model is kept."""
    from seg_core.runs.store import RunStore

    run = RunStore().request_stop(run_id)
    _report(f"Run {run.id} is {run.status}.", run, as_json)


@runs_app.command("resume")
def resume_run(run_id: RunArgument, as_json: JsonOption = False) -> None:
    """Go on with a stopped, failed or lost run here, at the epoch that was interrupted."""
    from seg_core.runs.store import RunStore

    store = RunStore()
    store.mark_lost()
    _work_here(store, store.requeue(run_id, foreground=True), as_json)


@runs_app.command("delete")
def delete_run(
    run_id: RunArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete a run with its model, its masks and its log."""
    from seg_core.runs.store import RunStore

    store = RunStore()
    store.mark_lost()
    run = store.get_run(run_id)
    if not yes:
        if not sys.stdin.isatty():
            raise InputError(f"Deleting {run.label} loses its model; add --yes to do it without being asked.")
        if not typer.confirm(f"Delete {run.label} with its model?", err=True):
            return
    freed = store.delete(run_id)
    _report(f"Run {run_id} is deleted; {freed / 1e6:.1f} MB freed.", {"run_id": run_id, "bytes_freed": freed}, as_json)


@data_app.command("check")
def check_data(
    sources: Annotated[list[str], typer.Argument(help="Dataset folders, or 'sample'.", metavar="DIR|sample...")],
    as_json: JsonOption = False,
) -> None:
    """Look at every pair, and list all problems with what to do; exits 1 if any of them keeps a pair from training."""
    from seg_core.data.check import check_dataset
    from seg_core.data.dataset import open_dataset

    dataset = open_dataset(sources)
    with _progress("Checking") as advance:
        problems = check_dataset(dataset, advance)
    counts = dataset.counts
    if as_json:
        listed = [{"kind": p.kind, "error": p.is_error, "file": str(p.file), "message": p.message} for p in problems]
        _print_json({"name": dataset.name, "fingerprint": dataset.fingerprint, "pairs": counts, "problems": listed})
    else:
        output.print(
            f"{dataset.name}: " + ", ".join(f"{count} {part}" for part, count in counts.items()) + f"; {len(problems)} problems."
        )
        for problem in problems:
            output.print(f"  {'error' if problem.is_error else 'warning'}  {problem.message}")
    if any(problem.is_error for problem in problems):
        raise typer.Exit(1)


def _work_here(store: RunStore, run: Run, as_json: bool) -> None:
    """Wait for the run's turn, train it in this process, and say how it ended."""
    from seg_core.runs.worker import work_here

    work_here(store, run.id, lambda text: screen.print(text))
    run = store.get_run(run.id)
    best = store.epoch_metrics(run.id, run.best_epoch)["val"] if run.best_epoch else {}
    checkpoint = store.folder(run.id) / ("best.safetensors" if run.best_epoch else "last.safetensors")
    result = {
        "run_id": run.id,
        "status": run.status,
        "epochs": run.epochs_done,
        "best_epoch": run.best_epoch,
        "checkpoint": str(checkpoint) if checkpoint.exists() else None,
        "val": {name: best.get(name) for name in ("loss", "accuracy", "iou", "dice")},
        "images_per_second": run.images_per_second,
    }
    text = f"Run {run.id} is {run.status} after {run.epochs_done} epochs. {'' if run.status == 'failed' else run.message}".strip()
    if run.best_epoch:
        scores = f"IoU {best['iou']:.4f}, Dice {best['dice']:.4f} (validation, at network resolution)"
        text += f"\nBest epoch {run.best_epoch}: {scores}\n{checkpoint}"
    _report(text, result, as_json)
    if run.status == "failed":
        print(f"lesionlab: {run.message}", file=sys.stderr)
        raise typer.Exit(2)


def _write(mask: np.ndarray, target: Path) -> None:
    from seg_core.image import write_mask

    try:
        write_mask(mask, target)
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error.strerror}); choose another --output.") from None


def _report(text: str, result: Run | dict[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json(result if isinstance(result, dict) else result.to_json())
    else:
        output.print(text)


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value))


class _progress:
    """A progress bar on a terminal's stderr, gone when done: ``with _progress("What") as advance: advance(done, total)``."""

    def __init__(self, what: str) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal)
        self._task = self._bar.add_task(what, total=None)

    def __enter__(self) -> Callable[[int, int], None]:
        return self._advance

    def _advance(self, done: int, total: int) -> None:
        self._bar.start()  # not before there is something to show: stopping a bar leaves an empty line
        self._bar.update(self._task, completed=done, total=total)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
