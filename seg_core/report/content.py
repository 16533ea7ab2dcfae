"""What stands in a report: everything is looked up or computed here, and only laid out by the template."""

from __future__ import annotations

import base64
import io
import platform
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from seg_core.common.colours import run_colour
from seg_core.config import Config
from seg_core.data.dataset import SplitChoice, open_dataset
from seg_core.data.folders import Pair
from seg_core.data.image import read_image, read_mask
from seg_core.errors import InputError
from seg_core.evaluation.charts import Chart, comparison, curves
from seg_core.evaluation.comparison import Pairing, Row, pairings, score_rows
from seg_core.evaluation.evaluate import Evaluation, evaluate
from seg_core.evaluation.group import GroupEvaluation, Scored
from seg_core.evaluation.overlap import overlap
from seg_core.evaluation.tables import COLUMNS, Column
from seg_core.jobs.requests import evaluation_request
from seg_core.jobs.results import result_folder
from seg_core.prediction.checkpoint import Checkpoint, load_checkpoint
from seg_core.prediction.checkpoint_file import read_tensors
from seg_core.prediction.cost import Cost, cost
from seg_core.prediction.metadata import CheckpointMetadata
from seg_core.prediction.overlay import draw_mask, preview
from seg_core.report.student_report import REPORT
from seg_core.runs.groups import groups_of
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore
from seg_core.training.command_line import command_line

PICTURE_SIDE = 420
FEWEST_EPOCHS = 5
CLEARLY = 0.1
"""Share of a loss from which a difference is spoken of."""
SPLITS = {"train": "training", "val": "validation", "test": "test"}
Advance = Callable[[int, int, str], None]

AUGMENTATION = {
    "report": "random crops of at least 60 % of the area, mirror images, turns by up to 20°, and brightness, contrast, "
    "saturation and hue jittered",
    "standard": "random crops of at least 60 % of the area, mirror images, turns by any quarter and up to 20° more, and "
    "brightness, contrast, saturation and hue jittered; some photographs show bare skin alone, and some lose fine detail",
}


@dataclass(frozen=True)
class Sample:
    """One photograph with the outlines of its truth and of every model's mask."""

    id: str
    why: str
    picture: str
    """A JPEG as a data URL."""
    scores: list[str]


@dataclass(frozen=True)
class OfRun:
    """What is said of one run."""

    label: str
    run: Run
    config: Config
    metadata: CheckpointMetadata
    trainable: int
    cost: Cost
    parts: list[tuple[str, int]]
    """The parts of the network with their parameters."""
    command: str
    augmentation: str
    epochs: list[dict[str, dict[str, float]]]
    """By epoch, the metrics of ``train`` and ``val``."""
    best_epoch: int


@dataclass(frozen=True)
class Content:
    """A whole report."""

    title: str
    created: str
    machine: str
    dataset: str
    part: str
    images: int
    conclusion: list[str]
    warnings: list[str]
    runs: list[OfRun]
    rows: list[Row]
    columns: tuple[Column, ...]
    pairings: list[Pairing]
    curves: list[Chart]
    statistics: list[Chart]
    samples: list[Sample]
    drawn: dict[str, str]
    """The models whose masks the samples show, with their colours: those that did not train on these photographs."""
    published: dict[str, Any]
    """The student report's own figures, where runs follow its recipe; else empty."""


