"""Shared by the commands: where they print, common options, and a progress bar."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from seg_core.errors import InputError
from seg_core.runs.address import parse_run_id

if TYPE_CHECKING:
    from seg_core.data.dataset import Dataset
    from seg_core.runs.run import Run
    from seg_core.runs.store import RunStore
    from seg_core.runs.worker import Train

# Without markup and emoji: names and paths may hold square brackets and colons.
screen = Console(stderr=True, highlight=False, markup=False, emoji=False)
output = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)

DataOption = Annotated[
    list[str], typer.Option("--data", help="A dataset folder, or 'sample'. Give it several times to join folders.")
]
ImagesOption = Annotated[
    list[str] | None,
    typer.Option("--images", help="The folder of photographs, where its name does not tell; may be repeated.", metavar="DIR"),
]
MasksOption = Annotated[
    list[str] | None,
    typer.Option("--masks", help="The folder of masks, where its name does not tell; may be repeated.", metavar="DIR"),
]
LesionOption = Annotated[
    str | None,
    typer.Option("--lesion-value", help="Value, number or name of the class in the masks that is the lesion."),
]
ExpertsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--experts", help="A folder of masks of one expert, where its name does not tell; once for each expert.", metavar="DIR"
    ),
]
TruthOption = Annotated[
    str | None, typer.Option("--truth", help="What counts of several experts' masks: majority, staple, or the name of one.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]


def open_data(
    sources: list[str],
    images: list[str] | None = None,
    masks: list[str] | None = None,
    lesion: str | None = None,
    experts: list[str] | None = None,
    truth: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Dataset:
    """Open the dataset that the options name.

    Raises:
        InputError: as `seg_core.data.dataset.open_dataset`, with the folders that may have been meant.
    """
    from seg_core.data.dataset import open_dataset
    from seg_core.data.suggest import suggesting

    with suggesting(sources):
        return open_dataset(sources, on_progress, images=images, masks=masks, lesion=lesion, experts=experts, truth=truth)


def _run_id(text: str) -> int:
    try:
        return parse_run_id(text)
    except InputError as error:
        raise typer.BadParameter(str(error)) from None


RunArgument = Annotated[int, typer.Argument(help="The run's number.", metavar="RUN_ID", parser=_run_id)]


def report(text: str, result: Run | dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(result if isinstance(result, dict) else result.to_json())
    else:
        output.print(text)


def print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, allow_nan=False))


def work_here_and_report(store: RunStore, run: Run, as_json: bool) -> None:
    """Train a run in this process when its turn comes, and print how it ended."""
    text, result = work_here_on(store, run)
    report(text, result, as_json)
    if result["status"] == "failed":
        raise typer.Exit(2)


def work_here_on(store: RunStore, run: Run, train: Train | None = None) -> tuple[str, dict[str, Any]]:
    """Train a run in this process when its turn comes; return how it ended as text and for JSON. Print a failure to stderr."""
    from seg_core.runs.worker import work_here

    run = work_here(store, run.id, lambda text: screen.print(text), train)
    best = store.history.epoch_metrics(run.id, run.best_epoch)["val"] if run.best_epoch else {}
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
        text += f"\n{run.config.keep.title()} epoch, {run.best_epoch}: {scores}\n{checkpoint}"
    if run.status == "finished":
        verdict, proof = _judge(run, checkpoint)
        text, result = f"{text}\n{verdict}".rstrip(), result | proof
    if run.status == "failed":
        print(f"lesionlab: {run.message}", file=sys.stderr)
    return text, result


def _judge(run: Run, after: Path) -> tuple[str, dict[str, Any]]:
    """Compare a retrained model with the one before; return the verdict as text and for JSON, of another run nothing."""
    from seg_core.evaluation.evaluate import evaluate
    from seg_core.evaluation.improvement import improvement
    from seg_core.prediction.checkpoint import load_checkpoint
    from seg_core.runs.retraining import retraining_of

    if (retraining := retraining_of(run)) is None:
        return "", {}
    about = {"corrections": retraining.train, "held_out": retraining.held_out, "before": str(retraining.before)}
    try:
        split = retraining.judged()
        with progress("Comparing before and after") as advance:
            old, new = (evaluate(load_checkpoint(model), split.pairs, advance) for model in (retraining.before, after))
    except InputError as error:  # the training has succeeded all the same
        return f"Before and after are not compared. {error}", about | {"proof": None}
    found = improvement(old, new, retraining.margin)
    if note := retraining.note(split):
        screen.print(note)
    return found.sentence, about | {"proof": found.to_json()}


class _Advance(Protocol):
    """Update a bar, and its text if ``what`` is given."""

    def __call__(self, done: int, total: int, what: str = "") -> None: ...


class progress:
    """A progress bar on stderr, on terminals only: ``with progress("What") as advance: advance(done, total)``."""

    def __init__(self, what: str, in_bytes: bool = False) -> None:
        count = DownloadColumn() if in_bytes else MofNCompleteColumn()
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), count, TimeRemainingColumn())
        self._bar = Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal)
        self._task = self._bar.add_task(what, total=None)

    def __enter__(self) -> _Advance:
        return self._advance

    def _advance(self, done: int, total: int, what: str = "") -> None:
        self._bar.start()  # only now: a bar that was started leaves an empty line when it stops
        self._bar.update(self._task, completed=done, total=total or None, description=what or None)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
