"""Models side by side, each with its evaluation as far as there is one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path

import streamlit as st

from pages.comparison.models import Model, colour_key, members_of
from pages.shared.markdown import plain
from pages.shared.visit import mask_folder_content
from seg_core.common.colours import colours_of
from seg_core.common.parallel import ordered_map
from seg_core.data.dataset import SplitChoice
from seg_core.data.folders import is_mask_folder
from seg_core.errors import InputError
from seg_core.evaluation.comparison import on_shared_images
from seg_core.evaluation.experts import by_expert
from seg_core.evaluation.group import GroupEvaluation, Scored
from seg_core.evaluation.result import Evaluation
from seg_core.evaluation.trust import learnt_elsewhere
from seg_core.jobs.expert_results import load_beside
from seg_core.jobs.job import Request
from seg_core.jobs.requests import evaluation_request
from seg_core.jobs.results import delete_result, result_folder
from seg_core.prediction.checkpoint_file import read_metadata
from seg_core.prediction.cost import Cost
from seg_core.prediction.metadata import ExpectedIouValues


@dataclass(frozen=True)
class Compared:
    """One model or group of a comparison, with the requests for its evaluation: a group has one for each run."""

    label: str
    colour: str
    requests: tuple[Request, ...]
    evaluation: Scored | None
    cost: Cost | None = None
    missing: tuple[Request, ...] = ()
    """The requests that have no result yet."""
    whole: Scored | None = None
    """The evaluation on all of its images, where ``evaluation`` is on those that all models have."""
    beside: Mapping[str, Scored] = field(default_factory=dict)
    """Those beside each expert alone, by name, where several outlined the dataset."""

    @classmethod
    def of(cls, label: str, colour: str, requests: Sequence[Request]) -> Compared:
        """Return a model or a group with its evaluation, if all of it is kept."""
        kept = [_kept(request) for request in requests]
        if missing := tuple(request for request, found in zip(requests, kept, strict=True) if not found):
            return cls(label, colour, tuple(requests), None, missing=missing)
        evaluations, costs, folders = zip(*filter(None, kept), strict=True)
        evaluation = evaluations[0] if len(kept) == 1 else _group(evaluations)
        return cls(label, colour, tuple(requests), evaluation, costs[0], beside=_beside(folders))

    @cached_property
    def places(self) -> dict[str, tuple[int, int]]:
        """By image id: the index of the request that has a picture of its mask, and the picture's number there, from 1."""
        evaluation = self.whole or self.evaluation
        members = evaluation.members if isinstance(evaluation, GroupEvaluation) else (evaluation,)
        found: dict[str, tuple[int, int]] = {}
        for place, member in enumerate(members):
            for number, id in enumerate(member.ids if member else (), start=1):
                found.setdefault(id, (place, number))
        return found


def compare(models: Mapping[str, Model], split: SplitChoice, *, tta: bool) -> list[Compared]:
    """Return the models, by label, with the evaluations that are kept; a model that cannot be read is named on the page."""
    asked: dict[str, list[Request]] = {}
    colours = colours_of(map(colour_key, models.values()))
    for label, model in models.items():
        try:
            asked[label] = [_request(path, scored_on, tta) for path, scored_on in members_of(model, split)]
        except InputError as error:
            st.error(plain(f"{label}: {error}"))

    def compared(label: str) -> Compared:
        return Compared.of(label, colours[colour_key(models[label])], asked[label])

    with closing(ordered_map(compared, asked)) as found:
        return list(found)


def on_shared_photographs(models: Sequence[Compared]) -> list[Compared]:
    """Return the evaluated models, with their scores on the photographs that all of them have."""
    shared = on_shared_images(evaluations_of(models))
    return [replace(model, evaluation=shared[model.label], whole=model.evaluation) for model in models if model.evaluation]


def evaluations_of(models: Iterable[Compared]) -> dict[str, Scored]:
    """Return the evaluations that are there, by the models' labels."""
    return {model.label: model.evaluation for model in models if model.evaluation}


def checkpoint_of(model: Compared) -> Path | None:
    """Return the checkpoint of a model; None for a group, masks, models of other programs, and test-time augmentation."""
    request, *others = model.requests
    path = Path(request.arguments.get("model", ""))
    return None if others or path.suffix != ".safetensors" or request.arguments["tta"] else path


def expected_iou_of(model: Compared, split: SplitChoice) -> ExpectedIouValues | None:
    """As `seg_core.evaluation.trust.learnt_elsewhere`; None for what is no checkpoint too."""
    path = checkpoint_of(model)
    try:
        return learnt_elsewhere(read_metadata(path), split) if path else None
    except InputError:  # it is gone, and its scores are still there
        return None


def _request(model: Path, split: SplitChoice, tta: bool) -> Request:
    return evaluation_request(model, split, tta=tta, content=mask_folder_content(model) if is_mask_folder(model) else None)


def _kept(request: Request) -> tuple[Evaluation, Cost | None, Path] | None:
    folder = result_folder(request)
    if folder is None:
        return None
    try:
        _beside((folder,))  # damaged, it is evaluated again
        return _evaluation(folder / "evaluation.npz"), _cost(folder / "cost.json"), folder
    except InputError:  # damaged, or of another version: a new request replaces it
        delete_result(request)
        return None


@lru_cache(maxsize=16)
def _group(members: tuple[Evaluation, ...]) -> GroupEvaluation:
    return GroupEvaluation(members)  # the same object each time, so that results cached for it are found


@lru_cache(maxsize=128)  # more than the runs of as many groups as are compared
def _evaluation(file: Path) -> Evaluation:
    return Evaluation.load(file)  # the folder's name holds the key: another model or other data is another file


@lru_cache(maxsize=128)
def _beside(folders: tuple[Path, ...]) -> Mapping[str, Scored]:
    return by_expert([load_beside(folder) for folder in folders])


@lru_cache(maxsize=128)
def _cost(file: Path) -> Cost | None:
    try:
        return Cost(**json.loads(file.read_text(encoding="utf-8"))) if file.exists() else None
    except (ValueError, TypeError):
        raise InputError(f"{file} is damaged; evaluate again.") from None
