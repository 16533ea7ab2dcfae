"""The card of a published model, in Markdown; every figure comes from the checkpoint's metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from textwrap import indent
from typing import Any

from seg_core.config import Config
from seg_core.evaluation.evaluate import METRICS, OUTLINE_METRICS
from seg_core.evaluation.robustness import MARKED
from seg_core.prediction.metadata import CheckpointMetadata, SplitScores
from seg_core.training.command_line import command_line

DATA = "DIR"
ORIGINALS = "validation, original size"
"""The name of the validation split at its original size, among what a model is scored on."""
SCORES = (*METRICS, *OUTLINE_METRICS)


def model_card(config: Config, metadata: CheckpointMetadata, recipe: str) -> str:
    """What a published model is, how it was made, what it scores, how far it can be trusted, and what it is not for.

    Args:
        config: its settings.
        metadata: as `seg_core.report.publishing.publish` gives it.
        recipe: the recipe as the file's name has it.
    """
    data, versions, epochs = metadata["dataset"], metadata["versions"], metadata["history"]
    millions = metadata["parameters"] / 1e6
    minutes = sum(epoch["seconds"] for epoch in epochs) / 60
    threads = "1 thread" if metadata["threads"] == 1 else f"{metadata['threads']} threads"
    split = "a part of its own" if data["val_is_own"] else config.split_spec.words
    test = f" The {data['test']} test photographs were never trained or chosen on." if data["test"] else ""
    is_last = metadata["epoch"] == len(epochs)
    why = "the last one" if is_last else "the one with the highest validation IoU"
    which = "last.safetensors, beside it" if is_last else "that"
    parts = "\nDIR holds these parts; `make models` lays it out for the models that ship." if data["val_is_own"] else ""
    kept = epochs[metadata["epoch"] - 1]
    commands = f"{command_line(config, [DATA], '')}\n{_publish_command(config, metadata, recipe)}"
    since = config.averaged_from
    mean = f"\nIts weights are the mean of those of epochs {since} to {metadata['epoch']}." if metadata["epoch"] > since else ""
    return f"""# {metadata["label"]}

MobileNetV2 encoder with ImageNet weights and the `{config.decoder}` decoder, {millions:.1f} million parameters, in fp16.
It marks one skin lesion in a dermoscopic photograph. It is **not a medical device**: it measures nothing but the outline, it
knows no diagnosis, and nobody has tested it on patients.

## How it was made

Trained on {data["train"]} photographs of `{data["name"]}` (fingerprint `{data["fingerprint"]}`),
validated on {data["val"]} ({split}).{test}
Of {len(epochs)} epochs number {metadata["epoch"]} is kept, {why}. Training took
{minutes:.0f} minutes with {threads} on {metadata["device"]} in {metadata["precision"]}.{mean}

{indent(commands, "    ")}

The first command prints where it left best.safetensors; CHECKPOINT is {which}.{parts}

## What it scores

Means over photographs with 95 % bootstrap intervals, at stored resolution, as the ISIC challenge scores; thresholded IoU counts
a photograph below 0.65 as 0. The Hausdorff distance (95th percentile) is a share of the diagonal: less is better.

{_scores(metadata["evaluation"])}

With test-time augmentation, the mean over the eight symmetries of the square, eight times the work:

{_scores(metadata["evaluation_tta"])}
{_beside(metadata.get("beside"))}
During training, at network resolution ({config.image_size} px), in the epoch that is kept:

{_table(["part", *_EPOCH.values()], [[part, *(f"{kept[key][name]:.4f}" for name in _EPOCH)] for part, key in _SPLITS.items()])}

The column-wise figures are on the scale of the student report (see the README) and compare with nothing else.

## What its probabilities mean

The threshold is {config.threshold:g}. The expected calibration error, over ten bins and with every photograph counting alike, is
{_errors(metadata["evaluation"])}. On the validation split:

{_reliability(metadata["reliability"])}

## How robust it is

{_robustness(metadata["robustness"])}

## Settings

{_table(["setting", "value"], [[name, str(value)] for name, value in config.model_dump().items()])}

torch {versions["torch"]}, torchvision {versions["torchvision"]}, LesionLab {versions["lesionlab"]}.

## Limits

