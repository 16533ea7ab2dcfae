"""The models of a report, scored on one split or, in a cross-validation, each on its own fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seg_core.data.dataset import SplitChoice, open_dataset
from seg_core.errors import InputError
from seg_core.evaluation.evaluate import evaluate
from seg_core.evaluation.group import GroupEvaluation, Scored
from seg_core.evaluation.overlap import overlap
from seg_core.evaluation.result import Evaluation
from seg_core.prediction.checkpoint import Checkpoint, load_checkpoint
from seg_core.runs.groups import Group
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore

Advance = Callable[[int, int, str], None]
"""Called with (done, total, step)."""
FindEvaluation = Callable[[Path, SplitChoice], Evaluation | None]
"""Look-up of kept evaluations: from a checkpoint's path and a split to its evaluation; None where none is kept."""


def find_nothing(model: Path, split: SplitChoice) -> None:
    """Find no kept evaluation, so that every model is evaluated."""


@dataclass(frozen=True, eq=False)
class ScoredModel:
    """The best model of a run with its evaluation."""

    run: Run
    checkpoint: Checkpoint
    split: SplitChoice
    evaluation: Evaluation

    @property
    def label(self) -> str:
        """The run's label."""
        return self.run.label

    @property
    def warnings(self) -> list[str]:
        """Sentences on photographs that score the model and may have trained it."""
        seen = overlap(self.checkpoint.metadata["dataset"], self.split.dataset.fingerprint, self.split.pairs)
        if seen is None:
            return [f"{self.label} does not record its training photographs, which may include some of these."]
        return [f"{self.label} {sentence}." for sentence in seen.sentences]


def common_split(runs: Sequence[Run]) -> SplitChoice:
    """Return the test split of the first run's dataset or, where it has none, the validation split.

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


def score_models(
    runs: Sequence[Run],
    groups: Sequence[Group],
    split: SplitChoice,
    store: RunStore,
    find_evaluation: FindEvaluation,
    on_progress: Advance,
) -> list[ScoredModel]:
    """Score the best model of every run, with its kept evaluation where there is one.

    Raises:
        InputError: if a model or a photograph cannot be read.
    """
    checkpoints = [load_checkpoint(store.folder(run.id) / "best.safetensors", run.label) for run in runs]
    in_groups = {run.id for group in groups for run in group.runs}
    models = []
    for run, checkpoint in zip(runs, checkpoints, strict=True):
        on_own_fold = split.name == "val" and run.id in in_groups  # the others of its group trained on these photographs
        scored_on = replace(split, spec=run.config.split_spec) if on_own_fold else split
        evaluation = find_evaluation(checkpoint.path, scored_on) or _evaluate(run.label, checkpoint, scored_on, on_progress)
        models.append(ScoredModel(run, checkpoint, scored_on, evaluation))
    return models


def _evaluate(label: str, checkpoint: Checkpoint, split: SplitChoice, on_progress: Advance) -> Evaluation:
    return evaluate(checkpoint, split.pairs, lambda done, total: on_progress(done, total, f"Evaluating {label}"))


def merge_groups(models: Sequence[ScoredModel], groups: Sequence[Group]) -> dict[str, Scored]:
    """Return evaluations by label, with those of a group's runs merged into one."""
    evaluations = {model.run.id: model.evaluation for model in models}
    in_groups = {run.id for group in groups for run in group.runs}
    merged: dict[str, Scored] = {model.label: model.evaluation for model in models if model.run.id not in in_groups}
    return merged | {group.label: GroupEvaluation(tuple(evaluations[run.id] for run in group.runs)) for group in groups}
