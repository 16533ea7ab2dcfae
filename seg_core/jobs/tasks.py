"""The tasks: one function for each kind of job."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from seg_core.common.parallel import ordered_map
from seg_core.data.dataset import open_dataset
from seg_core.data.folders import Pair, is_mask_folder
from seg_core.data.image import write_mask
from seg_core.data.scan.copies import keep_copies
from seg_core.data.scan.duplicates import near_duplicates
from seg_core.errors import InputError
from seg_core.jobs.job import Job, Kind, Request
from seg_core.jobs.progress import Advance, Cancelled, Work
from seg_core.jobs.requests import (
    card_request,
    evaluation_request,
    masks_request,
    proposals_request,
    report_request,
    scan_request,
    split_of,
)
from seg_core.jobs.results import new_result
from seg_core.prediction.checkpoint import Checkpoint
from seg_core.prediction.foreign import load_any
from seg_core.prediction.predictor import Prediction, Predictor

PICTURE_SIDE = 512
"""Longest side of the probability maps that an evaluation keeps, in pixels."""


def _scan(job: Job, advance: Advance) -> str:
    from seg_core.data.scan.dataset_scan import scan_dataset

    dataset = open_dataset(job.arguments["sources"], lambda done, total: advance(done, total, "Drawing the sample photographs"))
    seen = scan_dataset(dataset, lambda done, total: advance(done, total, "Scanning the photographs"))
    found = near_duplicates(seen, on_progress=lambda done, total: advance(done, total, "Comparing the photographs"))
    keep_copies(dataset, found)
    with new_result(job.request) as folder:
        seen.save(folder / "scan.npz")
        (folder / "duplicates.json").write_text(json.dumps([asdict(each) for each in found]), encoding="utf-8")
        _require_same(job.request, scan_request(open_dataset(dataset.sources)))
    return f"{len(seen)} pairs scanned."


def _evaluate(job: Job, advance: Advance) -> str:
    from seg_core.evaluation.evaluate import evaluate
    from seg_core.prediction.cost import cost

    split, model = split_of(job.request), Path(job.arguments["model"])
    advance(0, len(split.pairs), "Loading the model")
    predictor = _open_predictor(model, split.pairs, tta=job.arguments["tta"])
    with new_result(job.request) as folder:
        images: list[dict[str, object]] = []

        def keep(pair: Pair, prediction: Prediction) -> None:
            images.append(pair.to_json())
            Image.fromarray(prediction.picture(PICTURE_SIDE)).save(folder / f"{len(images):05d}.png")

        def progress(done: int, total: int) -> None:
            advance(done, total, f"Evaluating {predictor.label}")

        evaluate(predictor, split.pairs, progress, on_prediction=keep, allow_missing=True).save(folder / "evaluation.npz")
        (folder / "images.json").write_text(json.dumps(images), encoding="utf-8")
        if isinstance(predictor, Checkpoint):
            (folder / "cost.json").write_text(json.dumps(asdict(cost(predictor))), encoding="utf-8")
        _require_same(job.request, evaluation_request(model, split_of(job.request), tta=job.arguments["tta"]))
    return f"{len(images)} photographs evaluated."


def _require_same(asked: Request, now: Request) -> None:
    """Refuse a result whose key has changed: a job may wait for long, and a run that trains replaces its best checkpoint."""
    if asked.key != now.key:
        raise InputError("The files have changed since this was requested; start it again.")


def _open_predictor(model: Path, pairs: list[Pair], *, tta: bool) -> Predictor:
    if is_mask_folder(model):
        from seg_core.prediction.mask_folder import open_predicted_masks

        return open_predicted_masks(model, pairs)
    return load_any(model, tta=tta)


def _fetch(job: Job, advance: Advance) -> str:
    from seg_core.data.isic2016.download import FetchStopped
    from seg_core.data.isic2016.fetch import fetch_isic2016

    try:
        folder = fetch_isic2016(job.arguments["folder"], advance, should_stop=advance.should_stop)
    except FetchStopped:
        raise Cancelled from None
    return f"{folder} holds the official data."


def _masks(job: Job, advance: Advance) -> str:
    split, model = split_of(job.request), Path(job.arguments["model"])
    predictor = _open_predictor(model, split.pairs, tta=job.arguments["tta"])

    def png(pair: Pair) -> bytes:
        file = io.BytesIO()
        write_mask(predictor.predict_pair(pair).mask(), file)
        return file.getvalue()

    with new_result(job.request) as folder:
        with zipfile.ZipFile(folder / "masks.zip", "w") as archive, closing(ordered_map(png, split.pairs)) as masks:
            for done, (pair, content) in enumerate(zip(split.pairs, masks, strict=True), start=1):
                archive.writestr(f"{pair.id}_mask.png", content)
                advance(done, len(split.pairs), f"Predicting with {predictor.label}")
        _require_same(job.request, masks_request(evaluation_request(model, split_of(job.request), tta=job.arguments["tta"])))
    return f"{len(split.pairs)} masks are written."


def _card(job: Job, advance: Advance) -> str:
    from seg_core.report.publishing import publish
    from seg_core.runs.store import RunStore

    store = RunStore()
    run = store.get_run(job.arguments["run"])
    source = store.folder(run.id) / "best.safetensors"
    with new_result(job.request) as folder, tempfile.TemporaryDirectory(dir=folder) as made:
        dataset = open_dataset(run.sources)
        target, _ = publish(source, dataset, Path(made), lambda done, total: advance(done, total, "Scoring"))
        with zipfile.ZipFile(folder / "model.zip", "w") as archive:
            for file in (target, target.with_suffix(".md")):
                archive.write(file, file.name)
        _require_same(job.request, card_request(run, store))
    return f"The card of {run.label} is written."


def _report(job: Job, advance: Advance) -> str:
    from seg_core.jobs.kept import kept_evaluation
    from seg_core.report import write_report
    from seg_core.runs.store import RunStore

    store = RunStore()
    runs = [store.get_run(id) for id in job.arguments["runs"]]
    with new_result(job.request) as folder:
        write_report(runs, store, folder / "report.html", advance, kept_evaluation)
        _require_same(job.request, report_request(runs, store))
    return f"The report on {len(runs)} run{'s' if len(runs) > 1 else ''} is written."


def _propose(job: Job, advance: Advance) -> str:
    from seg_core.data.collection.store import find_collection

    collection, model, name = find_collection(job.arguments["collection"]), Path(job.arguments["model"]), job.arguments["name"]
    items, predictor = collection.items(), load_any(model)
    expected = {}
    with new_result(job.request) as folder:
        for done, item in enumerate(items, start=1):
            try:
                prediction = predictor.predict(collection.photograph(item.id))
                if item.mask is None:
                    collection.propose(item.id, prediction.mask(), model=f"{name} at {prediction.threshold:.2f}")
                expected[item.id] = prediction.soft_iou
            except InputError:
                continue  # the page says it of each photograph that cannot be read
            finally:
                advance(done, len(items), "Proposing masks")
        (folder / "doubt.json").write_text(json.dumps(expected), encoding="utf-8")
        _require_same(job.request, proposals_request(collection, model, name))
    return f"{len(expected)} masks are proposed."


TASKS: Mapping[Kind, Work] = {
    "scan": _scan,
    "evaluate": _evaluate,
    "fetch": _fetch,
    "report": _report,
    "masks": _masks,
    "card": _card,
    "propose": _propose,
}
