"""Experts that names of folders and files tell: ``masks_expert1``, ``masks/reader-b``, ``experts/anna``, ``x_rater2.png``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import PurePath

from seg_core.data.tree import Folder
from seg_core.data.words import EXPERTS, LESION, MASKS, PHOTOS, SPLIT_WORDS, either, meaning

_OTHER = either([*MASKS, *LESION, *PHOTOS, *SPLIT_WORDS])
_WHO = rf"(?:\d{{1,3}}(?!\d)|(?-i:[A-Z])(?![^\W_])|[ _.-]+(?!(?:{_OTHER})(?:[ _.-]|\d|$))[^\W_]+)"
"""A number or a capital letter, or a number, letter or name after a separator."""
_EXPERT = rf"(?:{either(EXPERTS)})"
_WORD = re.compile(_EXPERT, re.I)
_FOLDER = re.compile(rf"(?:^|[ _.-])({_EXPERT}(?:s(?![^\W_])|{_WHO}|(?![^\W_])))", re.I)
_PLURAL = re.compile(rf"(?:^|.*[ _.-]){_EXPERT}s", re.I)
_MASK = rf"(?:[ _.-]+(?:{either([*MASKS, *LESION])}|\d{{1,2}}))*"
_SUFFIX = re.compile(rf"(?:(?P<before>.*?)[ _.-]+)?(?P<expert>{_EXPERT}{_WHO})(?P<after>{_MASK})", re.I)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])")


def same_expert(name: str) -> str:
    """Return a name as it is compared: ``Expert 1`` and ``expert_1`` are the same."""
    return re.sub(r"[ _.-]+", "", name).casefold()


def in_order(names: Iterable[str]) -> list[str]:
    """Return names of experts in order, with numbers as numbers: ``expert2`` before ``expert10``."""
    return sorted(names, key=lambda name: re.sub(r"\d+", lambda number: number[0].zfill(9), name.casefold()))


@lru_cache(maxsize=100_000)
def expert_in_path(parts: tuple[str, ...]) -> tuple[str, tuple[int, ...]]:
    """Return the expert that the nearest of some folders' names tells, and the places of the names that tell it.

    A folder ``experts`` says that those in it are of one expert each. Empty if none tells.
    """
    for place in reversed(range(len(parts))):
        if place and _PLURAL.fullmatch(parts[place - 1]) and meaning(parts[place]).kind is None:
            return parts[place], (place - 1, place)
        if found := _FOLDER.search(_CAMEL.sub("_", parts[place])):
            return found[1], (place,)
    return "", ()


def may_tell_expert(name: str) -> bool:
    """True if a name holds one of the words."""
    return bool(_WORD.search(name))


def expert_in_name(stem: str) -> tuple[str, str]:
    """Return the expert that the end of a mask's name tells, and what is left of the name; no expert and the name if none."""
    found = _SUFFIX.fullmatch(stem)
    return (found["expert"], f"{found['before'] or ''}{found['after']}".lstrip(" _.-")) if found else ("", stem)


def tell_experts(tree: Sequence[Folder]) -> bool:
    """True if folders name two experts or more, and none of these holds photographs, which would be of their own patients."""
    named = {same_expert(found[0]): folder for folder in tree if folder.images and (found := expert_in_path(folder.parts))[0]}
    photos = [folder.parts for folder in tree if folder.images and any(meaning(part).kind == "photos" for part in folder.parts)]
    return len(named) > 1 and not any(expert_in_path(parts)[0] for parts in photos)


def names_of(folders: Sequence[str]) -> list[str]:
    """Return a name for each folder that a person named as an expert's: its own, or where these repeat, that of the one above."""
    paths = [PurePath(folder) for folder in folders]
    for names in ([path.name for path in paths], [path.parent.name for path in paths]):
        if all(names) and len(set(map(same_expert, names))) == len(names):
            return names
    return [str(path).strip("/").replace("/", "-") for path in paths]
