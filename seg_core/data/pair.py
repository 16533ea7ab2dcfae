"""A photograph with its masks: of one person, or of several experts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seg_core.data.masks.folder import MaskFolderRule
from seg_core.data.masks.rule import MaskRule
from seg_core.data.source import MAJORITY
from seg_core.data.words import SplitName

STAPLE = "staple"
"""The other way, beside `MAJORITY`, in which masks of several experts become one truth (`seg_core.data.consensus`)."""


@dataclass(frozen=True)
class Expert:
    """The masks that one expert drew of a photograph; several are read as one."""

    name: str
    files: tuple[Path, ...]
    rule: MaskFolderRule | None = field(default=None, compare=False, repr=False)
    """How they and this expert's other masks are read; None if they stand alone."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values, from which `from_json` makes it again."""
        rule = self.rule.rule.to_json() if self.rule else None
        return {"name": self.name, "files": [str(file) for file in self.files], "rule": rule}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Expert:
        """Make an expert's masks from the values of `to_json`."""
        rule = MaskFolderRule.known(MaskRule.from_json(values["rule"])) if values["rule"] else None
        return cls(values["name"], tuple(map(Path, values["files"])), rule)


@dataclass(frozen=True)
class Pair:
    """One photograph with its mask; ``id`` is the photograph's file name, made legible, ``split`` the dataset's own split.

    Several masks of one photograph are read as one by `seg_core.data.truth.read_truth`.
    """

    id: str
    image: Path
    mask: Path
    split: SplitName
    more_masks: tuple[Path, ...] = ()
    rule: MaskFolderRule | None = field(default=None, compare=False, repr=False)
    """How it and the masks beside it are read; None if it stands alone, or experts drew it."""
    experts: tuple[Expert, ...] = ()
    """Who outlined the photograph, where several experts outlined the dataset: all mask files are theirs."""
    truth: str = ""
    """What counts of the experts' masks: `MAJORITY`, `STAPLE`, or the name of one; empty where there are none."""

    @property
    def masks(self) -> tuple[Path, ...]:
        """All its mask files."""
        return self.mask, *self.more_masks

    @property
    def rules(self) -> tuple[MaskFolderRule, ...]:
        """How its masks are read, as far as they do not stand alone: one rule, or one for each expert."""
        own = (self.rule, *(expert.rule for expert in self.experts))
        return tuple(rule for rule in own if rule)

    @property
    def lesion(self) -> str:
        """The number or colour that the user named as the lesion; empty if the masks say it themselves."""
        return next((rule.lesion for rule in self.rules if rule.lesion), "") or ""

    @property
    def who(self) -> str:
        """Who drew which of the masks, and which count, as text for keys; empty where there are no experts."""
        return " ".join([self.truth, *(f"{expert.name}:{len(expert.files)}" for expert in self.experts)]) if self.experts else ""

    @property
    def mask_names(self) -> str:
        """Its mask files, and what is the lesion in them, as text for keys of what is computed from them."""
        return " ".join([*map(str, self.masks), self.lesion, *([self.who] if self.experts else [])])

    @classmethod
    def of_experts(cls, id: str, image: Path, split: SplitName, experts: tuple[Expert, ...], truth: str = MAJORITY) -> Pair:
        """Return the pair of a photograph that these experts outlined."""
        mask, *more = (file for expert in experts for file in expert.files)
        return cls(id, image, mask, split, tuple(more), experts=experts, truth=truth)

    def by(self, names: Collection[str]) -> Pair | None:
        """Return the pair with the masks of some of its experts alone, by name; None if they did not outline the photograph.

        Their truth is formed as before; where that was the mask of one who is left out, by the majority.
        """
        kept = tuple(expert for expert in self.experts if expert.name in names)
        if not kept:
            return None
        known = {MAJORITY, STAPLE, *(expert.name for expert in kept)}
        return self.of_experts(self.id, self.image, self.split, kept, self.truth if self.truth in known else MAJORITY)

    def with_rules(self, rule: MaskFolderRule, of_experts: dict[str, MaskFolderRule]) -> Pair:
        """Return the pair with the rules by which its masks are read: of all, or by the experts' names."""
        if not self.experts:
            return replace(self, rule=rule)
        return replace(self, experts=tuple(replace(expert, rule=of_experts[expert.name]) for expert in self.experts))

    def to_json(self) -> dict[str, Any]:
        """Return plain values, from which `from_json` makes it again. They hold the rule by which its masks are read."""
        rule = self.rule.rule.to_json() if self.rule else None
        more = [str(mask) for mask in self.more_masks]
        files = {"id": self.id, "image": str(self.image), "mask": str(self.mask), "split": self.split, "more": more, "rule": rule}
        experts = {"experts": [expert.to_json() for expert in self.experts], "truth": self.truth}
        return files | experts if self.experts else files

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Pair:
        """Make a pair from the values of `to_json`."""
        rule = MaskFolderRule.known(MaskRule.from_json(values["rule"])) if values["rule"] else None
        files = Path(values["image"]), Path(values["mask"]), values["split"], tuple(map(Path, values["more"]))
        experts = tuple(map(Expert.from_json, values.get("experts", [])))
        return cls(values["id"], *files, rule, experts, values.get("truth", ""))
