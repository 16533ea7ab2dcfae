"""Masks drawn from annotation files, kept in the home folder, and drawn again when the files change."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from seg_core.common.parallel import ordered_map
from seg_core.data.annotations.coco import is_coco, read_coco
from seg_core.data.annotations.cvat import is_cvat, read_cvat
from seg_core.data.annotations.label_studio import is_label_studio, read_label_studio
from seg_core.data.annotations.shapes import Annotated, Annotations, draw
from seg_core.data.annotations.yolo import read_yolo
from seg_core.data.image_file import open_image, upright_size
from seg_core.data.made_folder import file_state, made_folder
from seg_core.data.tree import Folder, ending, stem
from seg_core.data.words import LESION, meaning
from seg_core.errors import InputError, some_of

MOST_BYTES = 500 * 10**6
_MOST_FILES = 20
"""JSON or XML files in a folder that may be annotations of its dataset."""
_CONTENTS = "contents.json"
_UPLOADED = re.compile(r"[0-9a-f]{8}-")
"""What Label Studio writes before the name of a photograph."""


@dataclass(frozen=True)
class DrawnMasks:
    """Masks from an annotation file: as if they lay in a folder of the name ``parts`` below the dataset's.

    Attributes:
        file: the name of the annotation file without its ending; empty if it is one of a folder of files.
    """

    folder: Folder
    file: str


def draw_masks(
    tree: Sequence[Folder], photos: Mapping[str, Path], lesion: str | None, *, are_named: bool = False
) -> tuple[list[DrawnMasks], list[str]]:
    """Return the masks that the annotation files of a dataset outline, and lines for the user about them.

    Args:
        tree: the folders with the annotation files.
        photos: the photographs by their names without endings.
        lesion: the names or numbers of the classes that are lesion, with commas, if the user named them.
        are_named: True if the user named these folders, whose own names then need not tell that they hold masks.

    Raises:
        InputError: if an annotation file is damaged, or does not say which of its classes is the lesion.
        OSError: if a file cannot be read or written.
    """
    files = [(folder, folder.path / name) for folder in tree for name in _candidates(folder, are_named=are_named)]
    if not files:
        return [], []
    paths = [path for _, path in files]
    origin = "\n".join([*map(str, paths[:_MOST_FILES]), lesion or ""])
    state = f"{len(files)} {file_state(*paths)} {sorted(photos)}"
    made = made_folder("annotations", origin, state, partial(_make, files=files, photos=photos, lesion=lesion))
    contents = json.loads((made / _CONTENTS).read_text(encoding="utf-8"))
    drawn = [
        DrawnMasks(Folder(made / each["path"], tuple(each["parts"]), each["names"], Counter()), each["file"])
        for each in contents["folders"]
    ]
    return drawn, contents["notes"]


def annotation_files(folder: Folder) -> list[str]:
    """Return the JSON and XML files in a folder; none if there are so many that each describes one photograph."""
    found = [name for name in folder.texts if ending(name) != ".txt"]
    return found if len(found) <= _MOST_FILES else []


def _candidates(folder: Folder, *, are_named: bool) -> list[str]:
    """Return the files that may be annotations: JSON or XML anywhere, text files in folders of masks."""
    found = annotation_files(folder)
    if are_named or any(meaning(part).kind == "masks" for part in folder.parts):
        found += [name for name in folder.texts if ending(name) == ".txt"]
    return found


def _make(target: Path, files: Sequence[tuple[Folder, Path]], photos: Mapping[str, Path], lesion: str | None) -> None:
    """Write the masks of the annotation files, and a list of them."""
    target.mkdir()
    structured = [(folder, file) for folder, file in files if ending(file.name) != ".txt"]
    found = [(folder, file, read) for folder, file in structured if (read := _read(file)) and read.photos]
    found += _text_files([(folder, file) for folder, file in files if ending(file.name) == ".txt"], photos)
    chosen, notes = _classes([(file, read) for _, file, read in found], lesion)
    folders = []
    for number, (folder, file, read) in enumerate(found):
        for place, of_place in _by_folder(read.photos, photos).items():
            path = target.joinpath(str(number), *place)
            path.mkdir(parents=True, exist_ok=True)
            with closing(ordered_map(partial(_write, path, file.name, labels=chosen), of_place.items())) as written:
                names = sorted(written)
            parts, own = [*folder.parts, *place], stem(file.name) if file.is_file() else ""
            folders.append({"path": str(path.relative_to(target)), "parts": parts, "names": names, "file": own})
    contents = json.dumps({"folders": folders, "notes": notes})
    (target / _CONTENTS).write_text(contents, encoding="utf-8")


def _read(file: Path) -> Annotations | None:
    """Read a JSON or XML file; return None if it holds no annotations."""
    if file.stat().st_size > MOST_BYTES:
        raise InputError(f"{file.name} is larger than {MOST_BYTES // 10**6} MB; split the annotations into several files.")
    with _reading(file.name, "annotations"):
        if ending(file.name) == ".xml":
            root = ElementTree.parse(file).getroot()
            return read_cvat(root) if is_cvat(root) else None
        content: Any = json.loads(file.read_bytes())
        for recognised, read in ((is_coco, read_coco), (is_label_studio, read_label_studio)):
            if recognised(content):
                return read(content)
    return None


@contextmanager
def _reading(file: str, what: str) -> Iterator[None]:
    """Turn what is raised by a file whose contents are wrong into one sentence."""
    try:
        yield
    except (
        AttributeError,
        IndexError,
        KeyError,
        TypeError,
        ValueError,
        OverflowError,
        RecursionError,
        ElementTree.ParseError,
    ) as error:
        if isinstance(error, InputError):
            raise
        why = f"without {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{file} holds {what} that cannot be read ({why}); export it again.") from None


def _text_files(files: Sequence[tuple[Folder, Path]], photos: Mapping[str, Path]) -> list[tuple[Folder, Path, Annotations]]:
    """Read the text files of Ultralytics that belong to photographs, folder by folder."""
    of_folder: dict[Path, tuple[Folder, Path, list[Annotated], list[int]]] = {}
    for folder, file in files:
        if photo := photos.get(stem(file.name)):
            with open_image(photo, photo.name) as image:
                size = upright_size(image)
            with _reading(file.name, "outlines"):
                read, boxes = read_yolo(file.read_text(encoding="utf-8"), photo.name, size)
            *_, found, counts = of_folder.setdefault(folder.path, (folder, folder.path, [], []))
            found += [read] if read else []
            counts.append(boxes)
    return [(folder, path, Annotations("YOLO", read, sum(boxes))) for folder, path, read, boxes in of_folder.values()]


def _classes(found: Sequence[tuple[Path, Annotations]], lesion: str | None) -> tuple[set[str], list[str]]:
    """Return the classes that are lesion, and lines about the annotation files.

    Raises:
        InputError: if that is not clear.
    """
    if not found:
        return set(), []
    labels = sorted({shape.label for _, read in found for photo in read.photos for shape in photo.shapes})
    chosen = _chosen(found[0][0].name, labels, lesion)
    notes = [f"The masks are drawn from {file.name} ({read.form})." for file, read in found]
    if len(labels) > 1:
        notes.append(f"Of the classes {some_of(labels)}, {some_of(sorted(chosen))} is read as lesion.")
    if boxes := sum(read.boxes for _, read in found):
        notes.append(f"Boxes are no outlines of lesions: {boxes:,} are left out.")
    return chosen, notes


def _chosen(file: str, labels: Sequence[str], lesion: str | None) -> set[str]:
    if lesion:
        named = {part.strip().casefold() for part in lesion.split(",")}
        if unknown := named - {label.casefold() for label in labels}:
            raise InputError(f"{file} has the classes {some_of(labels)}, and no {some_of(sorted(unknown))}; name some of these.")
        return {label for label in labels if label.casefold() in named}
    certain = [label for label in labels if LESION & set(re.findall("[a-z]+", label.casefold()))]
    if len(labels) > 1 and not certain:
        raise InputError(
            f"{file} has the classes {some_of(labels)}; name those that are lesion, with commas "
            "(--lesion-value, on a page: Value of the lesion)."
        )
    return set(certain or labels)


def _by_folder(found: Sequence[Annotated], photos: Mapping[str, Path]) -> dict[tuple[str, ...], dict[str, list[Annotated]]]:
    """Return what is annotated by the folder that the names state, and by the name of the mask."""
    sorted_out: dict[tuple[str, ...], dict[str, list[Annotated]]] = {}
    for each in found:
        *place, name = [part for part in re.split(r"[/\\]", each.name) if part not in ("", ".", "..")] or [""]
        if re.match(r"[/\\]|\w+:", each.name):  # a path or address of another machine
            place = []
        own = stem(name)
        if own not in photos and _UPLOADED.match(own) and own[9:] in photos:
            own = own[9:]
        sorted_out.setdefault(tuple(place), {}).setdefault(f"{own}.png", []).append(each)
    return sorted_out


def _write(folder: Path, file: str, named: tuple[str, list[Annotated]], labels: Collection[str]) -> str:
    name, found = named
    with _reading(file, f"outlines of {found[0].name}"):
        mask = np.logical_or.reduce([draw(each, labels) for each in found])
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / name, compress_level=1)
    return name
