"""What `compare` says of models beside several experts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from seg_core.cli.common import output, progress, screen
from seg_core.cli.named_models import Models, evaluations_beside_experts
from seg_core.errors import InputError

if TYPE_CHECKING:
    from seg_core.data.dataset import SplitChoice
    from seg_core.evaluation.clusters import Clusters
    from seg_core.evaluation.columns import Column
    from seg_core.evaluation.experts import Agreements, BesideExperts
    from seg_core.evaluation.group import Scored


def compare_with_experts(
    models: Models,
    evaluations: Mapping[str, Scored],
    split: SplitChoice,
    column: Column,
    margin: float,
    clusters: Clusters | None,
    *,
    tta: bool,
) -> BesideExperts | None:
    """Compare evaluated models with the experts of a split; None where it has none, or no two of them share photographs."""
    from seg_core.evaluation.experts import beside_experts, symmetric

    if not split.dataset.experts:
        return None
    for note in split.dataset.notes:
        screen.print(note)
    try:
        agreements = _agreements(split)
    except InputError as error:
        screen.print(str(error))
        return None
    if (used := symmetric(column)) != column:
        screen.print(f"{column.title} depends on which of two masks is the truth; experts are compared in {used.title}.")
    each = evaluations_beside_experts(models, split, tta=tta)
    return beside_experts(each, agreements, evaluations, column=column, margin=margin, clusters=clusters)


def _agreements(split: SplitChoice) -> Agreements:
    from seg_core.jobs.expert_results import keep_agreements, kept_agreements
    from seg_core.jobs.requests import experts_request

    if found := kept_agreements(split):
        return found
    with progress("Comparing the experts") as advance:
        keep_agreements(experts_request(split), advance)
    found = kept_agreements(split)
    assert found
    return found


def print_experts(beside: BesideExperts) -> None:
    """Print the sentences, and the table of models and experts."""
    from seg_core.evaluation.expert_tables import cells, sentences, titles

    for sentence in sentences(beside):
        output.print(sentence)
    output.print(f"{beside.column.title} of models and experts beside each expert, with 95 % intervals:")
    rows = [
        ("", titles(beside)),
        *((label, [f"{text} ({small})" if small else text for text, small in row]) for label, row in cells(beside)),
    ]
    widths = [max(len(row[place]) for _, row in rows) for place in range(len(rows[0][1]))]
    first = max(len(label) for label, _ in rows)
    for label, row in rows:
        padded = "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True))
        output.print(f"  {label:<{first}}  {padded}".rstrip())
