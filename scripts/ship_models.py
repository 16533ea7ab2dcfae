"""Train the shipped models of the recipe `best` again, and write them with their cards into checkpoints/.

    make models DATA=DIR MORE=DIR ORIGINALS=DIR
    python -m scripts.ship_models --cards

DATA is ISIC 2016: its test split serves the cards only, the photographs named in validation.txt validate, and the others train.
MORE holds further photographs, all to train on, for `fine-tune-best-plus`; without it that model is left out. ORIGINALS holds the
validation photographs at their original size; with it the cards score them at that size too. A training photograph that is a
near-duplicate of a validation or test photograph is left out.

Each training is an ordinary run: it waits in the queue and shows in Monitor, and its command stands in its card.

With ``--cards`` nothing is trained: every card is written again from the metadata of its checkpoint.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seg_core.common.home import SHIPPED_CHECKPOINTS, home
from seg_core.config import VARIANTS, Variant
from seg_core.data.dataset import Dataset, open_dataset
from seg_core.data.folders import Pair
from seg_core.data.scan.dataset_scan import scan_dataset
from seg_core.data.scan.duplicates import near_duplicates
from seg_core.errors import InputError, some_of
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.report.publishing import write_card

VALIDATION = Path(__file__).with_name("validation.txt")


def main() -> None:
    """Train and publish the models, or write their cards again."""
    parser = argparse.ArgumentParser(description="Train the shipped models again, or write their cards again.")
    parser.add_argument("--data", help="the dataset folder")
    parser.add_argument("--more", help="a dataset folder with further photographs, for one more model")
    parser.add_argument("--originals", help="a dataset folder with the validation photographs at their original size")
    parser.add_argument("--output", type=Path, default=SHIPPED_CHECKPOINTS, help="where the models go (default: checkpoints/)")
    parser.add_argument("--cards", action="store_true", help="train nothing: write the cards in the output folder again")
    options = parser.parse_args()
    if not options.cards and not options.data:
        parser.error("name the dataset folder with --data, or give --cards")
    try:
        if options.cards:
            write_cards(options.output)
        else:
            train_models(options.data, options.more, options.originals, options.output)
    except InputError as error:
        raise SystemExit(str(error)) from None
    except subprocess.CalledProcessError as error:  # the command has printed the reason
        raise SystemExit(error.returncode) from None


def write_cards(folder: Path) -> None:
    """Write the card of every checkpoint in a folder again, from its metadata."""
    for file in sorted(folder.glob("*.safetensors")):
        model = load_checkpoint(file)
        write_card(file, model.config, model.metadata, file.stem.removeprefix(f"{model.config.variant}-"))
        print(file.with_suffix(".md"))


def train_models(data: str, more: str | None, originals: str | None, output: Path) -> None:
    """Train the three variants on a dataset and, with ``more`` photographs, one more model; publish them into ``output``."""
    folder = home() / "cache" / "models"
    dataset = open_dataset(data)
    splits = splits_of(dataset)
    linked = link(folder / dataset.name, without_leaks(folder, splits))
    publish = ["--output", str(output), *(["--originals", originals] if originals else [])]
    for variant in VARIANTS:
        make(linked, variant, publish)
    if more:
        known = {pair.id for pairs in splits.values() for pair in pairs}
        further = open_dataset(more)
        added = [replace(pair, split="train") for pair in further.unique_pairs if pair.id not in known]
        print(f"{len(added)} of the {len(further.unique_pairs)} photographs of {further.name} are further ones.")
        both = splits | {"train": [*splits["train"], *added]}
        wide = link(folder / f"{dataset.name}-and-{further.name}", without_leaks(folder, both))
        beside = str(output / "fine-tune-best.safetensors")
        make(wide, "fine-tune", [*publish, "--suffix", "plus", "--beside", beside])


def link(folder: Path, splits: Mapping[str, Sequence[Pair]]) -> Dataset:
    """Replace ``folder`` by a dataset of links with these splits."""
    shutil.rmtree(folder, ignore_errors=True)
    for split, pairs in splits.items():
        for kind in ("images", "masks"):
            (folder / split / kind).mkdir(parents=True)
        for pair in pairs:
            (folder / split / "images" / pair.image.name).symlink_to(pair.image.absolute())
            (folder / split / "masks" / f"{pair.id}{pair.mask.suffix}").symlink_to(pair.mask.absolute())
    return open_dataset(folder)


def splits_of(dataset: Dataset) -> dict[str, list[Pair]]:
    """Return the pairs that the models train on, validate on and are tested on."""
    named = VALIDATION.read_text(encoding="utf-8").split()
    pairs = {pair.id: pair for pair in dataset.unique_pairs if pair.split != "test"}
    if missing := [id for id in named if id not in pairs]:
        raise InputError(f"{dataset.name} lacks photographs that the models validate with: {some_of(missing)}; name ISIC 2016.")
    return {
        "train": [pair for id, pair in pairs.items() if id not in named],
        "val": [pairs[id] for id in named],
        "test": dataset.test,
    }


def without_leaks(folder: Path, splits: dict[str, list[Pair]]) -> dict[str, list[Pair]]:
    """Return the splits without the training photographs that are near-duplicates of others."""
    found = near_duplicates(scan_dataset(link(folder / "all", splits)))
    leaks = {each.id for one in found if one.is_leakage for each in (one.first, one.second) if each.split == "train"}
    if leaks:
        print(f"Left out, since validation or test photographs show the same slide: {', '.join(sorted(leaks))}.")
    return splits | {"train": [pair for pair in splits["train"] if pair.id not in leaks]}


def make(dataset: Dataset, variant: Variant, publish: list[str]) -> None:
    """Train a model and publish its last epoch.

    Which epoch is best on 60 photographs is chance, and often it is one with a high learning rate, in which masks of mirror
    images agree less. Choosing it would also bias the scores on the validation split.
    """
    (source,) = dataset.sources
    run = lesionlab("train", "--data", source, "--variant", variant, "--recipe", "best")
    if run["status"] != "finished":
        raise InputError(f"Run {run['run_id']} is {run['status']}; start again, or resume it and publish it by hand.")
    last = str(Path(run["checkpoint"]).with_name("last.safetensors"))
    published = lesionlab("publish", last, "--data", source, *publish)
    scores = {split: of_split["scores"]["iou"] for split, of_split in published["evaluation"].items()}
    print(published["checkpoint"], json.dumps(scores))


def lesionlab(*arguments: str) -> dict[str, Any]:
    """Run a command of ``python -m seg_core`` and return the object that it prints; its messages go to the terminal."""
    done = subprocess.run([sys.executable, "-m", "seg_core", *arguments, "--json"], stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    main()
