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

from seg_core.common.parallel import ordered_map
from seg_core.common.text import counted
from seg_core.config import Config
from seg_core.data.dataset import open_dataset
from seg_core.data.folders import Pair
from seg_core.data.image import write_mask
from seg_core.data.scan.copies import keep_copies
from seg_core.data.scan.duplicates import near_duplicates
from seg_core.errors import InputError
from seg_core.jobs.evaluating import keep_evaluation, open_predictor, require_same
from seg_core.jobs.job import Job, Kind
from seg_core.jobs.progress import Advance, Cancelled, Work
from seg_core.jobs.requests import (
    attributes_request,
    card_request,
    evaluation_request,
    masks_request,
    proposals_request,
    report_request,
    scan_request,
    split_of,
)
from seg_core.jobs.results import new_result
from seg_core.prediction.foreign import load_any


def _scan(job: Job, advance: Advance) -> str:
    from seg_core.data.scan.dataset_scan import scan_dataset

    dataset = open_dataset(job.arguments["sources"], lambda done, total: advance(done, total, "Drawing the sample photographs"))
    seen = scan_dataset(dataset, lambda done, total: advance(done, total, "Scanning the photographs"))
    found = near_duplicates(seen, on_progress=lambda done, total: advance(done, total, "Comparing the photographs"))
    keep_copies(dataset, found)
    with new_result(job.request) as folder:
        seen.save(folder / "scan.npz")
        (folder / "duplicates.json").write_text(json.dumps([asdict(each) for each in found]), encoding="utf-8")
        require_same(job.request, scan_request(open_dataset(dataset.sources)))
    return f"{len(seen)} pairs scanned."


def _attributes(job: Job, advance: Advance) -> str:
    from seg_core.data.attributes import measure

    dataset = open_dataset(job.arguments["sources"], lambda done, total: advance(done, total, "Drawing the sample photographs"))
    measured = measure(dataset.unique_pairs, lambda done, total: advance(done, total, "Measuring the photographs"))
    with new_result(job.request) as folder:
        measured.save(folder / "attributes.npz")
        require_same(job.request, attributes_request(open_dataset(dataset.sources)))
    return f"{counted(len(measured.ids), 'photograph')} measured."


def _evaluate(job: Job, advance: Advance) -> str:
    return f"{keep_evaluation(job.request, advance):,} photographs evaluated."


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
    predictor = open_predictor(model, split.pairs, tta=job.arguments["tta"])

    def png(pair: Pair) -> bytes:
        file = io.BytesIO()
        write_mask(predictor.predict_pair(pair).mask(), file)
        return file.getvalue()

    with new_result(job.request) as folder:
        with zipfile.ZipFile(folder / "masks.zip", "w") as archive, closing(ordered_map(png, split.pairs)) as masks:
            for done, (pair, content) in enumerate(zip(split.pairs, masks, strict=True), start=1):
                archive.writestr(f"{pair.id}_mask.png", content)
                advance(done, len(split.pairs), f"Predicting with {predictor.label}")
        require_same(job.request, masks_request(evaluation_request(model, split_of(job.request), tta=job.arguments["tta"])))
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
        require_same(job.request, card_request(run, store))
    return f"The card of {run.label} is written."


def _report(job: Job, advance: Advance) -> str:
    from seg_core.jobs.kept import kept_evaluation
    from seg_core.report import write_report
    from seg_core.runs.store import RunStore

    store = RunStore()
    runs = [store.get_run(id) for id in job.arguments["runs"]]
    with new_result(job.request) as folder:
        write_report(runs, store, folder / "report.html", advance, kept_evaluation)
        require_same(job.request, report_request(runs, store))
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
        require_same(job.request, proposals_request(collection, model, name))
    return f"{len(expected)} masks are proposed."


def _doubtful(job: Job, advance: Advance) -> str:
    from seg_core.jobs.doubtful import keep_doubtful
    from seg_core.runs.store import RunStore

    store = RunStore()
    found = keep_doubtful([store.get_run(id) for id in job.arguments["runs"]], store, advance)
    return f"{counted(found.photographs, 'mask')} compared."


def _experts(job: Job, advance: Advance) -> str:
    from seg_core.jobs.expert_results import keep_agreements

    return f"The experts are compared on {counted(keep_agreements(job.request, advance), 'photograph')}."


def _trial(job: Job, advance: Advance) -> str:
    from seg_core.training.trial import try_training

    config, dataset = Config(**job.arguments["config"]), open_dataset(job.arguments["sources"])
    with new_result(job.request) as folder:
        trial = try_training(config, dataset, advance, rates=job.arguments["rates"])
        trial.save(folder / "trial.json")
    return f"{trial.images_per_second:.0f} photographs per second."


TASKS: Mapping[Kind, Work] = {
    "scan": _scan,
    "evaluate": _evaluate,
    "fetch": _fetch,
    "report": _report,
    "masks": _masks,
    "card": _card,
    "propose": _propose,
    "doubtful": _doubtful,
    "attributes": _attributes,
    "experts": _experts,
    "trial": _trial,
}
