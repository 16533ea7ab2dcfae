"""What CSV files beside a dataset say of its photographs: each column with few values divides them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from seg_core.common.text import finite_number
from seg_core.data.accepted import ACCEPTED
from seg_core.data.excluded import EXCLUDED
from seg_core.data.folders import Pair
from seg_core.data.partition import Part, Partition, divided
from seg_core.data.photo_csv import UNKNOWN, PhotoCsv, read_photo_csv, source_folders
from seg_core.errors import InputError

MOST_VALUES = 12
"""A column with more texts than these is left out: most groups would be too small."""
MOST_NUMBERS = 6
"""Up to so many different numbers are values, such as skin types; more are divided into thirds."""
AGES = (20, 40, 60, 80)

TITLES = {
    "age_approx": "Age",
    "anatom_site": "Site",
    "anatom_site_general": "Site",
    "anatom_site_general_challenge": "Site",
    "anatom_site_special": "Special site",
    "benign_malignant": "Benign or malignant",
    "clin_size_long_diam_mm": "Diameter (mm)",
    "concomitant_biopsy": "Biopsy",
    "dermoscopic_type": "Kind of dermoscopy",
    "diagnosis_1": "Diagnosis, level 1",
    "diagnosis_2": "Diagnosis, level 2",
    "diagnosis_3": "Diagnosis, level 3",
    "diagnosis_confirm_type": "Diagnosis confirmed by",
    "diagnostic": "Diagnosis",
    "dx": "Diagnosis",
    "dx_type": "Diagnosis confirmed by",
    "family_hx_mm": "Melanoma in the family",
    "fitspatrick": "Skin type (Fitzpatrick)",
    "fitzpatrick": "Skin type (Fitzpatrick)",
    "fitzpatrick_skin_type": "Skin type (Fitzpatrick)",
    "gender": "Sex",
    "image_type": "Kind of photograph",
    "localization": "Site",
    "mel_thick_mm": "Thickness (mm)",
    "personal_hx_mm": "Melanoma before",
    "region": "Site",
}
"""Readable titles of columns of ISIC's metadata, and of HAM10000's and PAD-UFES-20's."""

_IDENTIFIERS = {"id", "ids", "uuid", "md5", "sha256", "url", "path", "file", "filename"}
_LONGEST_VALUE = 60


def columns_of(sources: Sequence[str], pairs: Sequence[Pair]) -> tuple[list[Partition], list[str]]:
    """Return the partition that each column of the CSV files in a dataset's folders makes, and why files cannot be read.

    Left out are columns of identifiers, with one value only, and with more than `MOST_VALUES` texts. Ages are divided every 20
    years, other numbers into thirds. Files that name none of the photographs say nothing of them.

    Args:
        sources: the dataset's.
        pairs: its photographs.
    """
    found: dict[str, Partition] = {}
    problems = []
    for file in (file for folder in source_folders(sources) for file in sorted(folder.glob("*.csv"))):
        if file.name in (ACCEPTED, EXCLUDED):
            continue
        try:
            table = read_photo_csv(file)
        except InputError as error:
            problems.append(str(error))
            continue
        for partition in _of_table(table, pairs):
            found.setdefault(partition.title, partition)
    return list(found.values()), problems


def title_of(column: str) -> str:
    """Return a readable title of a column: ``anatom_site_general`` is Site, ``skin_type`` Skin type."""
    words = " ".join(column.replace("_", " ").split())
    return TITLES.get(column.casefold(), words[:1].upper() + words[1:])


def _of_table(table: PhotoCsv, pairs: Sequence[Pair]) -> list[Partition]:
    try:
        names, ids = table.named(pairs)
    except InputError:
        return []
    found = []
    for place, column in enumerate(table.header):
        if place == names or not column or _IDENTIFIERS & set(_words(column)):
            continue
        values: dict[str, str] = {}
        for id, row in zip(ids, table.rows, strict=True):
            value = " ".join(row[place].split())[:_LONGEST_VALUE]
            if id is not None and value.casefold() not in UNKNOWN:
                values.setdefault(id, value)
        note = f"From the column {column} of {table.file.name}."
        if partition := _of_values(title_of(column), values, "age" in _words(column), note):
            found.append(partition)
    return found


def _words(column: str) -> list[str]:
    return [word.casefold() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+", column)]


def _of_values(title: str, values: Mapping[str, str], are_ages: bool, note: str) -> Partition | None:
    distinct = set(values.values())
    numbers = {value: number for value in distinct if (number := finite_number(value)) is not None}
    subject = title[:1].lower() + title[1:] if title[1:2].islower() else title
    if len(distinct) > 1 and len(numbers) == len(distinct) and (are_ages or len(set(numbers.values())) > MOST_NUMBERS):
        known = np.array([numbers[value] for value in values.values()])
        if are_ages:
            names = ["below 20", *(f"{low} to {low + 19}" for low in AGES[:-1]), f"{AGES[-1]} and more"]
            bounds: Sequence[float] = AGES
        else:
            bounds, names = _thirds(known)
        parts = [Part(name, f"photographs with {subject} {name}") for name in names]
        return divided(title, parts, list(values), known, bounds, note)
    if not 1 < len(distinct) <= MOST_VALUES:
        return None
    ordered = sorted(distinct, key=lambda value: (numbers.get(value, math.inf), value.casefold(), value))
    parts = [Part(value, f"photographs with {subject} {value}") for value in ordered]
    place = {value: number for number, value in enumerate(ordered)}
    return Partition(title, tuple(parts), {id: place[value] for id, value in values.items()}, note)


def _thirds(values: np.ndarray) -> tuple[list[float], list[str]]:
    """Return the bounds of thirds and the names of the parts; equal values are never parted, so thirds may be uneven.

    A bound is the least value of the part above it.
    """
    ranked = np.sort(values)
    starts = dict.fromkeys(float(ranked[len(ranked) * third // 3]) for third in (1, 2))
    bounds = [start for start in starts if start > ranked[0]] or [float(ranked[ranked > ranked[0]][0])]
    texts = [f"{bound:g}" for bound in bounds]
    between = [f"from {low} to below {high}" for low, high in pairwise(texts)]
    return bounds, [f"below {texts[0]}", *between, f"from {texts[-1]} on"]
