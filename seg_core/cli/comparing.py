"""The command `compare`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from seg_core.cli.common import (
    DataOption,
    ExpertsOption,
    ImagesOption,
    JsonOption,
    LesionOption,
    MasksOption,
    TruthOption,
    open_data,
    output,
    print_json,
    progress,
    screen,
)
from seg_core.cli.comparing_experts import compare_with_experts, print_experts
from seg_core.cli.models import TtaOption
from seg_core.cli.named_models import evaluate_all, models_by_label
from seg_core.errors import InputError
from seg_core.evaluation.columns import ALL_COLUMNS, Column
from seg_core.evaluation.improvement import checked_margin

if TYPE_CHECKING:
    from seg_core.data.dataset import SplitChoice
    from seg_core.evaluation.bootstrap import Interval
    from seg_core.evaluation.clusters import Clusters
    from seg_core.evaluation.comparison import Row
    from seg_core.evaluation.experts import BesideExperts
    from seg_core.evaluation.group import Scored
    from seg_core.evaluation.leaderboard import Leaderboard
    from seg_core.evaluation.pairing import Pairing
    from seg_core.evaluation.sheets import Sheet

app = typer.Typer()

SCORES = {column.name: column for column in ALL_COLUMNS}

STATUS = {"better or as good": 0, "worse": 1, "not settled": 3}
"""Exit status by how the first model stands beside the others."""


@app.command()
def compare(
    models: Annotated[
        list[str],
        typer.Argument(
            help="Two or more: a checkpoint, an .onnx model, a folder or zip of masks, a model that ships by its name, a run as "
            "3 or a group as g3. NAME= before it names it otherwise.",
            metavar="[NAME=]MODEL...",
        ),
    ],
    data: DataOption,
    split: Annotated[
        str | None, typer.Option(help="train, val, test or all, the whole dataset; by default test if there is one, else val.")
    ] = None,
    metric: Annotated[str, typer.Option(help=f"What decides: {', '.join(SCORES)}.")] = "iou",
    margin: Annotated[
        float | None, typer.Option(help="Difference in the metric that counts as none: 0.01, or 1 of a distance in pixels.")
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(
            help="Column of a CSV file whose values count as one each, as they are patients or lesions: FILE.csv:COLUMN, or "
            "photographs for none; by default a column of that name beside the dataset."
        ),
    ] = None,
    images: ImagesOption = None,
    masks: MasksOption = None,
    lesion: LesionOption = None,
    experts: ExpertsOption = None,
    truth: TruthOption = None,
    tta: TtaOption = False,
    subgroups: Annotated[
        bool,
        typer.Option(
            "--subgroups",
            help="Say for whom the models fail too: by lesion size, contrast, hair, position, device, skin tone, and the columns "
            "of CSV files beside the dataset.",
        ),
    ] = False,
    as_json: JsonOption = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables in Markdown.")] = False,
    as_latex: Annotated[bool, typer.Option("--latex", help="Print the tables in LaTeX; they need booktabs.")] = False,
) -> None:
    """Say which of several models is better on the same photographs, and which are as good as each other.

    Exit status: 0 if the first model is better than each of the others, or no worse by the margin; 1 if it is worse than one; 3
    if that is not settled. So it checks a new model against those before it.
    """
    if as_json + as_markdown + as_latex > 1:
        raise InputError("The result has one form; choose one of --json, --markdown and --latex.")
    from seg_core.evaluation.clusters import choose_clusters

    column, named = _column(metric), models_by_label(models)
    margin = column.margin if margin is None else checked_margin(margin, column)
    dataset = open_data(data, images, masks, lesion, experts, truth)
    clusters = choose_clusters(groups, dataset.sources, dataset.unique_pairs)
    evaluations, chosen = evaluate_all(named, dataset, split or ("test" if dataset.test else "val"), tta=tta)
    where = f"{len(chosen.pairs):,} photographs of {dataset.name} ({chosen.name})"
    result = _judge(evaluations, column, margin, clusters, where)
    if subgroups:
        result = result._replace(failures=_failures(evaluations, chosen, clusters))
    result = result._replace(experts=compare_with_experts(named, evaluations, chosen, column, margin, clusters, tta=tta))
    if as_json:
        print_json(_to_json(result, column, margin))
    elif as_markdown or as_latex:
        print(_tables(result, latex=as_latex), end="")
    else:
        _print(result)
    if STATUS[result.status]:
        raise typer.Exit(STATUS[result.status])


class _Result(NamedTuple):
    sentences: list[str]
    status: str
    """How the first model stands beside the others."""
    rows: list[Row]
    board: Leaderboard | None
    pairs: list[Pairing]
    where: str
    """On which photographs."""
    together: str | None
    """The column whose values count as one each; None where each photograph counts."""
    failures: _Failures | None = None
    experts: BesideExperts | None = None
    """The models beside the experts of the dataset, where it has some."""


class _Failures(NamedTuple):
    """For whom the models fail."""

    sentences: list[str]
    """The groups that are served worst, by property."""
    sheet: Sheet
    """All groups."""


def _judge(evaluations: Mapping[str, Scored], column: Column, margin: float, clusters: Clusters | None, where: str) -> _Result:
    from seg_core.evaluation.comparison import on_shared_images, score_rows, scored_on
    from seg_core.evaluation.leaderboard import answers, leaderboard
    from seg_core.evaluation.pairing import pairings, standing

    pairs = pairings(evaluations, column=column, margin=margin, clusters=clusters)
    if not pairs:
        raise InputError("No two of these models have scores of the same photograph, so they cannot be compared.")
    if note := scored_on(evaluations):
        screen.print(note)
    shared = on_shared_images(evaluations)
    notes = {clusters.note(evaluation.ids) for evaluation in shared.values()} if clusters else set()
    for note in sorted(filter(None, notes)):
        screen.print(note)
    board = leaderboard(evaluations, column=column, margin=margin, clusters=clusters)
    status = standing(pairs, next(iter(evaluations)))
    rows = score_rows(evaluations, {}, clusters=clusters)
    return _Result(answers(pairs, board), status, rows, board, pairs, where, clusters.groups if clusters else None)


def _failures(evaluations: Mapping[str, Scored], split: SplitChoice, clusters: Clusters | None) -> _Failures:
    from seg_core.evaluation.comparison import on_shared_images
    from seg_core.evaluation.properties import properties
    from seg_core.evaluation.sheets import groups_sheet
    from seg_core.evaluation.subgroups import compare_parts, served_worse

    shared = on_shared_images(evaluations)
    with progress("Measuring the photographs") as advance:
        partitions = properties(shared, split.dataset, split.pairs, advance)
    found = [served_worse(compare_parts(shared, partition, clusters=clusters)) for partition in partitions]
    sentences = [sentence for of_property in found for sentence in of_property]
    return _Failures(sentences or ["No group is shown to be served worse."], groups_sheet(shared, partitions, clusters=clusters))


def _column(metric: str) -> Column:
    wanted = metric.strip().casefold()
    for column in SCORES.values():
        if wanted in (column.name, column.title.casefold()):
            return column
    raise InputError(f"There is no metric {metric!r}; choose one of {', '.join(SCORES)}.")


def _print(result: _Result) -> None:
    for sentence in (*result.sentences, *(result.failures.sentences if result.failures else [])):
        output.print(sentence)
    if result.board:
        _print_board(result.board, result.where)
    if result.experts:
        print_experts(result.experts)


def _print_board(board: Leaderboard, where: str) -> None:
    output.print(f"{board.column.title} on {where}, with 95 % intervals, and the places by mean in 95 % of resamples:")
    width = max(len(place.label) for place in board.places)
    for place in board.places:
        mean, low, high = place.score
        score = f"{mean:.4f} ({low:.4f} to {high:.4f})"
        output.print(f"  {place.rank:>2}  {place.label:<{width}}  {score}  {place.places:<6}  {place.finding}".rstrip())


def _tables(result: _Result, *, latex: bool) -> str:
    """Return the sentences and all tables in Markdown or LaTeX."""
    from seg_core.evaluation.expert_tables import experts_sheet
    from seg_core.evaluation.sheets import leaderboard_sheet, pairing_sheet
    from seg_core.evaluation.tables import to_latex, to_markdown

    sheets = [*([leaderboard_sheet(result.board)] if result.board else []), pairing_sheet(result.pairs)]
    said = result.sentences
    if result.failures:
        sheets, said = [*sheets, result.failures.sheet], [*said, *result.failures.sentences]
    if result.experts:
        sheets = [*sheets, experts_sheet(result.experts)]
    if latex:
        sentences = [f"% {sentence}" for sentence in said]
        return "\n".join([*sentences, to_latex(result.rows, result.where), *(sheet.latex() for sheet in sheets)])
    sentences = [f"{sentence}\n" for sentence in said]
    return "\n".join([*sentences, to_markdown(result.rows, result.where), *(sheet.markdown() for sheet in sheets)])


def _to_json(result: _Result, column: Column, margin: float) -> dict[str, Any]:
    from seg_core.evaluation.expert_tables import to_json

    facts = {"verdict": result.sentences, "first": result.status, "metric": column.name, "margin": margin}
    models, pairs = _models(result.rows, result.board), [_pair(pairing) for pairing in result.pairs]
    found = facts | {"scored_on": result.where, "together": result.together, "models": models, "pairs": pairs}
    if result.failures:
        found |= {"served_worst": result.failures.sentences, "subgroups": result.failures.sheet.records()}
    if result.experts:
        found |= {"experts": to_json(result.experts)}
    return found


def _models(rows: Sequence[Row], board: Leaderboard | None) -> list[dict[str, Any]]:
    """Return the models for JSON, in the order of the leaderboard if there is one."""
    places = {place.label: place for place in board.places} if board else {}
    models = []
    for row in sorted(rows, key=lambda row: list(places).index(row.label) if places else 0):
        model: dict[str, Any] = {"model": row.label, "n": row.images}
        if place := places.get(row.label):
            model |= {"rank": place.rank, "places": [place.best, place.worst], "first": place.shares[0], "finding": place.finding}
        models.append(model | {name: _bounds(interval) for name, interval in row.scores.items()})
    return models


def _pair(pairing: Pairing) -> dict[str, Any]:
    difference = pairing.difference
    counts = {"wins": difference.wins, "ties": difference.ties, "losses": difference.losses, "effect": difference.effect}
    found = {"finding": pairing.finding, "n": pairing.images, "difference": _bounds(difference.interval), "p": pairing.p}
    return {"better": pairing.first, "other": pairing.second, **found, **counts}


def _bounds(interval: Interval) -> dict[str, float | None]:
    """Return a mean with its bounds for JSON, which has no NaN."""
    return {name: None if value != value else float(value) for name, value in interval._asdict().items()}
