"""The command `doubtful`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seg_core.cli.common import JsonOption, output, print_json, progress
from seg_core.common.home import expanded
from seg_core.errors import InputError

if TYPE_CHECKING:
    from seg_core.jobs.doubtful import DoubtfulMask
    from seg_core.runs.run import Run
    from seg_core.runs.store import RunStore

app = typer.Typer()

COLUMNS = ("rank", "id", "expected_iou", "iou", "kind", "reason", "mask")


@app.command()
def doubtful(
    trained: Annotated[str, typer.Argument(help="A cross-validation, such as g3; or a run.", metavar="GROUP|RUN")],
    limit: Annotated[int, typer.Option(help="So many at most.", min=1)] = 20,
    target: Annotated[Path | None, typer.Option("--csv", help="Write all of them to this file.", metavar="FILE")] = None,
    as_json: JsonOption = False,
) -> None:
    """Rank the masks of a dataset that may be wrong, by models that did not train on them, and say why.

    Each model of a cross-validation predicts the photographs of its own fold; a run those that it validated on. Masks that were
    accepted on the page Data, left out, or changed since are not listed.
    """
    from seg_core.common.atomic_file import atomic_file
    from seg_core.common.csv_text import csv_text
    from seg_core.data.dataset import open_dataset
    from seg_core.data.verdicts import read_verdicts
    from seg_core.jobs.doubtful import keep_doubtful
    from seg_core.runs.store import RunStore

    store = RunStore()
    runs = _runs(trained, store)
    with progress("Comparing") as advance:
        ranking = keep_doubtful(runs, store, advance)
    dataset = open_dataset(runs[0].sources)
    found = ranking.open_ones(dataset, read_verdicts(dataset).accepted)
    rows = [_row(rank, mask) for rank, mask in enumerate(found, start=1)]
    if target:
        file = expanded(target)
        try:
            with atomic_file(file) as partial:
                partial.write_text(csv_text([COLUMNS, *(row.values() for row in rows)]), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{file} cannot be written ({error.strerror}); choose another --csv.") from None
    if as_json:
        print_json({"photographs": ranking.photographs, "doubtful": len(rows), "masks": rows[:limit]})
        return
    output.print(f"{len(rows):,} of the {ranking.photographs:,} masks of {dataset.name} may be wrong.")
    for row in rows[:limit]:
        output.print(f"{row['rank']:>4}  {row['id']}  {row['reason']} IoU {row['iou']:.2f}, expected {row['expected_iou']:.2f}.")


def _runs(trained: str, store: RunStore) -> list[Run]:
    from seg_core.runs.address import parse_address
    from seg_core.runs.groups import groups_of

    address = parse_address(trained)
    if not address.is_group:
        return [store.get_run(address.number)]
    for group in groups_of(store.list_runs()):
        if group.id == address.number:
            return list(group.runs)
    raise InputError(f"There is no group {address.number}; train --folds 5 makes one.")


def _row(rank: int, mask: DoubtfulMask) -> dict[str, str | int | float]:
    values = rank, mask.pair.id, round(mask.expected, 4), round(mask.iou, 4), *vars(mask.reason).values(), str(mask.pair.mask)
    return dict(zip(COLUMNS, values, strict=True))