def gather(runs: Sequence[Run], store: RunStore, on_progress: Advance) -> Content:
    """Everything that the report on ``runs`` says; see `seg_core.report.write_report`."""
    split = report_split(runs)
    models = {run.label: load_checkpoint(store.folder(run.id) / "best.safetensors", run.label) for run in runs}
    groups = groups_of(runs)
    grouped = [run for group in groups for run in group.runs]
    parts = dict.fromkeys(models, split)
    if split.name == "val":  # each run of a group is scored on the photographs that it did not train on
        parts |= {run.label: replace(split, spec=run.config.split_spec) for run in grouped}
    evaluations = {label: _evaluation(label, model, parts[label], on_progress) for label, model in models.items()}
    own_colours = {label: run_colour(place) for place, label in enumerate(models)}
    colours = own_colours | {group.label: own_colours[group.runs[0].label] for group in groups}
    told = [_of_run(run, store, models[run.label]) for run in runs]
    as_one: dict[str, Scored] = {label: one for label, one in evaluations.items() if label not in {run.label for run in grouped}}
    as_one |= {group.label: GroupEvaluation(tuple(evaluations[run.label] for run in group.runs)) for group in groups}
    drawn = [label for label, part in parts.items() if part == split]
    rows = score_rows({**evaluations, **as_one}, {of_run.label: of_run.cost for of_run in told})
    found = pairings(as_one)
    return Content(
        title=" and ".join(models) if len(models) < 3 else f"{len(models)} runs",
        created=time.strftime("%Y-%m-%d %H:%M"),
        machine=f"{platform.platform()}, Python {platform.python_version()}",
        dataset=split.dataset.name,
        part=SPLITS[split.name],
        images=len({id for evaluation in as_one.values() for id in evaluation.ids}),
        conclusion=_conclusion([row for row in rows if row.label in as_one], found, told, SPLITS[split.name]),
        warnings=_warnings(models, parts),
        runs=told,
        rows=rows,
        columns=COLUMNS,
        pairings=found,
        curves=curves({of_run.label: of_run.epochs for of_run in told}, colours),
        statistics=comparison(as_one, colours),
        samples=_samples({label: models[label] for label in drawn}, evaluations, colours, split.pairs),
        drawn={label: colours[label] for label in drawn},
        published=REPORT if any(run.config.recipe == "report" for run in runs) else {},
    )


def _evaluation(label: str, model: Checkpoint, split: SplitChoice, on_progress: Advance) -> Evaluation:
    """The evaluation that Compare has kept, or else a new one."""
    if folder := result_folder(evaluation_request(model.path, split)):
        with suppress(InputError):  # damaged
            return Evaluation.load(folder / "evaluation.npz")
    return evaluate(model, split.pairs, lambda done, total: on_progress(done, total, f"Evaluating {label}"))


def _of_run(run: Run, store: RunStore, model: Checkpoint) -> OfRun:
    epochs: list[dict[str, dict[str, float]]] = [{"train": {}, "val": {}} for _ in range(run.epochs_done)]
    for point in store.history.metrics(run.id):
        if point.epoch <= run.epochs_done:
            epochs[point.epoch - 1][point.split][point.name] = point.value
    parts = _parameters(model)
    return OfRun(
        label=run.label,
        run=run,
        config=run.config,
        metadata=model.metadata,
        trainable=sum(count for name, count in parts if name.split()[0] != run.config.frozen_part),
        cost=cost(model),
        parts=parts,
        command=command_line(run.config, list(run.sources), run.name),
        augmentation=AUGMENTATION[run.config.augmentation],
        epochs=epochs,
        best_epoch=run.best_epoch or 0,
    )


def _parameters(model: Checkpoint) -> list[tuple[str, int]]:
    """The parts of the network, each with its number of parameters; BatchNorm's statistics are none."""
    counts: dict[str, int] = {}
    for name, tensor in read_tensors(model.path).items():
        if name.endswith(("running_mean", "running_var", "num_batches_tracked")):
            continue
        pieces = name.split(".")
        part = " ".join(pieces[:3] if pieces[0] == "encoder" else pieces[:2]).replace("features", "layer")
        counts[part] = counts.get(part, 0) + tensor.size
    in_order = {name: [int(word) for word in name.split() if word.isdigit()] for name in counts}  # layer 2 before layer 10
    return sorted(counts.items(), key=lambda part: (not part[0].startswith("encoder"), in_order[part[0]]))


def _warnings(models: dict[str, Checkpoint], parts: dict[str, SplitChoice]) -> list[str]:
    found = []
    for label, model in models.items():
        seen = overlap(model.metadata["dataset"], parts[label].dataset.fingerprint, parts[label].pairs)
        if seen is None:
            found.append(f"{label} does not name what it trained on, which may be some of these photographs.")
        else:
            found += [f"{label} {sentence}." for sentence in seen.sentences]
    return found


