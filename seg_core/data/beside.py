"""Masks that lie in the same folder as their photographs, told by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from seg_core.data.experts import expert_in_name, same_expert
from seg_core.data.tree import ending, stem
from seg_core.data.words import LESION, MASKS, PHOTOS, either

_JPEG = {".jpg", ".jpeg"}

_WORD, _COUNT = either(LESION | MASKS), r"(?:[ _.-]?\d{1,2})?"
_MASK_AFFIX = re.compile(f"^(?:{_WORD})[ _.-]+|[ _.-]+(?:{_WORD}){_COUNT}$", re.I)
_PHOTO_AFFIX = re.compile(f"^(?:{either(PHOTOS)})[ _.-]+|[ _.-]+(?:{either(PHOTOS)})$", re.I)
_MASK_WORD = re.compile(f"(?:{_WORD}){_COUNT}", re.I)


def masks_among(names: Sequence[str]) -> set[str]:
    """Return the masks among the images of a folder, none if their names do not tell."""
    stems = {bare for name in names for bare in (stem(name), _PHOTO_AFFIX.sub("", stem(name)))}
    bare = {name: _MASK_AFFIX.sub("", stem(name)) for name in names}
    masks = {name for name in names if bare[name] != stem(name) and bare[name] in stems}
    masks |= {name for name in names if _MASK_WORD.fullmatch(stem(name))}  # a folder per case: image.png, mask.png
    masks |= _of_experts(names, stems)
    if masks and len(masks) < len(names):
        return masks
    jpegs = sorted(stem(name) for name in names if ending(name) in _JPEG)
    others = [name for name in names if ending(name) not in _JPEG]
    return set(others) if jpegs == sorted(map(stem, others)) else set()


def _of_experts(names: Sequence[str], stems: set[str]) -> set[str]:
    """Return the masks whose names tell experts, two or more: ``x_expert1.png`` beside ``x.jpg``, ``expert1.png`` of a case."""
    masks = {}
    for name in names:
        expert, bare = expert_in_name(stem(name))
        if expert and (not bare or {bare, _MASK_AFFIX.sub("", bare)} & stems):
            masks[name] = expert
    return set(masks) if len(set(map(same_expert, masks.values()))) > 1 else set()
