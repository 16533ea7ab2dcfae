"""The card of a published model, in Markdown; every figure comes from the checkpoint's metadata."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from seg_core.config import Config
from seg_core.evaluation.columns import COLUMNS
from seg_core.evaluation.result import BOUNDARY_METRICS, METRICS
from seg_core.evaluation.robustness import MARKED
from seg_core.prediction.expected_iou import STEPS
from seg_core.prediction.licences import licence_of
from seg_core.prediction.metadata import (
    CheckpointMetadata,
    ExpectedIouValues,
    SizeScores,
    SplitScores,
    source_names,
)
from seg_core.report.templates import load_template
from seg_core.training.command_line import command_line

DATA = "DIR"
ORIGINALS = "validation, original size"
"""Key of the validation split at its original size, among the splits that a model is scored on."""
TITLES = {name: column.title for name in (*METRICS, *BOUNDARY_METRICS) for column in COLUMNS if column.name == name}
"""Titles of the scores, by metric."""
BY_SOURCE = ("iou", "dice", "boundary_iou")
"""Scores that the card gives for each source."""
BOUND_HELD = "bound held"
"""Title of the share of the photographs on which the bound of the expected IoU held."""
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
    names = source_names(metadata["dataset"])
    return load_template("model_card.md.jinja").render(
        config=config,
        metadata=metadata,
        licence=licence_of(metadata),
        datasets=[_hub_name(name) for name in names],
        results=_results(metadata["evaluation"]),
        titles=TITLES,
        minutes=sum(each["seconds"] for each in metadata["history"]) / 60,
        folders=_folders(names),
        train_command=command_line(config, _folders(names), ""),
        publish_command=_publish_command(config, metadata, recipe),
        score_rows=_score_rows,
        gain_rows=_gain_rows(metadata.get("beside")),
        source_titles=[*(TITLES[metric] for metric in BY_SOURCE), *([BOUND_HELD] if _tells_bound(metadata) else [])],
        source_rows=_source_rows(metadata),
        sizes=next((list(each["sizes"]) for each in metadata.get("by_source", [])), []),
        size_rows=_size_rows(metadata),
        epoch_titles=EPOCH_TITLES,
        epoch_rows=[[name, *(f"{epoch[key][metric]:.4f}" for metric in EPOCH_TITLES)] for name, key in EPOCH_SPLITS.items()],
        bins=_bins(metadata["reliability"]),
        bound_held=BOUND_HELD,
        expected_rows=_expected_rows(metadata.get("expected_iou")),
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


def _hub_name(name: str) -> str:
    """Return the name of a dataset in characters that the Hub takes."""
    return re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII).strip("-.") or "dataset"


def _folders(names: Sequence[str]) -> list[str]:
    """Return what stands for the dataset's folders in commands: ``DIR``, or ``DIR1`` and so on."""
    return [DATA] if len(names) == 1 else [f"{DATA}{number}" for number, _ in enumerate(names, start=1)]


def _publish_command(config: Config, metadata: CheckpointMetadata, recipe: str) -> str:
    parts = ["python", "-m", "seg_core", "publish", "CHECKPOINT"]
    for folder in _folders(source_names(metadata["dataset"])):
        parts += ["--data", folder]
    parts += ["--output", "checkpoints"]
    if suffix := recipe.removeprefix(config.recipe).removeprefix("-"):
        parts += ["--suffix", suffix]
    if ORIGINALS in metadata["evaluation"]:
        parts += ["--originals", "ORIGINALS"]
    if metadata.get("beside"):
        parts += ["--beside", "OTHER"]
    for each in metadata.get("by_source", []):
        parts += [] if each["is_own"] else ["--also", each["source"]]
    if "licences" in metadata:
        for source, licence in metadata["licences"]["photographs"].items():
            parts += ["--licence", f"{source}={licence}"]
        parts += ["--weights-licence", metadata["licences"]["weights"]] if metadata["licences"]["weights"] else []
    return shlex.join(parts)


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


def _source_rows(metadata: CheckpointMetadata) -> Rows:
    """Return the scores by source, with the licence of its photographs; none where the metadata has none."""
    licences = metadata["licences"]["photographs"] if "licences" in metadata else {}
    return [
        [
            f"`{each['source']}`",
            "yes" if each["is_own"] else f"{each['left_out']}, left out" if each["left_out"] else "no",
            each["split"],
            str(each["n"]),
            licences.get(each["source"], "not stated"),
            *(_with_interval(each["scores"][metric]) for metric in BY_SOURCE),
            *(["–" if (held := each.get("bound_held")) is None else f"{100 * held:.0f} %"] if _tells_bound(metadata) else []),
        ]
        for each in metadata.get("by_source", [])
    ]


def _tells_bound(metadata: CheckpointMetadata) -> bool:
    return any(each.get("bound_held") is not None for each in metadata.get("by_source", []))


def _expected_rows(learnt: ExpectedIouValues | None) -> Rows:
    """Return the expected IoU and its bound by soft IoU, at every fifth step; none where the model has learnt none."""
    if not learnt:
        return []
    curves = zip(np.linspace(0, 1, STEPS), learnt["mean"], learnt["low"], strict=True)
    return [[f"{value:.2f}" for value in each] for each in list(curves)[:: (STEPS - 1) // 10]]


def _size_rows(metadata: CheckpointMetadata) -> Rows:
    """Return the IoU by lesion size of every source."""
    return [
        [f"`{each['source']}`", each["split"], *map(_of_size, each["sizes"].values())] for each in metadata.get("by_source", [])
    ]


def _of_size(scores: SizeScores) -> str:
    return f"{_with_interval(scores['iou'])}, n = {scores['n']}" if scores["n"] else "–"


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
