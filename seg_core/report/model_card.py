"""The card of a published model, in Markdown; every figure comes from the checkpoint's metadata."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from seg_core.config import Config
from seg_core.evaluation.result import BOUNDARY_METRICS, METRICS
from seg_core.evaluation.robustness import MARKED
from seg_core.evaluation.tables import COLUMNS
from seg_core.prediction.metadata import CheckpointMetadata, SplitScores
from seg_core.report.licences import licence_of
from seg_core.report.templates import load_template
from seg_core.training.command_line import command_line

DATA = "DIR"
ORIGINALS = "validation, original size"
"""Key of the validation split at its original size, among the splits that a model is scored on."""
TITLES = {name: column.title for name in (*METRICS, *BOUNDARY_METRICS) for column in COLUMNS if column.name == name}
"""Titles of the scores, by metric."""
EPOCH_TITLES = {
    "loss": "Loss",
    "accuracy": "Accuracy",
    "iou": "IoU",
    "dice": "Dice",
    "report_iou": "IoU, column-wise",
    "report_dice": "Dice, column-wise",
}
"""Titles of the metrics of an epoch."""
EPOCH_SPLITS: dict[str, Literal["train", "val"]] = {"training": "train", "validation": "val"}

Rows = list[list[str]]
"""Cells of a table, by row."""


def model_card(config: Config, metadata: CheckpointMetadata, recipe: str) -> str:
    """Return the card of a published model, with the front matter that the Hugging Face Hub reads.

    Args:
        config: its settings.
        metadata: from `seg_core.report.publishing.publish`.
        recipe: the recipe as the file's name has it.
    """
    epoch = metadata["history"][metadata["epoch"] - 1]
    return load_template("model_card.md.jinja").render(
        config=config,
        metadata=metadata,
        licence=licence_of(metadata["dataset"]),
        datasets=_dataset_names(metadata["dataset"]["name"]),
        results=_results(metadata["evaluation"]),
        titles=TITLES,
        minutes=sum(each["seconds"] for each in metadata["history"]) / 60,
        train_command=command_line(config, [DATA], ""),
        publish_command=_publish_command(config, metadata, recipe),
        score_rows=_score_rows,
        gain_rows=_gain_rows(metadata.get("beside")),
        epoch_titles=EPOCH_TITLES,
        epoch_rows=[[name, *(f"{epoch[key][metric]:.4f}" for metric in EPOCH_TITLES)] for name, key in EPOCH_SPLITS.items()],
        bins=_bins(metadata["reliability"]),
        change_rows=_change_rows,
        skin_rows=_skin_rows(metadata["robustness"]),
        marked=MARKED,
        originals=ORIGINALS,
    )


class Result(NamedTuple):
    """Scores on one split, as the front matter lists them."""

    split: str
    """As the keys of the metadata's ``evaluation``."""
    scores: list[tuple[str, str, float]]
    """Metric, title and mean."""


def _results(evaluation: Mapping[str, SplitScores]) -> list[Result]:
    return [
        Result(
            split,
            [
                *((metric, title, of_split["scores"][metric][0]) for metric, title in TITLES.items()),
                ("expected_calibration_error", "Expected calibration error", of_split["calibration_error"]),
            ],
        )
        for split, of_split in evaluation.items()
    ]


def _dataset_names(name: str) -> list[str]:
    """Return the names of joined datasets, in characters that the Hub takes."""
    return [re.sub(r"[^\w.-]+", "-", one, flags=re.ASCII).strip("-.") or "dataset" for one in name.split(" + ")]


def _publish_command(config: Config, metadata: CheckpointMetadata, recipe: str) -> str:
    suffix = recipe.removeprefix(config.recipe).removeprefix("-")
    options = {
        f"--suffix {suffix}": suffix,
        "--originals ORIGINALS": ORIGINALS in metadata["evaluation"],
        "--beside OTHER": metadata.get("beside"),
    }
    given = [option for option, is_given in options.items() if is_given]
    return " ".join([f"python -m seg_core publish CHECKPOINT --data {DATA} --output checkpoints", *given])


def _score_rows(evaluation: Mapping[str, SplitScores]) -> Rows:
    return [
        [split, str(of_split["n"]), *(_with_interval(of_split["scores"][metric]) for metric in TITLES)]
        for split, of_split in evaluation.items()
    ]


def _gain_rows(beside: Mapping[str, Any] | None) -> Rows:
    """Return the differences from another model by split; none where the metadata has none."""
    return [
        [split, *(_with_interval(gains[metric], sign="+") for metric in TITLES)]
        for split, gains in (beside or {}).items()
        if split != "label"
    ]


def _with_interval(interval: Sequence[Any], sign: str = "") -> str:
    mean, low, high = interval
    return f"{mean:{sign}.4f}" if low is None else f"{mean:{sign}.4f} ({low:{sign}.3f} to {high:{sign}.3f})"


class Bin(NamedTuple):
    """A bin of the reliability diagram."""

    name: str
    weight: float
    """Share of the pixels that are in it."""
    predicted: float
    """Mean probability."""
    found: float
    """Share of its pixels that are lesion."""


def _bins(reliability: Mapping[str, Sequence[float]]) -> list[Bin]:
    """Return the bins that hold pixels."""
    columns = zip(reliability["weight"], reliability["predicted"], reliability["found"], strict=True)
    bins = [Bin(f"{place / 10:.1f} to {(place + 1) / 10:.1f}", *values) for place, values in enumerate(columns)]
    return [each for each in bins if each.weight]


def _change_rows(robustness: Mapping[str, Any], what: str) -> Rows:
    """Return ``agreement`` or ``iou_drop`` by change, of every split."""
    first = next(iter(robustness.values()))
    return [[change, *(f"{of_split[what][change]:.4f}" for of_split in robustness.values())] for change in first[what]]


def _skin_rows(robustness: Mapping[str, Any]) -> Rows:
    splits = list(robustness.values())
    return [
        ["squares", *(str(of_split["skin"]) for of_split in splits)],
        ["unmarked", *(f"{of_split['unmarked']:.1%}" if of_split["skin"] else "–" for of_split in splits)],
    ]