It has learned from photographs like those of `{metadata["dataset"]["name"]}` alone, squeezed to squares. Photographs of another
kind or by another device, several lesions, or none at all can give wrong masks. Look at every mask before you use it.
"""


def _publish_command(config: Config, metadata: CheckpointMetadata, recipe: str) -> str:
    suffix = recipe.removeprefix(config.recipe).removeprefix("-")
    options = {
        f"--suffix {suffix}": suffix,
        "--originals ORIGINALS": ORIGINALS in metadata["evaluation"],
        "--beside OTHER": metadata.get("beside"),
    }
    given = [text for text, there in options.items() if there]
    return " ".join([f"python -m seg_core publish CHECKPOINT --data {DATA} --output checkpoints", *given])


_EPOCH = {
    "loss": "loss",
    "accuracy": "accuracy",
    "iou": "IoU",
    "dice": "Dice",
    "report_iou": "IoU, column-wise",
    "report_dice": "Dice, column-wise",
}
_SPLITS = {"train": "train", "validation": "val"}


def _scores(evaluation: Mapping[str, SplitScores]) -> str:
    head = ["part", "photographs", *(name.replace("_", " ") for name in SCORES)]
    rows = [
        [part, str(of_part["n"]), *(_with_interval(of_part["scores"][name]) for name in SCORES)]
        for part, of_part in evaluation.items()
    ]
    return _table(head, rows)


def _beside(beside: Mapping[str, Any] | None) -> str:
    if not beside:
        return ""
    parts = [(name, gains) for name, gains in beside.items() if name != "label"]
    rows = [[part, *(_with_interval(gains[name], sign="+") for name in SCORES)] for part, gains in parts]
    return f"""
Beside {beside["label"]}, on the same photographs, it is higher by, with 95 % bootstrap intervals of the paired differences:

{_table(["part", *(name.replace("_", " ") for name in SCORES)], rows)}
"""


def _with_interval(interval: Sequence[Any], sign: str = "") -> str:
    mean, low, high = interval
    return f"{mean:{sign}.4f}" if low is None else f"{mean:{sign}.4f} ({low:{sign}.3f} to {high:{sign}.3f})"


def _errors(evaluation: Mapping[str, SplitScores]) -> str:
    return ", ".join(f"{of_part['calibration_error']:.4f} ({part})" for part, of_part in evaluation.items())


def _reliability(reliability: Mapping[str, Sequence[float]]) -> str:
    bins = [
        (f"{place / 10:.1f} to {(place + 1) / 10:.1f}", weight, predicted, found)
        for place, (weight, predicted, found) in enumerate(
            zip(reliability["weight"], reliability["predicted"], reliability["found"], strict=True)
        )
    ]
    head = ["probability", "share of the pixels", "mean probability", "share of these that are lesion"]
    drawn = [each for each in bins if each[1]]
    table = _table(
        head, [[name, f"{weight:.2%}", f"{predicted:.3f}", f"{found:.3f}"] for name, weight, predicted, found in drawn]
    )
    return f"""```mermaid
xychart-beta
    title "Reliability: bars are what is lesion, the line what was predicted"
    x-axis "probability" [{", ".join(f'"{name}"' for name, *_ in drawn)}]
    y-axis "share of the pixels" 0 --> 1
    bar [{", ".join(f"{found:.3f}" for *_, found in drawn)}]
    line [{", ".join(f"{predicted:.3f}" for *_, predicted, _ in drawn)}]
```

{table}"""


def _robustness(robustness: Mapping[str, Any]) -> str:
    parts = list(robustness)

    def rows(what: str) -> list[list[str]]:
        changes = robustness[parts[0]][what]
        return [[change, *(f"{of_part[what][change]:.4f}" for of_part in robustness.values())] for change in changes]

    skin = [
        ["squares", *(str(of_part["skin"]) for of_part in robustness.values())],
        ["unmarked", *(f"{of_part['unmarked']:.1%}" if of_part["skin"] else "–" for of_part in robustness.values())],
    ]
    apart = "\n`python -m benchmarks.bare_skin` sets such squares of the validation photographs apart."
    return f"""The mask of a changed photograph, changed back, agrees with that of the photograph as it is; mean IoU of the two:

{_table(["the photograph", *parts], rows("agreement"))}

Mirror images agree by construction: whatever is predicted, the network sees it with its darker side to the left.

Other light costs, in IoU with the truth:

{_table(["the light", *parts], rows("iou_drop"))}

Of each photograph that has room for it the largest square without lesion, alone: how many there are, and the share of these of
which less than {MARKED:.0%} was marked. A truth outlines the main lesion alone: a square can show a second one, which is rightly
marked.{apart if ORIGINALS in robustness else ""}

{_table(["without lesion", *parts], skin)}"""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])
