"""Trains the models of the recipe `best` that ship anew and writes them with their cards into checkpoints/.

    make models DATA=DIR MORE=DIR ORIGINALS=DIR

DATA is ISIC 2016: its test split is for the cards alone, the photographs named in validation.txt validate, and the others train.
MORE are further photographs, all to train on, for `fine-tune-best-plus`; without it that model is left out. ORIGINALS holds the
validation photographs at their original size; with it the cards score them at that size too. A photograph that shows a slide of
the validation or the test split anew is not trained on.

Each training is an ordinary run: it waits its turn and shows in Monitor, and its command stands in its card.
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

VALIDATION = Path(__file__).with_name("validation.txt")


def main() -> None:
    """Train and publish what the command line asks for."""
    parser = argparse.ArgumentParser(description="Train the models that ship anew.")
    parser.add_argument("--data", required=True, help="the dataset folder")
    parser.add_argument("--more", help="a dataset folder to train one further model on as well")
    parser.add_argument("--originals", help="a dataset folder with the validation photographs at their original size")
    parser.add_argument("--output", type=Path, default=SHIPPED_CHECKPOINTS, help="where the models go (default: checkpoints/)")
    options = parser.parse_args()
    folder = home() / "cache" / "models"
    try:
        data = open_dataset(options.data)
        parts = parts_of(data)
        own = link(folder / data.name, without_leaks(folder, parts))
        publish = ["--output", str(options.output), *(["--originals", options.originals] if options.originals else [])]
        for variant in VARIANTS:
            make(own, variant, publish)
        if options.more:
            known = {pair.id for pairs in parts.values() for pair in pairs}
            further = open_dataset(options.more)
            more = [replace(pair, split="train") for pair in further.unique_pairs if pair.id not in known]
            print(f"{len(more)} of the {len(further.unique_pairs)} photographs of {further.name} are further ones.")
            both = parts | {"train": [*parts["train"], *more]}
            wide = link(folder / f"{data.name}-and-{further.name}", without_leaks(folder, both))
            beside = str(options.output / "fine-tune-best.safetensors")
            make(wide, "fine-tune", [*publish, "--suffix", "plus", "--beside", beside])
    except InputError as error:
        raise SystemExit(str(error)) from None
    except subprocess.CalledProcessError as error:  # it has said why
        raise SystemExit(error.returncode) from None


def link(folder: Path, parts: Mapping[str, Sequence[Pair]]) -> Dataset:
    """Make ``folder`` a dataset of links with these parts, in the place of what was there."""
    shutil.rmtree(folder, ignore_errors=True)
    for part, pairs in parts.items():
        for kind in ("images", "masks"):
            (folder / part / kind).mkdir(parents=True)
        for pair in pairs:
            (folder / part / "images" / pair.image.name).symlink_to(pair.image.absolute())
            (folder / part / "masks" / f"{pair.id}{pair.mask.suffix}").symlink_to(pair.mask.absolute())
    return open_dataset(folder)


def parts_of(dataset: Dataset) -> dict[str, list[Pair]]:
    """The parts that the models train, validate and are tested on."""
    named = VALIDATION.read_text(encoding="utf-8").split()
    pairs = {pair.id: pair for pair in dataset.unique_pairs if pair.split != "test"}
    if missing := [id for id in named if id not in pairs]:
        raise InputError(f"{dataset.name} lacks photographs that the models validate with: {some_of(missing)}; name ISIC 2016.")
    return {
        "train": [pair for id, pair in pairs.items() if id not in named],
        "val": [pairs[id] for id in named],
        "test": dataset.test,
    }


def without_leaks(folder: Path, parts: dict[str, list[Pair]]) -> dict[str, list[Pair]]:
    """The parts without those training photographs that show a slide of another part anew."""
    found = near_duplicates(scan_dataset(link(folder / "all", parts)))
    leaks = {each.id for one in found if one.is_leakage for each in (one.first, one.second) if each.split == "train"}
    if leaks:
        print(f"Not trained on, since validation or test photographs show the same slide: {', '.join(sorted(leaks))}.")
    return parts | {"train": [pair for pair in parts["train"] if pair.id not in leaks]}


def make(dataset: Dataset, variant: Variant, publish: list[str]) -> None:
    """Train a model and publish it as it is after its last epoch.

    The epoch that is best on 60 photographs is so by chance, and often from when the learning rate was still high: masks of
    mirror images agree less then, and the validation split would no longer be one that no epoch was chosen on.
    """
    (source,) = dataset.sources
    run = lesionlab("train", "--data", source, "--variant", variant, "--recipe", "best")
    if run["status"] != "finished":
        raise InputError(f"Run {run['run_id']} is {run['status']}; start again, or resume it and publish it by hand.")
    last = str(Path(run["checkpoint"]).with_name("last.safetensors"))
    published = lesionlab("publish", last, "--data", source, *publish)
    scores = {part: of_part["scores"]["iou"] for part, of_part in published["evaluation"].items()}
    print(published["checkpoint"], json.dumps(scores))


def lesionlab(*arguments: str) -> dict[str, Any]:
    """Run a command of ``python -m seg_core`` and give the object that it prints; its own words go to the terminal."""
    done = subprocess.run([sys.executable, "-m", "seg_core", *arguments, "--json"], stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    main()
