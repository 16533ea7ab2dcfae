"""The command `calibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seg_core.cli.common import (
    DataOption,
    ExpertsOption,
    ImagesOption,
    JsonOption,
    LesionOption,
    MasksOption,
    TruthOption,
    open_data,
    progress,
    report,
    screen,
)
from seg_core.cli.models import warn_of_overlap
from seg_core.common.home import expanded

app = typer.Typer()


@app.command()
def calibrate(
    checkpoint: Annotated[Path, typer.Argument(help="A .safetensors checkpoint.")],
    data: DataOption,
    split: Annotated[
        str | None,
        typer.Option(help="train, val, test or all, the whole dataset; by default val if there is a test split, else all."),
    ] = None,
    target: Annotated[
        Path | None, typer.Option("--output", help="The file; by default one among the models of the app.", metavar="FILE")
    ] = None,
    name: Annotated[str, typer.Option(help="The new model's name; by default it says on what it was calibrated.")] = "",
    bound: Annotated[
        bool,
        typer.Option("--bound", help="Write it even where the threshold fits, for an expected IoU learnt on your photographs."),
    ] = False,
    images: ImagesOption = None,
    masks: MasksOption = None,
    lesion: LesionOption = None,
    experts: ExpertsOption = None,
    truth: TruthOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the threshold that fits your own outlines, from 10 photographs on, and write a model that predicts with it.

    The gain in IoU is by cross-validation. Nothing is written where the model's own threshold fits, but with --bound. From 20
    photographs on, the new model has learnt on them which IoU to expect of its masks.
    """
    from seg_core.evaluation.calibration import calibrate as find_threshold
    from seg_core.evaluation.evaluate import evaluate
    from seg_core.evaluation.trust import learn_expected_iou
    from seg_core.prediction.catalogue import new_model_file
    from seg_core.prediction.checkpoint import load_checkpoint
    from seg_core.report.calibrated import calibrated_name, save_calibrated

    source = expanded(checkpoint)
    model, dataset = load_checkpoint(source), open_data(data, images, masks, lesion, experts, truth)
    name = " ".join(name.split()) or calibrated_name(model.metadata, dataset)
    file = expanded(target) if target else new_model_file(name)
    chosen = split or ("val" if dataset.test else "all")
    pairs = dataset.pairs_of(chosen, model.config.split_spec)
    warn_of_overlap(model.metadata, dataset, chosen, pairs)
    with progress(f"Evaluating on {chosen}") as advance:
        evaluation = evaluate(model, pairs, advance)
    for note in (*dataset.notes, *evaluation.notes):
        screen.print(note)
    found = find_threshold(evaluation)
    if found.without_lesion:
        screen.print(f"{found.without_lesion} of the {len(pairs)} photographs have no lesion in their mask; they are left out.")
    text = f"{model.label} on {len(found.ids)} photographs of {dataset.name} ({chosen}): {found.sentence}"
    learnt = learn_expected_iou(evaluation, dataset.name, found.threshold)
    is_written = found.is_new or bool(learnt and bound)
    if is_written:
        save_calibrated(source, found, dataset, file, name, learnt)
        text += f"\n{file} is written: {name}."
    gain = found.gain
    result = {
        "n": len(found.ids),
        "without_lesion": found.without_lesion,
        "before": found.before,
        "threshold": found.threshold,
        "gain": dict(zip(("mean", "low", "high"), map(float, gain.interval), strict=True)),
        "better": gain.wins,
        "worse": gain.losses,
        "worth_it": found.is_worth_it,
        "checkpoint": str(file) if is_written else None,
    }
    report(text, result, as_json)