def _conclusion(rows: Sequence[Row], found: Sequence[Pairing], told: Sequence[OfRun], part: str) -> list[str]:
    """What the numbers say, in sentences."""
    leader = max(rows, key=lambda row: row.scores["iou"].mean)
    iou, dice = leader.scores["iou"], leader.scores["dice"]
    where = f"on {leader.images} {part} photographs"
    between = "" if np.isnan(iou.low) else f" (95 % interval {iou.low:.3f} to {iou.high:.3f})"
    sentences = [f"{leader.label} reaches a mean IoU of {iou.mean:.3f}{between} and a mean Dice of {dice.mean:.3f} {where}."]
    sentences += [pairing.sentence for pairing in found]
    for of_run in told:
        how = f"; {fit}" if (fit := _fit(of_run.epochs, of_run.best_epoch)) else ""
        sentences.append(f"{of_run.label}: epoch {of_run.best_epoch} of {len(of_run.epochs)} is the best{how}.")
    return sentences


def _fit(epochs: Sequence[dict[str, dict[str, float]]], best: int) -> str:
    """Whether losses speak of overfitting; nothing where there are too few epochs to tell."""
    if len(epochs) < FEWEST_EPOCHS:
        return ""
    train, val = epochs[best - 1]["train"]["loss"], epochs[best - 1]["val"]["loss"]
    risen = epochs[-1]["val"]["loss"] - min(epoch["val"]["loss"] for epoch in epochs)
    if risen > CLEARLY * epochs[-1]["val"]["loss"]:
        return f"after its lowest, the validation loss has risen again by {risen:.3f}, which is a sign of overfitting"
    if val - train > CLEARLY * val:
        return f"its validation loss is {val - train:.3f} above its training loss, which is a sign of overfitting"
    if train - val > CLEARLY * val:
        return (
            f"its training loss is {train - val:.3f} above its validation loss, as augmentation makes it: no sign of overfitting"
        )
    return "training and validation loss are close: no sign of overfitting"


def _samples(
    models: dict[str, Checkpoint], evaluations: dict[str, Evaluation], colours: dict[str, str], pairs: Sequence[Pair]
) -> list[Sample]:
    """Photographs that show what the models can and cannot do."""
    scores = np.array([evaluations[label].scores()["iou"] for label in models])  # (models, N)
    chosen: dict[int, str] = {}
    orders = {"worst": scores.mean(axis=0), "disagreement": -np.ptp(scores, axis=0), "best": -scores.mean(axis=0)}
    if len(models) == 1:
        del orders["disagreement"]
    for why, key in orders.items():
        for row in [int(row) for row in np.argsort(key, kind="stable") if int(row) not in chosen][:2]:
            chosen[row] = why
    typical = np.argsort(np.abs(scores.mean(axis=0) - np.median(scores.mean(axis=0))), kind="stable")
    for row in [int(row) for row in typical if int(row) not in chosen][:2]:
        chosen[row] = "typical"
    return [_sample(pairs[row], why, models, colours, scores[:, row]) for row, why in chosen.items()]


def _sample(pair: Pair, why: str, models: dict[str, Checkpoint], colours: dict[str, str], scores: np.ndarray) -> Sample:
    photo = preview(read_image(pair.image), PICTURE_SIDE, PICTURE_SIDE)
    truth = Image.fromarray(read_mask(pair.mask)[0]).resize(photo.size, Image.Resampling.NEAREST)
    drawn = draw_mask(photo, np.asarray(truth), "#ffffff", opacity=0)
    for label, model in models.items():
        drawn = draw_mask(drawn, model.predict(pair.image).mask(size=photo.size), colours[label], opacity=0)
    file = io.BytesIO()
    drawn.save(file, "JPEG", quality=88, subsampling=0)
    picture = f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
    return Sample(pair.id, why, picture, [f"{score:.3f}" for score in scores])


def report_split(runs: Sequence[Run]) -> SplitChoice:
    """What a report compares runs on: the test split of the first one's dataset, or where there is none, its validation split.

    Raises:
        InputError: if there are no runs, one has no whole epoch, or the dataset is gone.
    """
    if not runs:
        raise InputError("No run was named; name one or several.")
    if unfit := [run.label for run in runs if not run.best_epoch]:
        raise InputError(f"{unfit[0]} has no whole epoch yet; report on it when it has.")
    first = runs[0]
    dataset = open_dataset(first.sources)
    return SplitChoice(dataset, "test" if dataset.test else "val", first.config.split_spec)
