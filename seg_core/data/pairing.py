"""Which mask belongs to which photograph, by their names."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from seg_core.data.words import LESION, MASKS, PHOTOS

MASK_SUFFIXES = ("segmentation", "mask", "lesion")
"""Usual end of a mask's name, after its photograph's name and an underscore."""

Name = tuple[str, str]
"""The place of a file, such as a patient's folder, and its name without the ending. Only names of one place are matched."""

_WORD = "|".join([*LESION, *MASKS])
_MASK_WORD = re.compile(_WORD, re.I)
_COUNTED = re.compile(
    rf"(?:[ _.-](?:{_WORD}))?[ _.-](?:\d{{1,2}}|[a-z])(?:[ _.-](?:{_WORD}))?$|[ _.-](?:{_WORD})\d{{1,2}}$", re.I
)
"""The end of the name of one mask of several: ``_1``, ``_b``, ``_mask_2``, ``_mask2``."""
_PHOTO_WORD = re.compile(rf"^(?:{'|'.join(PHOTOS)})(?:[ _.-]+|(?=\d))|[ _.-]+(?:{'|'.join(PHOTOS)})$", re.I)
_LABEL_STUDIO = re.compile(r"task-\d+-annotation-\d+")
_SAMPLE = 40
"""Names that suggest common prefixes and suffixes; all names then vote on the best of these."""


@dataclass
class Matching:
    """The photograph of each mask that has one, and lines for the user about how it was found.

    Masks in ``further`` are joined with others of their photograph; two others of one photograph are one too many.
    """

    photo_of: dict[Name, Name] = field(default_factory=dict)
    further: set[Name] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)


def match_names(
    photos: Collection[Name],
    masks: Collection[Name],
    suffixes: Collection[str] = MASK_SUFFIXES,
    rules: list[Rule] | None = None,
    *,
    join: bool = True,
) -> Matching:
    """Match masks to photographs: by the same name, with a usual suffix, in other case or accents, numbered, or by one rule.

    The rule is one prefix and suffix of all masks that are left, such as ``mask_`` or ``.jpg``, or of all photographs, such as
    nnU-Net's ``_0000``. It has to hold for most of them, and two that do equally well are none. Rules that other parts of the
    dataset follow are tried first; what is found here is added to ``rules``. Numbered masks are left alone unless ``join``.
    """
    found = Matching()
    suffix = re.compile(f"_({'|'.join(suffixes)})$", re.I)
    known, left = set(photos), []
    for place, stem in masks:
        match = next(((place, bare) for bare in (stem, suffix.sub("", stem)) if (place, bare) in known), None)
        if match:
            found.photo_of[place, stem] = match
        else:
            left.append((place, stem))
    if left:
        left = _match_folded(known, left, suffix, found, join=join)
    if left:
        rest = known - set(found.photo_of.values())
        known_rules = rules if rules is not None else []
        rule = next((each for each in known_rules if each.matches(rest, left)), None) or _common_rule(sorted(rest), left)
        if rule:
            _apply(rule, rest, left, found, join=join)
            known_rules.append(rule)
        elif any(_LABEL_STUDIO.match(stem) for _, stem in left):
            found.notes.append(
                "Label Studio names these masks by the number of the task, which does not tell the photograph; "
                "give each the name of its photograph, which the export as JSON lists."
            )
    return found


def _match_folded(known: set[Name], left: Sequence[Name], suffix: re.Pattern[str], found: Matching, *, join: bool) -> list[Name]:
    """Match the masks whose names differ in case, accents or a number at the end; return the others."""
    folded = _by_fold(known)
    others = []
    for mask in left:
        place, stem = mask
        same = next((folded[key] for bare in (stem, suffix.sub("", stem)) if (key := _fold((place, bare))) in folded), None)
        bare = _COUNTED.sub("", stem)
        counted = folded.get(_fold((place, bare))) if join and bare != stem else None
        if same:
            found.photo_of[mask] = same
        elif counted:
            found.photo_of[mask] = counted
            found.further.add(mask)
        else:
            others.append(mask)
    if any(mask not in found.further and mask in found.photo_of for mask in left):
        found.notes.append("Matched by name: without regard to upper and lower case or the way accents are written.")
    return others


def _fold(name: Name) -> Name:
    place, stem = (unicodedata.normalize("NFC", part).casefold() for part in name)
    return place, stem


def _by_fold(names: Collection[Name]) -> dict[Name, Name]:
    """Return names by their folded form, those left out that share one."""
    counts = Counter(map(_fold, names))
    return {folded: name for name in names if counts[folded := _fold(name)] == 1}


@dataclass(frozen=True)
class _Affix:
    """A prefix and a suffix, folded."""

    before: str = ""
    after: str = ""

    def core(self, name: Name) -> Name | None:
        """Return what is left of a folded name, None if it lacks them or they cut through a number."""
        place, stem = name
        if len(stem) <= len(self.before) + len(self.after) or not (stem.startswith(self.before) and stem.endswith(self.after)):
            return None
        core = stem[len(self.before) : len(stem) - len(self.after)]
        for one, other in ((self.before[-1:], core[0]), (core[-1], self.after[:1])):
            if one.isdigit() and other.isdigit():
                return None
        return place, core

    def __str__(self) -> str:
        return " and ".join(f"`{affix}`" for affix in (self.before, self.after) if affix)


