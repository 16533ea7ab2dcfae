"""What the names of folders and files say: photographs or masks, training, validation or test.

The tables here are all there is. Names are compared without regard to case, as words: ``imagesTr``, ``train_images``,
``TrainImages`` and ``JPEGImages`` each hold the word ``images``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

SplitName = Literal["train", "val", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "val", "test")

Kind = Literal["photos", "masks", "lesion", "neither"]

PHOTOS = frozenset(
    "image images img imgs photo photos photograph photographs picture pictures data input inputs original originals orig".split()  # noqa: SIM905
)
MASKS = frozenset(
    "mask masks label labels segmentation segmentations seg segs groundtruth groundtruths truth truths gt gts "  # noqa: SIM905
    "annotation annotations annot ann anns".split()
)
LESION = frozenset({"lesion", "lesions"})
"""A folder of masks where one of photographs lies beside it, as in PH2."""
NEITHER = frozenset(
    "superpixel superpixels roi rois attribute attributes feature features object objects instance instances pred preds "  # noqa: SIM905
    "prediction predictions overlay overlays visualization visualizations thumbnail thumbnails".split()
)
"""Neither photographs nor masks of whole lesions, whatever else the name says."""
EXPERTS = frozenset("expert reader rater annotator observer grader doctor dermatologist physician".split())  # noqa: SIM905
"""Who drew masks, before a number, a letter or a name: several of them outlined each photograph (`seg_core.data.experts`)."""
SPLIT_WORDS: dict[str, SplitName] = {
    **dict.fromkeys(["train", "training", "trainval"], "train"),
    **dict.fromkeys(["val", "valid", "validation"], "val"),
    **dict.fromkeys(["test", "testing"], "test"),
}
NNUNET_ENDS: dict[str, SplitName] = {"tr": "train", "ts": "test"}
"""nnU-Net: imagesTr, labelsTs."""

# The challenges' other parts and tasks, which may lie beside their first, hold no masks of whole lesions.
OTHER_TASKS = re.compile(r"(?:ISBI|ISIC).*(?:Part[23]|Task[23])", re.I)

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(PHOTOS, "photos"),
    **dict.fromkeys(LESION, "lesion"),
    **dict.fromkeys(MASKS, "masks"),
    **dict.fromkeys(NEITHER, "neither"),
}


def either(words: Iterable[str]) -> str:
    """Return a pattern of any of the words, the longest first."""
    return "|".join(sorted(words, key=lambda word: (-len(word), word)))


_STRENGTH: tuple[Kind, ...] = ("neither", "masks", "photos", "lesion")  # where a name holds words of several kinds
_JOINED = re.compile(f"({either(SPLIT_WORDS)})?({either(_KINDS)})({either([*SPLIT_WORDS, *NNUNET_ENDS])})?")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")


@dataclass(frozen=True)
class Meaning:
    """What a folder's own name says."""

    kind: Kind | None
    split: SplitName | None


@lru_cache(maxsize=100_000)
def meaning(name: str) -> Meaning:
    """Return what a name says, by the tables above."""
    words = [word for run in re.findall(r"[^\W\d_]+", name) for word in _words(run)]
    kinds = {_KINDS[word] for word in words if word in _KINDS}
    splits = {split for word in words if (split := SPLIT_WORDS.get(word) or NNUNET_ENDS.get(word))}
    return Meaning(next((kind for kind in _STRENGTH if kind in kinds), None), next((s for s in SPLITS if s in splits), None))


def _words(run: str) -> list[str]:
    """Split letters without a separator into the words of the tables: ``trainimages``, ``GroundTruth``, ``imagesTr``."""
    if run.lower() in _KINDS or run.lower() in SPLIT_WORDS:
        return [run.lower()]
    if joined := _JOINED.fullmatch(run.lower()):
        return [word for word in joined.groups() if word]
    return [word.lower() for word in _CAMEL.findall(run) if word.lower() not in NNUNET_ENDS]
