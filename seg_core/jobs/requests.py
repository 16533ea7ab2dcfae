"""What can be asked for: each request, its key over all that its result depends on, and how its result is read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from seg_core.data.dataset import SAMPLE, Dataset, clean_source, open_dataset
from seg_core.data.duplicates import AGREEMENT, CORRELATION, Duplicate, Photograph
from seg_core.data.folders import Pair
from seg_core.data.survey import SURVEY_VERSION, Survey
from seg_core.errors import InputError
from seg_core.identity import checkpoint_digest, digest, evaluation_key, file_facts, mask_folder_digest
from seg_core.jobs.job import Request

KEY_DIGITS = 24


@dataclass(frozen=True)
class SplitChoice:
    """A part of a dataset: its name, and what draws it where it is split off."""

    dataset: Dataset
    name: str
    seed: int
    val_fraction: float

    @cached_property
    def pairs(self) -> list[Pair]:
        """Its pairs.

        Raises:
            InputError: if there is no such part, or it is empty.
        """
        return self.dataset.part(self.name, self.seed, self.val_fraction)


def survey_request(dataset: Dataset) -> Request:
    """Asks for a look at every pair of a dataset. Its result is read by `load_survey`.

    Raises:
        InputError: if a file is gone.
    """
    alone = [file for listing in dataset.listings for file in (*listing.without_mask, *listing.without_photo)]
    files = [*(file for pair in dataset.pairs for file in (pair.image, pair.mask)), *alone]
    lines = [f"{SURVEY_VERSION} {CORRELATION} {AGREEMENT}", *(f"{file} {file_facts(file)}" for file in files)]
    return Request("survey", digest(lines, KEY_DIGITS), {"sources": list(dataset.sources)})


def load_survey(folder: Path) -> tuple[Survey, list[Duplicate]]:
    """The result of a survey: what was seen, and which photographs stand there more than once.

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
    return Survey.load(folder / "survey.npz"), duplicates


def evaluation_request(model: Path, split: SplitChoice) -> Request:
    """Asks for the evaluation of a model on a split: of a checkpoint, or of a folder of masks from another program.

    Its result holds ``evaluation.npz`` (`seg_core.evaluation.Evaluation`), ``images.json`` (the paths of every photograph and its
    truth, in the same order) and the probabilities of each as grey, ``00001.png`` and so on.

    Raises:
        InputError: if a file is gone, or the split is empty.
    """
    content = mask_folder_digest(model) if model.is_dir() else checkpoint_digest(model)
    # The result names the photographs by their paths, so it is another one where the same data has moved.
    places = (f"{pair.image} {pair.mask}" for pair in split.pairs)
    key = digest([evaluation_key(content, split.pairs), *places], KEY_DIGITS)
    arguments = {
        "model": str(model),
        "sources": list(split.dataset.sources),
        "split": split.name,
        "seed": split.seed,
        "val_fraction": split.val_fraction,
    }
    return Request("evaluate", key, arguments)


def split_of(request: Request) -> SplitChoice:
    """The split that an evaluation was asked for, opened anew.

    Raises:
        InputError: if the dataset is gone.
    """
    given = request.arguments
    return SplitChoice(open_dataset(given["sources"]), given["split"], given["seed"], given["val_fraction"])


def fetch_request(folder: str) -> Request:
    """Asks for the official data of ISIC 2016 in a folder; there is no other result.

    Raises:
        InputError: if the folder can be none.
    """
    target = clean_source(folder)
    if target == SAMPLE:
        raise InputError(f"{SAMPLE!r} stands for the built-in photographs; name another folder.")
    return Request("fetch", digest([target], KEY_DIGITS), {"folder": target})