@dataclass(frozen=True)
class Rule:
    """What is left out of the names of photographs and of masks to compare them."""

    photo: _Affix
    mask: _Affix

    def matches(self, photos: Collection[Name], masks: Collection[Name]) -> dict[Name, Name]:
        """Return the photographs by mask."""
        cores = [(core, photo) for photo in photos if (core := self.photo.core(_fold(photo)))]
        counts = Counter(core for core, _ in cores)
        by_core = {core: photo for core, photo in cores if counts[core] == 1}
        return {mask: by_core[core] for mask in masks if (core := self.mask.core(_fold(mask))) in by_core}

    @property
    def note(self) -> str:
        said = [f"{what} without {affix}" for what, affix in (("masks", self.mask), ("photographs", self.photo)) if str(affix)]
        return f"Matched by name: {' and '.join(said)}."


def _common_rule(photos: Sequence[Name], masks: Sequence[Name]) -> Rule | None:
    """Return the rule that matches the most, if it is one and holds for most of the masks."""
    rated = []
    for rule in _candidates(photos, masks):
        matches = rule.matches(photos, masks)
        says_mask = bool(_MASK_WORD.search(f"{rule.mask.before} {rule.mask.after}"))
        length = sum(map(len, (rule.mask.before, rule.mask.after, rule.photo.before, rule.photo.after)))
        rated.append(((len(set(matches.values())), says_mask, -length), rule, matches))
    rated.sort(key=lambda each: each[0], reverse=True)
    if not rated:
        return None
    (count, says_mask, _), best, matches = rated[0]
    if any((also, as_well) == (count, says_mask) and others != matches for (also, as_well, _), _, others in rated[1:]):
        return None
    holds_for_most = 2 * len(matches) >= len(masks) or count == len(photos)
    return best if holds_for_most and (count > 1 or (count and says_mask)) else None


def _candidates(photos: Sequence[Name], masks: Sequence[Name]) -> Iterator[Rule]:
    """Yield the prefixes and suffixes that a sample of the names suggests."""
    some_photos, some_masks = ([_fold(name) for name in names[:: max(1, len(names) // _SAMPLE)]] for names in (photos, masks))
    plain = _Affix()
    all_photos, all_masks = set(map(_fold, photos)), set(map(_fold, masks))
    for affix in dict.fromkeys([plain, _word_affix(some_photos), _common_affix(photos)]):
        cores = {core for photo in all_photos if (core := affix.core(photo))}
        yield from (Rule(affix, mask) for mask in _affixes(some_masks, cores))
    yield from (Rule(photo, plain) for photo in _affixes(some_photos, all_masks))


def _word_affix(photos: Sequence[Name]) -> _Affix:
    """Return the most frequent affix of photographs that is a word for photographs, such as ``image_``."""
    seen = Counter[_Affix]()
    for _, stem in photos:
        if word := _PHOTO_WORD.search(stem):
            seen[_Affix(word[0]) if word.start() == 0 else _Affix(after=word[0])] += 1
    return max(seen, key=seen.__getitem__, default=_Affix())


def _common_affix(photos: Sequence[Name]) -> _Affix:
    """Return what all photographs begin and end with, without digits next to the rest: ``x`` of ``X1`` and ``X2``."""
    stems = [stem for _, stem in map(_fold, photos)]
    if len(stems) < 2:
        return _Affix()
    before = _common_start(stems)
    after = _common_start([stem[len(before) :][::-1] for stem in stems])[::-1]
    return _Affix(before, after)


def _common_start(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)
    same = next((place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[:same].rstrip("0123456789")


def _affixes(names: Sequence[Name], cores: Collection[Name], most: int = 3) -> list[_Affix]:
    """Return the affixes by which most of the names differ from one of the cores."""
    votes = Counter[_Affix]()
    for place, stem in names:
        spans = ((start, end) for start in range(len(stem)) for end in range(start + 1, len(stem) + 1))
        for start, end in spans:
            if (place, stem[start:end]) in cores:
                votes[_Affix(stem[:start], stem[end:])] += 1
    return [affix for affix, _ in votes.most_common(most)]


def _apply(rule: Rule, photos: Collection[Name], left: Sequence[Name], found: Matching, *, join: bool) -> None:
    found.photo_of |= rule.matches(photos, left)
    found.notes.append(rule.note)
    if not join:
        return
    counted = {(place, stem): (place, _COUNTED.sub("", stem)) for place, stem in left if (place, stem) not in found.photo_of}
    by_rule = rule.matches(photos, {bare for mask, bare in counted.items() if bare != mask})
    for mask, bare in counted.items():
        if bare in by_rule:
            found.photo_of[mask] = by_rule[bare]
            found.further.add(mask)
