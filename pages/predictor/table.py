"""All photographs of a visitor as a table: on the page, as CSV, and their masks as a ZIP file."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from pages.predictor.controls import Controls
from pages.predictor.files import fresh_folder, mask_bytes, mask_name
from pages.predictor.photo import Photo
from pages.predictor.view import Result, chosen_result
from pages.shared.models import model_at, model_name
from seg_core.common.csv_text import csv_text
from seg_core.errors import InputError
from seg_core.prediction.measures import BOTH_EMPTY


def results(photos: Sequence[Photo], controls: Controls) -> list[Result | None]:
    """Return the result of each photograph; None where a model would have to run for it."""
    models = controls.models()
    return [chosen_result(photo, controls) if photo.knows(models, tta=controls.tta) else None for photo in photos]


def names_of(models: Sequence[str]) -> list[str]:
    """Return the names of models that are given by path; empty for one that is gone."""
    names = []
    for path in models:
        try:
            names.append(model_name(model_at(path)))
        except InputError:
            names.append("")
    return names


def write_csv(photos: Sequence[Photo], controls: Controls) -> str:
    """Write one line for each photograph: areas, agreement, and what went wrong; returns the file's path."""
    names = names_of(controls.models())
    in_mm = ["area in mm²"] if controls.scale else []
    units = [
        "threshold",
        "area in pixels",
        "area as share",
        *in_mm,
        "expected IoU",
        "IoU at least",
        "unlike training",
        "look at it",
        "problem",
    ]
    head = ["photograph", "width", "height", *(f"{name}: {unit}" for name in names for unit in units), "agreement (IoU)", "note"]
    rows: list[list[object]] = [[*head]]
    for photo in photos:
        result = chosen_result(photo, controls)
        cells: list[object] = [photo.name, *photo.size]
        for side in result.sides:
            if side.prediction is None:
                cells += [""] * (len(units) - 1) + [side.problem]
                continue
            square_mm = controls.square_mm(side.area, photo.size[0])
            share = side.area / (photo.size[0] * photo.size[1])
            cells += [side.threshold, side.area, f"{share:.6f}", *([] if square_mm is None else [f"{square_mm:.3f}"])]
            expected = side.expected_iou
            if expected is None:
                cells += [""] * 5
            else:
                look = "yes" if expected.is_doubtful(controls.look_below) else "no"
                cells += [f"{expected.mean:.2f}", expected.at_least, "yes" if expected.unlike else "no", look, ""]
        measures = result.measures
        cells.append("" if measures is None or measures.agreement is None else f"{measures.agreement:.6f}")
        cells.append(BOTH_EMPTY if measures is not None and measures.both_empty else "")
        rows.append(cells)
    file = fresh_folder() / "masks.csv"
    file.write_text(csv_text(rows, "\r\n"), encoding="utf-8-sig", newline="")  # with the mark by which spreadsheets know UTF-8
    return str(file)


def write_zip(photos: Sequence[Photo], controls: Controls) -> Iterator[int | str]:
    """Write the masks of all photographs, as they are downloaded one by one, into a ZIP file.

    Yields how many photographs are done, and at last the file's path. What cannot be predicted is left out.
    """
    file = fresh_folder() / "masks.zip"
    names, taken = names_of(controls.models()), set[str]()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # PNG files are compressed already
        for done, photo in enumerate(photos, start=1):
            for name, side in zip(names, chosen_result(photo, controls).sides, strict=True):
                if side.prediction is not None:
                    archive.writestr(_unused(mask_name(photo.name, name), taken), mask_bytes(side.prediction, side.threshold))
            yield done
    yield str(file)


def _unused(name: str, taken: set[str]) -> str:
    """Return a file name, with a number added where another photograph of the same name has taken it."""
    path, number, free = Path(name), 2, name
    while free.lower() in taken:
        free, number = f"{path.stem}-{number}{path.suffix}", number + 1
    taken.add(free.lower())
    return free
