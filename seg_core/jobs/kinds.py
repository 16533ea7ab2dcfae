"""What each kind of job does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from seg_core.data.dataset import open_dataset
from seg_core.data.duplicates import near_duplicates
from seg_core.data.folders import Pair
from seg_core.errors import InputError
from seg_core.jobs.job import Job, Kind, Request
from seg_core.jobs.requests import evaluation_request, split_of, survey_request
from seg_core.jobs.results import new_result
from seg_core.jobs.worker import Advance, Cancelled, Work
from seg_core.prediction import Prediction, Predictor

PICTURE_SIDE = 512
"""Longest side of the pictures of probabilities that an evaluation keeps, in pixels."""


def _survey(job: Job, advance: Advance) -> str:
    from seg_core.data.survey import survey

    dataset = open_dataset(job.arguments["sources"], lambda done, total: advance(done, total, "Drawing the sample photographs"))
    seen = survey(dataset, lambda done, total: advance(done, total, "Looking at the photographs"))
    found = near_duplicates(seen, on_progress=lambda done, total: advance(done, total, "Comparing the photographs"))
    with new_result(job.request) as folder:
        seen.save(folder / "survey.npz")
        (folder / "duplicates.json").write_text(json.dumps([asdict(each) for each in found]), encoding="utf-8")
        _require_same(job.request, survey_request(open_dataset(dataset.sources)))
    return f"{len(seen)} pairs seen."


def _evaluate(job: Job, advance: Advance) -> str:
    from seg_core.evaluation import evaluate

    split, model = split_of(job.request), Path(job.arguments["model"])
    advance(0, len(split.pairs), "Loading the model")
    predictor = _open_predictor(model, split.pairs)
    with new_result(job.request) as folder:
        images: list[dict[str, str]] = []

        def keep(pair: Pair, prediction: Prediction) -> None:
            images.append({"id": pair.id, "image": str(pair.image), "mask": str(pair.mask)})
            Image.fromarray(prediction.picture(PICTURE_SIDE)).save(folder / f"{len(images):05d}.png")

        def progress(done: int, total: int) -> None:
            advance(done, total, f"Evaluating {predictor.label}")

        evaluate(predictor, split.pairs, progress, on_prediction=keep, allow_missing=True).save(folder / "evaluation.npz")
        (folder / "images.json").write_text(json.dumps(images), encoding="utf-8")
        _require_same(job.request, evaluation_request(model, split_of(job.request)))
    return f"{len(images)} photographs evaluated."


def _require_same(asked: Request, now: Request) -> None:
    """A job may wait for long, and a run that trains replaces its best checkpoint: nothing new may stand under the old key."""
    if asked.key != now.key:
        raise InputError("The files have changed since this was asked for; ask for it again.")


def _open_predictor(model: Path, pairs: list[Pair]) -> Predictor:
    if model.is_dir():
        from seg_core.predicted_masks import open_predicted_masks

        return open_predicted_masks(model, pairs)
    from seg_core.checkpoint import load_checkpoint

    return load_checkpoint(model)


def _fetch(job: Job, advance: Advance) -> str:
    from seg_core.data.download import FetchStopped
    from seg_core.data.official import fetch_isic2016

    try:
        folder = fetch_isic2016(job.arguments["folder"], advance, should_stop=advance.should_stop)
    except FetchStopped:
        raise Cancelled from None
    return f"{folder} holds the official data."


KINDS: Mapping[Kind, Work] = {"survey": _survey, "evaluate": _evaluate, "fetch": _fetch}
