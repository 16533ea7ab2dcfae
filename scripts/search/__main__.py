"""Search for the recipe `best`: cross-validate candidates on the same five folds, score them on other sources, and compare.

    python -m scripts.search run --data DIR --common "image_size=128 epochs=12" "baseline" "unet: decoder=unet" …
    python -m scripts.search table --transfer DIR --transfer DIR=lesions.csv:lesion_id --against "baseline"
    python -m scripts.search masks "unet"

A candidate has a name, and settings that differ from the recipe. `run` trains each as a group of runs in the queue, which Monitor
shows; a run that exists already is not trained again. `table` scores the candidates on their folds and on every folder of
`--transfer`, and says what each gains in the mean over these, with its interval: take one only where that lies above zero, and of
two that do not differ the simpler. With ``=FILE.csv:COLUMN`` one photograph is scored of each value of the column. `masks` prints
the scores of one candidate's masks with test-time augmentation, other thresholds, or post-processing (largest region, holes
filled). All print Markdown. docs/recipe.md has the protocol and the results.
"""

from __future__ import annotations

import argparse

from scripts.search.candidates import FOLDS, differences, enqueue, finished, train_queue
from scripts.search.post_processing import masks_table
from scripts.search.table import table
from scripts.search.transfer import Source
from seg_core.errors import InputError
from seg_core.runs.store import RunStore


def main() -> None:
    """Run a command."""
    parser = argparse.ArgumentParser(prog="python -m scripts.search", description="Search for the recipe `best`.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="train candidates on the folds")
    run.add_argument("--data", required=True, help="the dataset; its test split is not used")
    run.add_argument("--only", type=int, default=FOLDS, help=f"train on this many of the {FOLDS} folds")
    run.add_argument("--common", default="", help="settings of all candidates, such as epochs=12")
    run.add_argument("--seeds", default="0", help="seeds, joined by commas")
    run.add_argument("candidates", nargs="+", metavar="NAME[: SETTINGS]")
    scores = commands.add_parser("table", help="print the scores of all candidates")
    scores.add_argument(
        "--transfer", action="append", default=[], metavar="DIR[=FILE.csv:COLUMN]", help="another source to score on; repeatable"
    )
    scores.add_argument("--against", default="", metavar="NAME", help="the candidate to compare with (default: the oldest)")
    masks = commands.add_parser("masks", help="print the scores of a candidate's masks, post-processed in several ways")
    masks.add_argument("name")
    options = parser.parse_args()
    try:
        _run(options, RunStore())
    except InputError as error:
        raise SystemExit(str(error)) from None


def _run(options: argparse.Namespace, store: RunStore) -> None:
    if options.command == "run":
        for candidate in options.candidates:
            for seed in options.seeds.split(","):
                enqueue(candidate, f"{options.common} seed={seed}", options.data, options.only, store)
        train_queue(store)
    elif options.command == "table":
        print(table(store, [Source.of(text) for text in options.transfer], options.against))
    else:
        runs = [run for run in finished(store) if run.name == options.name]
        if len({differences(run) for run in runs}) != 1:
            raise InputError(
                f"No single candidate is called {options.name!r}; name one of `table` whose runs share their settings."
            )
        print(masks_table(runs, store))


if __name__ == "__main__":
    main()
