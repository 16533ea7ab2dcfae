"""The models of a report beside the experts who outlined the photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from seg_core.data.dataset import SplitChoice
from seg_core.evaluation.clusters import Clusters
from seg_core.evaluation.experts import BesideExperts, against_experts, among_experts, beside_experts, by_expert
from seg_core.evaluation.group import Scored
from seg_core.report.scoring import Advance, ScoredModel
from seg_core.runs.groups import Group


def experts(
    models: Sequence[ScoredModel],
    groups: Sequence[Group],
    evaluations: Mapping[str, Scored],
    split: SplitChoice,
    clusters: Clusters | None,
    on_progress: Advance,
) -> BesideExperts | None:
    """Compare the models and groups of a report with the experts; None where no photograph was outlined by two.

    Args:
        models: the models, each predicted once more here.
        groups: those that some of them are of.
        evaluations: beside the truth, by the labels of models and groups.
        split: the photographs.
        clusters: of photographs that are not independent.
        on_progress: called with (done, total, step).
    """
    names, pairs = split.dataset.experts, list({pair.id: pair for model in models for pair in model.split.pairs}.values())
    if all(len(pair.experts) < 2 for pair in pairs):
        return None
    agreements = among_experts(pairs, names, lambda done, total: on_progress(done, total, "Comparing the experts"))
    each = {
        model.run.id: against_experts(
            model.checkpoint, model.split.pairs, names, partial(_advance, on_progress, f"{model.label} beside the experts")
        )
        for model in models
    }
    members = {group.label: [run.id for run in group.runs] for group in groups}
    in_groups = {id for ids in members.values() for id in ids}
    members |= {model.label: [model.run.id] for model in models if model.run.id not in in_groups}
    beside = {label: by_expert([each[id] for id in members[label]]) for label in evaluations}
    return beside_experts(beside, agreements, evaluations, clusters=clusters)


def _advance(on_progress: Advance, step: str, done: int, total: int) -> None:
    on_progress(done, total, step)
