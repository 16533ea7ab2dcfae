"""The content of the HTML report: everything is looked up or computed here, and only laid out by the template."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass

from seg_core.common.colours import colours_of
from seg_core.evaluation.charts import Chart, comparison, curves
from seg_core.evaluation.clusters import known_clusters
from seg_core.evaluation.columns import COLUMNS, Column
from seg_core.evaluation.comparison import Row, on_shared_images, score_rows, scored_on
from seg_core.evaluation.experts import BesideExperts
from seg_core.evaluation.leaderboard import Leaderboard, answers, leaderboard
from seg_core.evaluation.pairing import Pairing, pairings
from seg_core.evaluation.rank_charts import rank_charts
from seg_core.evaluation.trust import Held, bound_held, learnt_elsewhere
from seg_core.report.conclusion import conclusion
from seg_core.report.experts import experts
from seg_core.report.run_facts import RunFacts, run_facts
from seg_core.report.samples import Sample, samples
from seg_core.report.scoring import Advance, FindEvaluation, ScoredModel, common_split, merge_groups, score_models
from seg_core.report.student_report import STUDENT_REPORT, StudentReport
from seg_core.report.subgroups import Property, subgroups
from seg_core.runs.groups import Group, groups_of
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore

SPLIT_TITLES = {"train": "training", "val": "validation", "test": "test"}
MOST_PAIRED = 2
"""Models whose difference says everything; more of them are ranked."""
MOST_NAMED = 2
"""Runs that the title names; of more it gives the number."""


@dataclass(frozen=True)
class Content:
    """The content of a whole report."""

    title: str
    created: str
    machine: str
    dataset: str
    split: str
    images: int
    """Images that all compared models have, or that any has where they share none."""
    scored_on: list[str]
    """Sentences on the images that all have, and on those that count together."""
    conclusion: list[str]
    warnings: list[str]
    runs: list[RunFacts]
    rows: list[Row]
    columns: tuple[Column, ...]
    pairings: list[Pairing]
    board: Leaderboard | None
    """Ranks, of three models or more."""
    experts: BesideExperts | None
    """Of photographs that several experts outlined."""
    subgroups: list[Property]
    """The properties by which models may fail for some photographs."""
    subgroup_models: list[str]
    """The models that these are of."""
    curves: list[Chart]
    comparison: list[Chart]
    trust: list[str]
    """Sentences on how often the IoU reached the bound of what models expect."""
    samples: list[Sample]
    colours: dict[str, str]
    """Colours of the runs, by label."""
    sample_colours: dict[str, str]
    """Labels and colours of the models whose masks the samples show: those scored on the common split."""
    student_report: StudentReport
    """Figures of the student report if a run follows its recipe; else empty."""


def gather(runs: Sequence[Run], store: RunStore, on_progress: Advance, find_evaluation: FindEvaluation) -> Content:
    """Gather the content of the report on ``runs``; see `seg_core.report.html_report.write_report`."""
    split, groups = common_split(runs), groups_of(runs)
    models = score_models(runs, groups, split, store, find_evaluation, on_progress)
    facts = [run_facts(model.run, store, model.checkpoint) for model in models]
    merged = merge_groups(models, groups)  # the runs of one group are not set against each other
    compared, costs = on_shared_images(merged), {run.label: run.cost for run in facts}
    in_groups = [model for model in models if model.label not in merged]  # in a cross-validation each has its own photographs
    clusters = known_clusters(split.dataset.sources, split.dataset.unique_pairs)
    each = [row for model in in_groups for row in score_rows({model.label: model.evaluation}, costs, clusters=clusters)]
    rows = [*each, *score_rows(compared, costs, clusters=clusters)]
    differences = pairings(compared, clusters=clusters)
    board = leaderboard(compared, clusters=clusters) if len(compared) > MOST_PAIRED else None
    pairs = list({pair.id: pair for model in models for pair in model.split.pairs}.values())
    together = dict.fromkeys(clusters.note(evaluation.ids) for evaluation in compared.values()) if clusters else {}
    beside = experts(models, groups, compared, split, clusters, on_progress)
    colours = _colours(runs, groups)
    drawn = [model for model in models if model.split == split]
    return Content(
        title=_title(runs),
        created=time.strftime("%Y-%m-%d %H:%M"),
        machine=f"{platform.platform()}, Python {platform.python_version()}",
        dataset=split.dataset.name,
        split=SPLIT_TITLES[split.name],
        images=len({id for evaluation in compared.values() for id in evaluation.ids}),
        conclusion=conclusion(
            [row for row in rows if row.label in compared], answers(differences, board), facts, SPLIT_TITLES[split.name]
        ),
        scored_on=[note for note in (scored_on(merged), *together) if note],
        warnings=[warning for model in models for warning in model.warnings],
        runs=facts,
        rows=rows,
        columns=COLUMNS,
        pairings=differences,
        board=board,
        experts=beside,
        subgroups=subgroups(
            compared, split.dataset, pairs, clusters, lambda done, total: on_progress(done, total, "Measuring the photographs")
        ),
        subgroup_models=list(compared),
        curves=curves({run.label: run.epochs for run in facts}, colours),
        comparison=[
            *(rank_charts(board) if board else []),
            *comparison(compared, colours, ceiling=beside.ceiling.mean if beside else None),
        ],
        trust=[f"{model.label}: {held.sentence}." for model in drawn if (held := _held(model))],
        samples=samples(drawn, colours, split.pairs),
        colours={run.label: colours[run.label] for run in facts},
        sample_colours={model.label: colours[model.label] for model in drawn},
        student_report=STUDENT_REPORT if any(run.config.recipe == "report" for run in runs) else {},
    )


def _held(model: ScoredModel) -> Held | None:
    """Return how often the bound held; None where it was learnt on these photographs."""
    return bound_held(model.evaluation, learnt_elsewhere(model.checkpoint.metadata, model.split))


def _title(runs: Sequence[Run]) -> str:
    return " and ".join(run.label for run in runs) if len(runs) <= MOST_NAMED else f"{len(runs)} runs"


def _colours(runs: Sequence[Run], groups: Sequence[Group]) -> dict[str, str]:
    """Return the colours of runs and groups by label."""
    labels = {run.key: run.label for run in runs} | {group.key: group.label for group in groups}
    return {labels[key]: colour for key, colour in colours_of(labels).items()}
