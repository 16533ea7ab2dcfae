"""A folder of masks that another program predicted, evaluated as a model is.

Masks are matched to photographs by name, and read by the one rule for masks (`seg_core.data.masks`): two values or colours are
background and lesion. Grey may be probabilities, 0 to 255, 0 to 65535 in 16-bit files, 0 to 1 in floating TIFFs. One value stands
for probability 1 in the whole folder, since a single mask may be nearly empty: the smallest of these that no value exceeds.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from seg_core.common.parallel import ordered_map
from seg_core.common.text import legible
from seg_core.data.folders import Pair, list_masks
from seg_core.data.image_file import open_image, upright_size
from seg_core.data.masks.folder import SAMPLE_SIZE, MaskFolderRule
from seg_core.data.masks.pixels import UnclearMaskError
from seg_core.data.pairing import MASK_SUFFIXES, match_names
from seg_core.data.source import Source
from seg_core.errors import InputError, some_of
from seg_core.prediction.predictor import Prediction

_SUFFIX = re.compile(f"_({'|'.join((*MASK_SUFFIXES, 'pred', 'prediction'))})$", re.I)


@dataclass(frozen=True)
class MaskFolder:
    """The masks of a folder, a `seg_core.prediction.predictor.Predictor`. Make it with `open_predicted_masks`."""

    folder: Path
    files: dict[str, Path] = field(repr=False)
    """By the id of the photograph."""
    masks: MaskFolderRule = field(repr=False, compare=False)
    """What their values mean."""
    notes: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def threshold(self) -> float:
        """One half, which lies between 127 and 128."""
        return 0.5

    def missing(self, pairs: Sequence[Pair]) -> list[str]:
        """Return the ids of those pairs that have no mask here."""
        return [pair.id for pair in pairs if pair.id not in self.files]

    def predict_pair(self, pair: Pair) -> Prediction:
        """Read the mask of a pair's photograph as probabilities.

        Raises:
            InputError: if a file cannot be read, or the masks do not say where the lesion is.
        """
        started = time.perf_counter()
        size = _photo_size(pair)
        probabilities = self.masks.probabilities(self.files[pair.id])
        if (
            (probabilities == 0) | (probabilities == 1)
        ).all():  # scaled by nearest pixel, so that it stays the same at every threshold
            probabilities = np.asarray(Image.fromarray(probabilities).resize(size, Image.Resampling.NEAREST))
        return Prediction(probabilities, size, self.threshold, time.perf_counter() - started)


def open_predicted_masks(masks: str | Path, pairs: Sequence[Pair], lesion: str | None = None) -> MaskFolder:
    """Match the masks of a folder to the photographs of ``pairs``, compare their sizes, and see from some what their values mean.

    The mask of ``ISIC_1.jpg`` is called ``ISIC_1``, with or without ``_segmentation``, ``_mask``, ``_lesion``, ``_pred`` or
    ``_prediction``, or by the common prefix or suffix that `seg_core.data.pairing.match_names` finds; it may be of any usual kind
    of image. A mask of another size than its photograph will be scaled: by nearest pixel if it holds only the probabilities 0 and
    1, else bilinearly. Pairs without a mask are left to `seg_core.evaluation.evaluate.evaluate`.

    Args:
        masks: their folder or zip archive, perhaps with what is lesion in them, as in a `seg_core.data.source.Source`.
        pairs: the photographs.
        lesion: the number or colour in the masks that is the lesion, where they do not say it themselves.

    Raises:
        InputError: if the folder or a file cannot be read, no mask belongs to a photograph, several belong to the same, or they
            hold several kinds of marks and ``lesion`` names none.
    """
    source = Source.parse(masks).with_choices(lesion=lesion)
    folder = Path(source.folder)
    files, orphans, notes = _match(folder, list_masks(source), pairs)
    scaled, unreadable = [], []
    for pair in (pair for pair in pairs if pair.id in files):
        file = files[pair.id]
        try:
            with open_image(file, file.name) as mask:
                if upright_size(mask) != (size := _photo_size(pair)):
                    scaled.append(f"{file.name} ({mask.width} × {mask.height} for {size[0]} × {size[1]})")
        except InputError as error:
            unreadable.append(str(error))
    if unreadable:
        raise InputError(" ".join(unreadable[:5]))
    if orphans:
        notes.append(
            f"Masks in {folder.name} that belong to none of the photographs, {len(orphans)}, are left out: {some_of(orphans)}."
        )
    if scaled:
        notes.append(
            f"Masks in {folder.name} of another size than their photographs, {len(scaled)}, are scaled: {some_of(scaled)}. "
            "Export masks at the photographs' size to have them scored as they are."
        )
    read = _rule(list(files.values()), source.lesion, pairs)
    if read.files and (note := read.rule.note):
        notes.append(note)
    if _seem_inverted(read):
        notes.append(
            f"Most masks in {folder.name} mark all four corners of the photograph as lesion; perhaps they are inverted: "
            "compare some with their photographs."
        )
    return MaskFolder(folder, files, read, tuple(notes))


def _match(folder: Path, found: Sequence[Path], pairs: Sequence[Pair]) -> tuple[dict[str, Path], list[str], list[str]]:
    """Return the masks by the id of their photograph, the names of those that belong to none, and how they were matched."""
    ids = {pair.id for pair in pairs}
    id_of = {file: _id_of(legible(file.stem), ids) for file in found}
    rest = {file: ("", legible(file.stem)) for file, id in id_of.items() if id is None}
    matching = match_names({("", id) for id in ids - {*id_of.values()}}, dict.fromkeys(rest.values()), join=False)
    files: dict[str, Path] = {}
    orphans, double = [], []
    for file in found:
        id = id_of[file] or matching.photo_of.get(("", legible(file.stem)), ("", None))[1]
        if id is None:
            orphans.append(file.name)
        elif id in files:
            double.append(f"{files[id].name} and {file.name}")
        else:
            files[id] = file
    if double:
        raise InputError(f"Some photographs have two masks in {folder}: {some_of(double)}; keep one of each.")
    if not files and pairs:
        names = f"{pairs[0].id}.png or {pairs[0].id}_mask.png"
        raise InputError(f"{folder} holds no mask of the {len(pairs)} photographs; name masks as photographs, such as {names}.")
    return files, orphans, matching.notes


def _id_of(stem: str, ids: Collection[str]) -> str | None:
    while stem not in ids:
        shorter = _SUFFIX.sub("", stem)
        if shorter == stem:
            return None
        stem = shorter
    return stem


def _rule(files: list[Path], lesion: str | None, pairs: Sequence[Pair]) -> MaskFolderRule:
    """Return how the masks are read. Of several marks, the lesion is that with the number or colour named for the truth."""
    masks = MaskFolderRule(files, lesion, probabilities=True)
    named = next((pair.lesion for pair in pairs if pair.lesion), None)
    if files and named and not lesion:
        try:
            _ = masks.rule
        except UnclearMaskError:
            return MaskFolderRule(files, named, probabilities=True)
    return masks


def _seem_inverted(masks: MaskFolderRule) -> bool:
    """Return whether most of some masks, spread over the folder, mark all four corners."""
    files = masks.files[:: max(1, len(masks.files) // SAMPLE_SIZE)]
    with closing(ordered_map(masks.probabilities, files)) as found:
        marked = [bool((each[[0, 0, -1, -1], [0, -1, 0, -1]] >= 0.5).all()) for each in found]
    return 2 * sum(marked) > len(marked)


def _photo_size(pair: Pair) -> tuple[int, int]:
    with open_image(pair.image, pair.image.name) as photo:
        return upright_size(photo)
