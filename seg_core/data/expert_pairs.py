"""Pairs of photographs that several experts outlined."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seg_core.data.experts import expert_in_name, in_order, may_tell_expert, same_expert
from seg_core.data.matching import File, Files, files_by_split, match_files
from seg_core.data.pair import STAPLE, Expert, Pair
from seg_core.data.pairing import MASK_SUFFIXES, Rule
from seg_core.data.parts import Part, Parts
from seg_core.data.source import MAJORITY
from seg_core.data.tree import stem
from seg_core.errors import InputError, some_of

_SUFFIX = re.compile(f"_({'|'.join(MASK_SUFFIXES)})$", re.I)


@dataclass(frozen=True)
class Matched:
    """Pairs, lines for the user about how they were found, and the photographs and masks that are left."""

    pairs: list[Pair]
    notes: list[str]
    photos: Files
    masks: Files


def match(parts: Parts) -> Matched:
    """Match photographs and masks of which nobody says that several experts drew them."""
    photos, masks = files_by_split(parts.photos), files_by_split(parts.masks)
    pairs, notes = match_files(photos, masks, [])
    return Matched(pairs, notes, photos, masks)


def match_experts(parts: Parts, truth: str | None) -> Matched | None:
    """Match the masks of each expert to the photographs; None if no photograph has masks of two.

    Photographs without any of them keep the mask that no expert's name stands on.

    Args:
        parts: the files, in folders that may name experts; names of masks may, too.
        truth: as in `seg_core.data.source.Source`.

    Raises:
        InputError: if ``truth`` is no expert.
    """
    drawn, others = _by_expert(parts)
    derived = in_order(name for name in drawn if same_expert(name) in (MAJORITY, STAPLE))
    for name in derived:
        del drawn[name]
    if len(drawn) < 2:
        return None
    rules: list[Rule] = []
    of_photo: dict[Path, dict[str, list[Pair]]] = {}
    notes: list[str] = []
    left: Files = files_by_split([])
    for expert in in_order(drawn):
        pairs, found = match_files(files_by_split(parts.photos), drawn[expert], rules)
        notes += (note for note in found if note not in notes)
        for pair in pairs:
            of_photo.setdefault(pair.image, {}).setdefault(expert, []).append(pair)
        for split, files in drawn[expert].items():
            left[split] += files
    if all(len(experts) < 2 for experts in of_photo.values()):
        return None
    names = in_order({expert for experts in of_photo.values() for expert in experts})
    chosen = _chosen(truth, names)
    pairs = [pair for experts in of_photo.values() for pair in _pairs(experts, chosen)]
    notes = [*_notes(pairs, names, chosen), *notes]
    if derived:
        notes.append(f"Masks called {some_of(derived)} are not used: what experts agree on is computed from their own masks.")
    if chosen in names:
        pairs = [pair for pair in pairs if not pair.experts or any(expert.name == chosen for expert in pair.experts)]
    photos = {
        split: [file for file in files if file.path not in of_photo] for split, files in files_by_split(parts.photos).items()
    }
    plain, found = match_files(photos, others, rules)
    of_both, _ = match_files(files_by_split(parts.photos), others, rules)  # what remains of these lies beside masks of experts
    if of_both:
        notes.append(f"Masks without an expert's name beside those of experts are not used: {len(of_both):,}.")
    for split, files in others.items():
        left[split] += files
    return Matched([*pairs, *plain], [*notes, *(note for note in found if note not in notes)], photos, left)


def _by_expert(parts: Parts) -> tuple[dict[str, Files], Files]:
    """Return the masks of each expert, matched by what their names say beside the expert's, and those of none."""
    telling = [part for part in parts.masks if part.expert or any(map(may_tell_expert, part.names))]
    if not telling:  # of 100,000 names, no other is looked at any closer
        return {}, {}
    photos = {stem(name).casefold() for part in parts.photos for name in part.names}
    names: dict[str, str] = {}
    told = set(map(id, telling))
    drawn: dict[str, list[Part]] = {"": [part for part in parts.masks if id(part) not in told]}
    for part in telling:
        by: dict[str, list[str]] = {}
        for name in part.names:
            expert = part.expert or _told(stem(name), photos)
            by.setdefault(names.setdefault(same_expert(expert), expert), []).append(name)
        for expert, own in by.items():
            drawn.setdefault(expert, []).append(replace(part, names=own))
    others = files_by_split(drawn.pop(""))
    return {expert: _bare(files_by_split(own), expert) for expert, own in drawn.items()}, others


def _told(own: str, photos: set[str]) -> str:
    """Return the expert that a mask's name tells, unless the whole of it is the name of a photograph, perhaps with ``_mask``."""
    if {own.casefold(), _SUFFIX.sub("", own).casefold()} & photos:
        return ""
    return expert_in_name(own)[0]


def _bare(files: Files, expert: str) -> Files:
    """Leave the expert's name out of the names by which masks are matched."""

    def without(file: File) -> File:
        place, own = file.name
        told, bare = expert_in_name(own)
        return replace(file, name=(place, bare)) if told and same_expert(told) == same_expert(expert) else file

    return {split: [without(file) for file in of_split] for split, of_split in files.items()}


def _pairs(experts: dict[str, list[Pair]], truth: str) -> Iterable[Pair]:
    """Yield the pair of a photograph; where an expert has two masks of one name, another pair, which is reported."""
    first = next(iter(experts.values()))[0]
    yield Pair.of_experts(
        first.id, first.image, first.split, tuple(Expert(name, pairs[0].masks) for name, pairs in experts.items()), truth
    )
    yield from (pair for pairs in experts.values() for pair in pairs[1:])


def _chosen(truth: str | None, names: Sequence[str]) -> str:
    """Return how truth is formed, in the spelling used everywhere.

    Raises:
        InputError: if it is no expert.
    """
    spelled = {same_expert(name): name for name in (MAJORITY, STAPLE, *names)}
    if truth is None:
        return MAJORITY
    if chosen := spelled.get(same_expert(truth)):
        return chosen
    raise InputError(f"There is no expert {truth!r}; truth may be {MAJORITY}, {STAPLE} or one of {', '.join(names)}.")


def _notes(pairs: Sequence[Pair], names: Sequence[str], truth: str) -> list[str]:
    middle = "the middle between their outlines" if len(names) == 2 else "what most of them mark"
    how = {MAJORITY: middle, STAPLE: "what STAPLE makes of them"}.get(truth, f"what {truth} marks")
    notes = [f"Masks of {len(names)} experts: {some_of(names)}; truth is {how}."]
    some = [pair for pair in pairs if pair.experts and len(pair.experts) < len(names)]
    if without := [pair.id for pair in some if truth in names and all(expert.name != truth for expert in pair.experts)]:
        notes.append(f"Photographs that {truth} did not outline are left out, {len(without):,}: {some_of(without)}.")
    if kept := [pair.id for pair in some if pair.id not in set(without)]:
        notes.append(f"Photographs that only some of the experts outlined, {len(kept):,}: {some_of(kept)}.")
    return notes
