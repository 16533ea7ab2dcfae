"""Publishing a trained model: its checkpoint in fp16, scored, with a card beside it that says what it is and what it can do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from seg_core.checkpoint import Checkpoint, load_checkpoint, load_model, read_metadata, save_checkpoint
from seg_core.data.dataset import Dataset
from seg_core.errors import InputError
from seg_core.evaluation import METRICS, evaluate
from seg_core.resume import History


def publish(
    source: Path, dataset: Dataset, folder: Path, on_progress: Callable[[int, int], None] | None = None
) -> tuple[Path, dict[str, Any]]:
    """Write ``VARIANT-RECIPE.safetensors`` in fp16 and ``VARIANT-RECIPE.md`` into ``folder``.

    The model is scored as published, at stored resolution, on the validation and the test part of ``dataset``.

    Returns:
        The new checkpoint's path, and its metadata.

    Raises:
        InputError: if the checkpoint cannot be read, or was trained on other data.
    """
    trained = load_checkpoint(source)
    if trained.metadata["dataset"]["fingerprint"] != dataset.fingerprint:
        raise InputError(f"{source} was trained on other data than {dataset.name}; name the data it was trained on.")
    if not trained.metadata["epoch_is_whole"]:
        raise InputError(f"{source} was stopped within an epoch and has no scores; publish the best.safetensors of its run.")
    config = trained.config
    target = folder / f"{config.variant}-{config.recipe}.safetensors"
    metadata = {**trained.metadata, "name": "", "history": _whole_history(source, trained)}
    model = load_model(source)
    save_checkpoint(target, model, metadata, half=True)
    published = load_checkpoint(target)
    split = dataset.split(config.seed, config.val_fraction)
    parts = {name: pairs for name, pairs in (("val", split.val), ("test", split.test)) if pairs}
    metadata["evaluation"] = {
        name: {"n": len(pairs), **evaluate(published, pairs, on_progress).means} for name, pairs in parts.items()
    }
    save_checkpoint(target, model, metadata, half=True)
    target.with_suffix(".md").write_text(model_card(published, metadata), encoding="utf-8")
    return target, metadata


def _whole_history(source: Path, trained: Checkpoint) -> list[dict[str, Any]]:
    """The epochs of the whole run, those after the best one included, where its last checkpoint lies beside."""
    last = source.with_name("last.safetensors")
    history: list[dict[str, Any]] = (read_metadata(last) if last.exists() else trained.metadata)["history"]
    return history


def model_card(checkpoint: Checkpoint, metadata: dict[str, Any]) -> str:
    """The card of a published model, in Markdown; every figure comes from ``metadata``."""
    config, data, versions = checkpoint.config, metadata["dataset"], metadata["versions"]
    epochs = metadata["history"]
    minutes = sum(epoch["seconds"] for epoch in epochs) / 60
    split = "its own validation part" if data["val_is_own"] else f"split off by seed {config.seed}"
    test = f" The {data['test']} test photographs were never trained or chosen on." if data["test"] else ""
    settings = "\n".join(f"| {name} | {value} |" for name, value in config.model_dump().items())
    parameters = metadata["parameters"] / 1e6
    is_best = metadata["epoch"] == History.of(epochs).best_epoch
    chosen = ", the one with the highest validation IoU" if is_best else ""
    kept = epochs[metadata["epoch"] - 1]
    command = f"python -m seg_core train --data DIR --variant {config.variant} --recipe {config.recipe} --seed {config.seed}"
    return f"""# {metadata["label"]}

MobileNetV2 encoder with ImageNet weights and the `{config.decoder}` decoder, {parameters:.1f} million parameters, in fp16.
It marks one skin lesion in a dermoscopic photograph. It is **not a medical device**: it measures nothing but the outline, it
knows no diagnosis, and nobody has tested it on patients.

## How it was made

Trained on {data["train"]} photographs of `{data["name"]}` (fingerprint `{data["fingerprint"]}`),
validated on {data["val"]} ({split}).{test}
Of {len(epochs)} epochs number {metadata["epoch"]} is kept{chosen}. Training took
{minutes:.0f} minutes with {metadata["threads"]} threads on {metadata["device"]} in {metadata["precision"]}.

    {command}
    python -m seg_core publish CHECKPOINT --data DIR --output checkpoints

The first command prints the checkpoint that the second one takes.

## What it scores

Means over images. At stored resolution, as the ISIC challenge scores; thresholded IoU counts an image below 0.65 as 0.

{_score_table(metadata["evaluation"])}

During training, at network resolution ({config.image_size} px), in the epoch that is kept:

| part | loss | accuracy | IoU | Dice | IoU, column-wise | Dice, column-wise |
| --- | --- | --- | --- | --- | --- | --- |
{_epoch_row("train", kept["train"])}
{_epoch_row("validation", kept["val"])}

The column-wise figures are on the scale of the student report (see the README) and compare with nothing else.

## Settings

| setting | value |
| --- | --- |
{settings}

torch {versions["torch"]}, torchvision {versions["torchvision"]}, LesionLab {versions["lesionlab"]}.

## Limits

It has seen dermoscopic photographs of one collection, squeezed to squares, with one lesion in the middle region. Clinical
photographs, other dermatoscopes, several lesions, or none at all can give wrong masks. Look at every mask before you use it.
"""


def _score_table(evaluation: dict[str, dict[str, float]]) -> str:
    head = "| part | images | " + " | ".join(name.replace("_", " ") for name in METRICS) + " |\n|" + " --- |" * (len(METRICS) + 2)
    rows = [
        f"| {'validation' if part == 'val' else part} | {scores['n']} | "
        + " | ".join(f"{scores[name]:.4f}" for name in METRICS)
        + " |"
        for part, scores in evaluation.items()
    ]
    return "\n".join([head, *rows])


def _epoch_row(part: str, values: dict[str, float]) -> str:
    names = ("loss", "accuracy", "iou", "dice", "report_iou", "report_dice")
    return f"| {part} | " + " | ".join(f"{values[name]:.4f}" for name in names) + " |"
