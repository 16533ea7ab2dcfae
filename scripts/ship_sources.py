"""The sources of the models that ship: what trains, validates and tests of each, as folders of links, and its licence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seg_core.common.home import home
from seg_core.data.dataset import Dataset, open_dataset
from seg_core.data.folders import Pair
from seg_core.data.links import link_pairs
from seg_core.data.scan.copies import find_alike
from seg_core.data.source import Source
from seg_core.errors import InputError, some_of

VALIDATION = Path(__file__).with_name("validation.txt")
"""Ids of the photographs of the first source that validate."""
HELD_OUT = 150
"""Lesions of every further source that validate, where it has no validation split of its own."""
LICENCES = {"isic2016": "CC0 1.0", "isic2017": "CC0 1.0", "ham10000": "CC BY-NC 4.0", "padufes20": "CC BY 4.0"}
"""Licences of the photographs, by the letters and digits with which the names of their folders begin."""

Splits = dict[str, list[Pair]]
"""Pairs by ``train``, ``val`` and ``test``."""


@dataclass(frozen=True)
class ShippedSource:
    """A source that trains models, or scores them."""

    name: str
    folder: str
    """As `seg_core.data.dataset.open_dataset` takes it: the folder of links of one that trains."""
    licence: str
    """Of its photographs; empty if it is not known."""


def lay_out(data: str, more: Sequence[str], licences: Mapping[str, str]) -> list[ShippedSource]:
    """Lay out the source ``data``, then those of ``more``, each as a folder of links with its splits.

    No photograph trains that looks like one that validates or tests, whatever their sources. Of ``data`` the photographs that
    `VALIDATION` names validate. Of the others a fixed choice of `HELD_OUT` lesions does: by a hash of an id, with all photographs
    of the lesion (column ``lesion_id`` of a CSV file in the folder) and all copies of these. Test splits stay what they are.

    Raises:
        InputError: if a folder cannot be used, lacks photographs that are named, or its licence is not known.
    """
    datasets = [open_dataset(folder) for folder in (data, *more)]
    names = [dataset.name for dataset in datasets]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"Two folders are called {twice[0]}; rename one of them.")
    sources = [
        (name, splits_of(dataset) if place == 0 else held_out(dataset))
        for place, (name, dataset) in enumerate(zip(names, datasets, strict=True))
    ]
    clean = without_leaks(without_known([splits for _, splits in sources]))
    laid_out = []
    for name, splits in zip(names, clean, strict=True):
        print(f"{name}: {', '.join(f'{len(pairs)} {split}' for split, pairs in splits.items())}")
        laid_out.append(
            ShippedSource(name, link_pairs(home() / "cache" / "models" / name, splits), _known_licence(name, licences))
        )
    return laid_out


def judged(folders: Sequence[str], licences: Mapping[str, str]) -> list[ShippedSource]:
    """Return the sources that models are only scored on."""
    sources = ((Source.parse(folder).name, folder) for folder in folders)
    return [ShippedSource(name, folder, licence_of(name, licences)) for name, folder in sources]


def licence_of(name: str, licences: Mapping[str, str]) -> str:
    """Return the licence of a source's photographs, from ``licences`` by its name or from `LICENCES`; empty if not known."""
    letters = re.sub(r"[^a-z0-9]", "", name.lower())
    return licences.get(name) or next((licence for start, licence in LICENCES.items() if letters.startswith(start)), "")


def _known_licence(name: str, licences: Mapping[str, str]) -> str:
    if licence := licence_of(name, licences):
        return licence
    raise InputError(f"The licence of {name} is not known; state it, as --licence '{name}=LICENCE'.")


def splits_of(dataset: Dataset) -> Splits:
    """Return the splits of the first source: the photographs that `VALIDATION` names validate."""
    named = VALIDATION.read_text(encoding="utf-8").split()
    pairs = {pair.id: pair for pair in dataset.trainable}
    if missing := [id for id in named if id not in pairs]:
        raise InputError(f"{dataset.name} lacks photographs that the models validate with: {some_of(missing)}; name ISIC 2016.")
    train = [pair for id, pair in pairs.items() if id not in named]
    return {"train": train, "val": [pairs[id] for id in named], "test": dataset.test}


def held_out(dataset: Dataset) -> Splits:
    """Return the splits of a further source."""
    val = [pair for pair in dataset.trainable if pair.split == "val"]
    if not val:
        val = [pair for lesion in dataset.lesions()[:HELD_OUT] for pair in lesion]
    validates = set(val)
    return {"train": [pair for pair in dataset.trainable if pair not in validates], "val": val, "test": dataset.test}


def without_known(sources: Sequence[Splits]) -> Iterator[Splits]:
    """Yield the splits of sources without the photographs that an earlier source has under the same name."""
    known: set[str] = set()
    for splits in sources:
        yield {split: [pair for pair in pairs if pair.id not in known] for split, pairs in splits.items()}
        known |= {pair.id for pairs in splits.values() for pair in pairs}


def without_leaks(sources: Iterator[Splits]) -> list[Splits]:
    """Return the splits of sources without the training photographs that look like one that validates or tests."""
    found = list(sources)
    pairs = [(pair, split != "train") for splits in found for split, of_split in splits.items() for pair in of_split]
    leaks = set()
    for two in find_alike([pair for pair, _ in pairs]):
        (one, one_judges), (other, other_judges) = (pairs[place] for place in two)
        if one_judges != other_judges:
            leaks.add(other if one_judges else one)
    if leaks:
        names = ", ".join(sorted(pair.id for pair in leaks))
        print(f"Left out, since validation or test photographs show the same slide: {names}.")
    return [splits | {"train": [pair for pair in splits["train"] if pair not in leaks]} for splits in found]
