"""One function for each kind of request. Its key is a digest of everything that the result depends on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from seg_core.common.versions import VERSION
from seg_core.config import Config, SplitSpec
from seg_core.data.attributes import ATTRIBUTES_VERSION
from seg_core.data.collection.collection import Collection
from seg_core.data.dataset import UNSEEN, Dataset, SplitChoice, open_dataset
from seg_core.data.fingerprint import digest
from seg_core.data.folders import is_mask_folder
from seg_core.data.scan.dataset_scan import SCAN_VERSION, Scan
from seg_core.data.scan.duplicates import AGREEMENT, CORRELATION, Duplicate, Photograph
from seg_core.data.source import SAMPLE, clean_source
from seg_core.errors import InputError
from seg_core.evaluation.key import EVALUATION_VERSION, evaluation_key, mask_folder_digest
from seg_core.jobs.job import Request
from seg_core.prediction.checkpoint_file import checkpoint_digest, read_metadata
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore

KEY_DIGITS = 24
DOUBTFUL_VERSION = "1"
"""Raised when the same masks would be ranked or reasoned about otherwise."""


def scan_request(dataset: Dataset) -> Request:
    """Request to scan every pair of a dataset. `load_scan` reads the result.

    Raises:
        InputError: if a file is gone.
    """
    lines = [f"{SCAN_VERSION} {CORRELATION} {AGREEMENT}"]
    for pair, (photo, photo_time, mask, mask_time) in zip(dataset.pairs, dataset.facts.tolist(), strict=True):
        lines += f"{pair.image} {photo} {photo_time}", f"{pair.mask_names} {mask} {mask_time}"
    lines += (f"{file} {facts}" for file, facts in zip(dataset.unpaired_files, dataset.unpaired_facts, strict=True))
    return Request("scan", digest(lines, KEY_DIGITS), {"sources": list(dataset.sources)})


def load_scan(folder: Path) -> tuple[Scan, list[Duplicate]]:
    """Read the result of a scan: facts of every pair, and the photographs that occur more than once.

    Raises:
        InputError: if it is damaged.
    """
    try:
        found = json.loads((folder / "duplicates.json").read_text(encoding="utf-8"))
        duplicates = [
            Duplicate(**{**each, "first": Photograph(**each["first"]), "second": Photograph(**each["second"])}) for each in found
        ]
    except (OSError, ValueError, TypeError, KeyError):
        raise InputError("The scan of this dataset is damaged; scan it again.") from None
    return Scan.load(folder / "scan.npz"), duplicates


def attributes_request(dataset: Dataset) -> Request:
    """Request to measure the photographs of a dataset. The result holds ``attributes.npz``.

    `seg_core.data.attributes.Attributes` reads it.

    Raises:
        InputError: if a file is gone.
    """
    pairs = dataset.unique_pairs
    rows = zip(pairs, dataset.facts_of(pairs).tolist(), strict=True)
    lines = [f"{pair.image} {pair.mask_names} {' '.join(map(str, facts))}" for pair, facts in rows]
    return Request("attributes", digest([str(ATTRIBUTES_VERSION), *lines], KEY_DIGITS), {"sources": list(dataset.sources)})


def evaluation_request(model: Path, split: SplitChoice, *, tta: bool = False, content: str | None = None) -> Request:
    """Request for the evaluation of a model on a split: of a checkpoint, or of a folder of masks from another program.

    With ``tta`` a checkpoint predicts with test-time augmentation; a folder of masks stays what it is. ``content`` is the model's
    `checkpoint_digest` or `mask_folder_digest`, where it is known already.

    Its result holds ``evaluation.npz`` (`seg_core.evaluation.result.Evaluation`), ``images.json`` (the paths of every
    photograph and its truth, in the same order), the probabilities of each as grey, ``00001.png`` and so on, and of a
    checkpoint ``cost.json`` (`seg_core.prediction.cost.Cost`).

    Raises:
        InputError: if a file is gone, or the split is empty.
    """
    if content is None:
        content = mask_folder_digest(model) if is_mask_folder(model) else checkpoint_digest(model)
    # The result names the photographs by their paths, so the same data in another place has another result.
    places = (f"{pair.image} {pair.mask_names}" for pair in split.pairs)
    tta = tta and not is_mask_folder(model)
    of_files = evaluation_key(content, split.pairs, split.facts)
    key = digest([of_files, *(["tta"] if tta else []), *places], KEY_DIGITS)
    arguments = {
        "model": str(model),
        "sources": list(split.dataset.sources),
        "split": split.name,
        "drawing": list(split.spec),
        "tta": tta,
    }
    return Request("evaluate", key, arguments)


def experts_request(split: SplitChoice) -> Request:
    """Request to compare the experts of a dataset among each other, on the photographs of a split.

    `seg_core.jobs.expert_results.load_agreements` reads the result.

    Raises:
        InputError: if a file is gone, or the split is empty.
    """
    of_files = evaluation_key("experts", split.pairs, split.facts)
    places = (f"{pair.image} {pair.mask_names}" for pair in split.pairs)
    arguments = {"sources": list(split.dataset.sources), "split": split.name, "drawing": list(split.spec)}
    return Request("experts", digest([of_files, *places], KEY_DIGITS), arguments)


def trial_request(config: Config, dataset: Dataset, *, rates: bool) -> Request:
    """Request to try a training for some steps, and with ``rates`` at rising learning rates. The result holds ``trial.json``.

    `seg_core.training.trial.Trial` reads it.
    """
    settings = config.model_dump(mode="json")
    line = json.dumps([settings, list(dataset.sources), dataset.fingerprint, rates, VERSION], sort_keys=True)
    return Request("trial", digest([line], KEY_DIGITS), {"config": settings, "sources": list(dataset.sources), "rates": rates})


def split_of(request: Request) -> SplitChoice:
    """Open the split that a request for an evaluation, or for the experts of it, names.

    Raises:
        InputError: if the dataset is gone.
    """
    given = request.arguments
    dataset, spec = open_dataset(given["sources"]), SplitSpec(*given["drawing"])
    return unseen(dataset, Path(given["model"]), spec) if given["split"] == UNSEEN else SplitChoice(dataset, given["split"], spec)


def unseen(dataset: Dataset, model: Path, spec: SplitSpec) -> SplitChoice:
    """Return what a checkpoint of a training with ``spec`` did not train on, of a dataset that may have changed since.

    Raises:
        InputError: if the checkpoint cannot be read, or does not tell any more what trained it.
    """
    trained_on = read_metadata(model)["dataset"]
    if (ids := trained_on.get("train_ids")) is not None:
        return SplitChoice(dataset, UNSEEN, spec, frozenset(ids))
    if trained_on["fingerprint"] != dataset.fingerprint:
        raise InputError(
            f"{dataset.name} has changed since it trained, and is too large to tell with what; train on folds again."
        )
    return SplitChoice(dataset, "val", spec)


def masks_request(evaluation: Request) -> Request:
    """Request for the masks that an evaluation scores. The result is ``masks.zip``: for each photograph a PNG of its size."""
    return Request("masks", evaluation.key, evaluation.arguments)


def card_request(run: Run, store: RunStore) -> Request:
    """Request to publish a run's best model. The result is ``model.zip``: the model in fp16 and its card.

    Raises:
        InputError: if the run's model is gone.
    """
    return Request("card", digest([VERSION, str(EVALUATION_VERSION), _state(run, store)], KEY_DIGITS), {"run": run.id})


def report_request(runs: Sequence[Run], store: RunStore) -> Request:
    """Request for the HTML report on runs. The result is ``report.html``.

    Raises:
        InputError: if a run's model is gone.
    """
    lines = [VERSION, str(EVALUATION_VERSION), *(_state(run, store) for run in runs)]
    return Request("report", digest(lines, KEY_DIGITS), {"runs": [run.id for run in runs]})


def _state(run: Run, store: RunStore) -> str:
    """State of a run in a key. Pages compute it each time they are drawn, so it does not depend on its 100,000 photographs."""
    return f"{run.id} {run.label} {run.epochs_done} {checkpoint_digest(store.folder(run.id) / 'best.safetensors')}"


def doubtful_request(runs: Sequence[Run], store: RunStore) -> Request:
    """Request to rank the true masks that the runs of a cross-validation did not see.

    `seg_core.jobs.doubtful.load_doubtful` reads the result. As reports, it does not look at the photographs.

    Raises:
        InputError: if a run's model is gone.
    """
    lines = [DOUBTFUL_VERSION, str(EVALUATION_VERSION), *runs[0].sources, *(_state(run, store) for run in runs)]
    return Request("doubtful", digest(lines, KEY_DIGITS), {"runs": [run.id for run in runs]})


def proposals_request(collection: Collection, model: Path, name: str) -> Request:
    """Request for a model's masks of all photographs of a collection, as proposals by ``name``. `load_doubt` reads the result.

    Raises:
        InputError: if a file is gone.
    """
    ids = [item.id for item in collection.items()]
    key = digest([str(collection.folder), checkpoint_digest(model), *ids], KEY_DIGITS)
    return Request("propose", key, {"collection": collection.name, "model": str(model), "name": name})


def load_doubt(folder: Path) -> dict[str, float]:
    """Read the result of `proposals_request`: of each photograph, the IoU that the model expects of its mask.

    Raises:
        InputError: if it is damaged.
    """
    try:
        return {str(id): float(iou) for id, iou in json.loads((folder / "doubt.json").read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        raise InputError("The order of these photographs is damaged; propose masks again.") from None


def fetch_request(folder: str) -> Request:
    """Request to fetch the official data of ISIC 2016 into a folder; it has no other result.

    Raises:
        InputError: if the folder is not valid.
    """
    target = clean_source(folder)
    if target == SAMPLE:
        raise InputError(f"{SAMPLE!r} stands for the built-in photographs; name another folder.")
    return Request("fetch", digest([target], KEY_DIGITS), {"folder": target})
