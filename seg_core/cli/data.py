"""The commands below `data`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seg_core.cli.common import (
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
    report,
    screen,
)

app = typer.Typer(help="Check datasets, and download the official one.", no_args_is_help=True)


@app.command("check")
def check_data(
    sources: Annotated[list[str], typer.Argument(help="Dataset folders, or 'sample'.", metavar="DIR|sample...")],
    images: ImagesOption = None,
    masks: MasksOption = None,
    lesion: LesionOption = None,
    experts: ExpertsOption = None,
    truth: TruthOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every pair and list all problems with their remedies; exit with status 1 if there is an error.

    Photographs that look the same are listed if one is in the training split and the other in validation or test.
    """
    from seg_core.config import SplitSpec
    from seg_core.data.check import counted, kinds_of
    from seg_core.data.scan.copies import keep_copies
    from seg_core.data.scan.dataset_scan import scan_dataset
    from seg_core.data.scan.duplicates import leakage, near_duplicates

    dataset = open_data(sources, images, masks, lesion, experts, truth)
    with progress("Checking") as advance:
        seen = scan_dataset(dataset, advance)
    with progress("Comparing") as advance:
        duplicates = near_duplicates(seen, on_progress=advance)
    keep_copies(dataset, duplicates)
    problems = seen.problems + leakage(dataset, duplicates)
    notes = [*dataset.notes, *filter(None, [dataset.note_on_groups(SplitSpec(copies="together"))])]
    counts = dataset.counts
    if as_json:
        listed = [{"kind": p.kind, "error": p.is_error, "file": str(p.file), "message": p.message} for p in problems]
        print_json(
            {
                "name": dataset.name,
                "fingerprint": dataset.fingerprint,
                "pairs": counts,
                "notes": notes,
                "problems": listed,
            }
        )
    else:
        output.print(
            f"{dataset.name}: "
            + ", ".join(f"{count} {split}" for split, count in counts.items())
            + f"; {len(problems)} problems"
            + (f" ({kinds_of(problems)})." if problems else ".")
        )
        for note in notes:
            output.print(f"  note     {note}")
        for problem, alike in counted(problems):
            more = f" ({alike:,} files)" if alike > 1 else ""
            output.print(f"  {'error' if problem.is_error else 'warning'}  {problem.message}{more}")
    if any(problem.is_error for problem in problems):
        raise typer.Exit(1)


@app.command("isic2016")
def fetch_official(
    output_folder: Annotated[Path, typer.Option("--output", help="Folder for the data.", metavar="DIR")],
    as_json: JsonOption = False,
) -> None:
    """Download the official data of ISIC 2016: 900 pairs to train, 379 to test. An interrupted download is continued."""
    from seg_core.data.dataset import open_dataset
    from seg_core.data.isic2016.fetch import fetch_isic2016

    try:
        with progress("Fetching", in_bytes=True) as advance:
            folder = fetch_isic2016(output_folder, advance)
    except KeyboardInterrupt:
        screen.print("Stopped. The same command continues the download.")
        raise typer.Exit(130) from None
    dataset = open_dataset(folder)
    counts = dataset.counts
    result = {"folder": str(folder), "name": dataset.name, "fingerprint": dataset.fingerprint, "pairs": counts}
    report(f"{folder} holds {counts['train']} pairs to train and {counts['test']} to test.", result, as_json)
