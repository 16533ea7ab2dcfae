"""The models that arguments of a command name, and their evaluations on one split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from seg_core.cli.common import progress, screen
from seg_core.cli.models import warn_of_overlap
from seg_core.common.home import expanded, home, run_folders
from seg_core.common.text import named
from seg_core.errors import InputError, some_of

if TYPE_CHECKING:
    from seg_core.config import SplitSpec
    from seg_core.data.dataset import Dataset, SplitChoice
    from seg_core.evaluation.group import Scored
    from seg_core.evaluation.result import Evaluation

Models = Mapping[str, Sequence[Path]]
"""Files of models by label: one, or those of a group's runs."""


def models_by_label(arguments: Sequence[str]) -> dict[str, list[Path]]:
    """Return the models that arguments name as ``[NAME=]MODEL``, by label.

    MODEL is a checkpoint, an ONNX model, a folder or an archive of masks (``?lesion=2`` may follow), the name of a model that
    ships or was added, a run as ``3``, or a group as ``g3``.

    Raises:
        InputError: if there are fewer than two, two have one label, or there is no such model.
    """
    found: dict[str, list[Path]] = {}
    for name, text in map(named, arguments):
        label, files = _find(text)
        if (name or label) in found:
            raise InputError(f"Two models are called {name or label}; name one of them otherwise, as NAME={text}.")
        found[name or label] = files
    if len(found) < 2:
        raise InputError("A single model cannot be compared; name two or more.")
    return found


def _find(text: str) -> tuple[str, list[Path]]:
    from seg_core.data.folders import is_mask_folder
    from seg_core.data.source import Source
    from seg_core.prediction.catalogue import available_checkpoints

    if is_mask_folder(text):  # ?lesion=2 may follow
        source = Source.parse(text)
        return source.name, [Path(str(source))]
    path = expanded(Path(text))
    if path.exists():
        return path.stem, [path]
    for entry in available_checkpoints():
        if entry.path.stem == text and not entry.path.parent.name.isdecimal():  # those of runs are all called alike
            return text, [entry.path]
    return _find_run(text)


def _find_run(text: str) -> tuple[str, list[Path]]:
    from seg_core.runs.address import parse_address
    from seg_core.runs.groups import Group, by_key
    from seg_core.runs.store import RunStore

    try:
        address = parse_address(text)
    except InputError:
        kinds = "a path, the name of a model that ships, a run as 3 or a group as g3"
        raise InputError(f"There is no model {text!r}; give {kinds}.") from None
    trained = by_key([run for run in RunStore().list_runs() if run.best_epoch])
    if address.key not in trained:
        what = "group" if address.is_group else "run"
        raise InputError(f"There is no {what} {address.number} that has a model; 'lesionlab runs list' lists them.")
    chosen, folders = trained[address.key], run_folders(home())
    members = chosen.runs if isinstance(chosen, Group) else [chosen]
    return chosen.label, [folders[run.id] / "best.safetensors" for run in members]


def evaluate_all(models: Models, dataset: Dataset, name: str, *, tta: bool) -> tuple[dict[str, Scored], SplitChoice]:
    """Return the evaluation of every model on a split, by label, and that split; what Compare has kept is not computed again.

    Where the dataset has no validation split of its own, it is drawn as for the first model; each run of a group is scored on
    what its own seed or fold drew.

    Raises:
        InputError: as `seg_core.jobs.evaluating.keep_evaluation`.
    """
    from seg_core.config import SplitSpec
    from seg_core.data.dataset import SplitChoice
    from seg_core.evaluation.group import GroupEvaluation

    first = next(iter(models.values()))[0]
    split = SplitChoice(dataset, name, _split_spec(first) or SplitSpec())
    if _is_drawn(split):
        screen.print(f"Validation is {split.spec.words}.")
    found: dict[str, Scored] = {}
    for label, files in models.items():
        of_files = [_evaluation(label, file, scored_on, tta=tta) for file, scored_on in _members(files, split)]
        found[label] = GroupEvaluation(tuple(of_files)) if len(of_files) > 1 else of_files[0]
    return found, split


def evaluations_beside_experts(models: Models, split: SplitChoice, *, tta: bool) -> dict[str, dict[str, Scored]]:
    """Return the evaluations of every model beside each expert of a split, by label and expert, once `evaluate_all` kept them.

    Raises:
        InputError: if a file is gone or damaged.
    """
    from seg_core.evaluation.experts import by_expert
    from seg_core.jobs.expert_results import kept_beside

    return {
        label: by_expert([kept_beside(file, scored_on, tta=tta) for file, scored_on in _members(files, split)])
        for label, files in models.items()
    }


def _is_drawn(split: SplitChoice) -> bool:
    return split.is_drawn and not split.dataset.counts["val"]


def _members(files: Sequence[Path], split: SplitChoice) -> list[tuple[Path, SplitChoice]]:
    """Return a model's files with the split that each is scored on: of a group, what its own seed or fold drew."""
    own = _is_drawn(split) and len(files) > 1
    return [(file, replace(split, spec=_split_spec(file) or split.spec) if own else split) for file in files]


def _split_spec(model: Path) -> SplitSpec | None:
    """Return how a checkpoint's data were split; None of another model."""
    from seg_core.config import Config
    from seg_core.prediction.checkpoint_file import read_metadata

    if model.suffix != ".safetensors":
        return None
    return Config.model_construct(**read_metadata(model)["config"]).split_spec


def _evaluation(label: str, model: Path, split: SplitChoice, *, tta: bool) -> Evaluation:
    """Return a model's evaluation on a split: the kept one, or a new one, which is kept for Compare too."""
    from seg_core.jobs.evaluating import keep_evaluation
    from seg_core.jobs.kept import kept_evaluation
    from seg_core.jobs.requests import evaluation_request
    from seg_core.prediction.checkpoint_file import read_metadata

    if model.suffix == ".safetensors":
        warn_of_overlap(read_metadata(model), split.dataset, split.name, split.pairs, label)
    found = kept_evaluation(model, split, tta=tta)
    if found is None:
        with progress(f"Evaluating {label}") as advance:
            keep_evaluation(evaluation_request(model, split, tta=tta), advance)
        found = kept_evaluation(model, split, tta=tta)
    assert found
    if found.missing:
        which = f"{len(found.missing):,} of the {len(split.pairs):,} photographs ({some_of(found.missing)})"
        screen.print(f"{label} has no mask for {which}.")
    for note in found.notes:
        screen.print(note)
    return found
