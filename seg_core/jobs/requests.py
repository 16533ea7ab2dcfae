"""What can be asked for: each request, its key over all that its result depends on, and how its result is read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from seg_core.common.versions import VERSION
from seg_core.config import SplitSpec
from seg_core.data.dataset import Dataset, SplitChoice, open_dataset
from seg_core.data.fingerprint import digest, file_facts
from seg_core.data.folders import SAMPLE, clean_source
from seg_core.data.scan.dataset_scan import SCAN_VERSION, Scan
from seg_core.data.scan.duplicates import AGREEMENT, CORRELATION, Duplicate, Photograph
from seg_core.errors import InputError
from seg_core.evaluation.key import EVALUATION_VERSION, evaluation_key, mask_folder_digest
from seg_core.jobs.job import Request
from seg_core.prediction.checkpoint_file import checkpoint_digest
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore

KEY_DIGITS = 24


def scan_request(dataset: Dataset) -> Request:
    """Asks for a look at every pair of a dataset. Its result is read by `load_scan`.

    Raises:
        InputError: if a file is gone.
    """
    alone = [file for listing in dataset.listings for file in (*listing.without_mask, *listing.without_photo)]
    files = [*(file for pair in dataset.pairs for file in (pair.image, pair.mask)), *alone]
    lines = [f"{SCAN_VERSION} {CORRELATION} {AGREEMENT}", *(f"{file} {file_facts(file)}" for file in files)]
    return Request("scan", digest(lines, KEY_DIGITS), {"sources": list(dataset.sources)})


def load_scan(folder: Path) -> tuple[Scan, list[Duplicate]]:
    """The result of a scan: what was seen, and which photographs stand there more than once.

    Raises:
        InputError: if it is damaged.
    """
    try:
        found = json.loads((folder / "duplicates.json").read_text(encoding="utf-8"))
        duplicates = [
            Duplicate(**{**each, "first": Photograph(**each["first"]), "second": Photograph(**each["second"])}) for each in found
        ]
    except (OSError, ValueError, TypeError, KeyError):
        raise InputError("What was seen of this dataset is damaged; look at it again.") from None
    return Scan.load(folder / "scan.npz"), duplicates


def evaluation_request(model: Path, split: SplitChoice, *, tta: bool = False) -> Request:
    """Asks for the evaluation of a model on a split: of a checkpoint, or of a folder of masks from another program.

    With ``tta`` a checkpoint predicts with test-time augmentation; a folder of masks stays what it is.

    Its result holds ``evaluation.npz`` (`seg_core.evaluation.result.Evaluation`), ``images.json`` (the paths of every
    photograph and its truth, in the same order), the probabilities of each as grey, ``00001.png`` and so on, and of a
    checkpoint ``cost.json`` (`seg_core.prediction.cost.Cost`).

    Raises:
        InputError: if a file is gone, or the split is empty.
    """
    content = mask_folder_digest(model) if model.is_dir() else checkpoint_digest(model)
    # The result names the photographs by their paths, so it is another one where the same data has moved.
    places = (f"{pair.image} {pair.mask}" for pair in split.pairs)
    tta = tta and not model.is_dir()
    key = digest([evaluation_key(content, split.pairs), *(["tta"] if tta else []), *places], KEY_DIGITS)
    arguments = {
        "model": str(model),
        "sources": list(split.dataset.sources),
        "split": split.name,
        "drawing": list(split.spec),
        "tta": tta,
    }
    return Request("evaluate", key, arguments)


def split_of(request: Request) -> SplitChoice:
    """The split that an evaluation was asked for, opened anew.

    Raises:
        InputError: if the dataset is gone.
    """
    given = request.arguments
    return SplitChoice(open_dataset(given["sources"]), given["split"], SplitSpec(*given["drawing"]))


def masks_request(evaluation: Request) -> Request:
    """Asks for the masks that an evaluation scores. Its result holds ``masks.zip``: for each photograph a PNG of its size."""
    return Request("masks", evaluation.key, evaluation.arguments)


def card_request(run: Run, store: RunStore) -> Request:
    """Asks for the published form of a run's best model. Its result holds ``model.zip``: the model in fp16 and its card.

    Raises:
        InputError: if the run's model is gone.
    """
    return Request("card", digest([VERSION, str(EVALUATION_VERSION), _state(run, store)], KEY_DIGITS), {"run": run.id})


def report_request(runs: Sequence[Run], store: RunStore) -> Request:
    """Asks for the report on runs. Its result holds ``report.html``.

    Raises:
        InputError: if a run's model is gone.
    """
    lines = [VERSION, str(EVALUATION_VERSION), *(_state(run, store) for run in runs)]
    return Request("report", digest(lines, KEY_DIGITS), {"runs": [run.id for run in runs]})


def _state(run: Run, store: RunStore) -> str:
    """What a run has come to. A page asks for it whenever it is drawn, so its photographs, maybe 100,000, are not looked at."""
    return f"{run.id} {run.label} {run.epochs_done} {checkpoint_digest(store.folder(run.id) / 'best.safetensors')}"


def fetch_request(folder: str) -> Request:
    """Asks for the official data of ISIC 2016 in a folder; there is no other result.

    Raises:
        InputError: if the folder can be none.
    """
    target = clean_source(folder)
    if target == SAMPLE:
        raise InputError(f"{SAMPLE!r} stands for the built-in photographs; name another folder.")
    return Request("fetch", digest([target], KEY_DIGITS), {"folder": target})
