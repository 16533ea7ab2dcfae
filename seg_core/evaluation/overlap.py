"""Whether a model is scored on photographs that it trained on, or on others of the same slides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seg_core.data.folders import Pair
from seg_core.data.scan.duplicates import Duplicate
from seg_core.errors import some_of
from seg_core.prediction.metadata import DatasetSummary


@dataclass(frozen=True)
class Overlap:
    """Of the photographs that are scored, the ids of those that the model has seen."""

    scored: int
    trained: tuple[str, ...]
    """It trained on photographs of these names."""
    anew: tuple[str, ...]
    """It trained on another photograph of the same picture."""
    same_data: bool
    """Whether it trained on this very dataset, so that the same name is the same photograph."""

    @property
    def sentences(self) -> list[str]:
        """What to say of it, after the model's name; nothing where it has seen nothing."""
        said = []
        if self.trained:
            what = "these" if self.same_data else "photographs with the names of these"
            said.append(f"trained on {what}: {len(self.trained)} of {self.scored} ({some_of(self.trained, 3)})")
        if self.anew:
            said.append(f"trained on other photographs of the same slides as {len(self.anew)} of these ({some_of(self.anew, 3)})")
        return said


def overlap(
    trained_on: DatasetSummary, fingerprint: str, pairs: Sequence[Pair], duplicates: Sequence[Duplicate] = ()
) -> Overlap | None:
    """What a checkpoint has seen of some pairs, by the ids that it names; None if it names none.

    Args:
        trained_on: from the checkpoint's metadata.
        fingerprint: of the dataset that the pairs are from.
        pairs: photographs and their truth.
        duplicates: of that dataset, where it was looked at.
    """
    ids = trained_on.get("train_ids")
    if ids is None:
        return None
    seen, scored = set(ids), {pair.id for pair in pairs}
    twins = {(one.id, other.id) for each in duplicates for one, other in ((each.first, each.second), (each.second, each.first))}
    anew = {id for id, other in twins if id in scored - seen and other in seen}
    same_data = trained_on["fingerprint"] == fingerprint
    return Overlap(len(scored), tuple(sorted(scored & seen)), tuple(sorted(anew)), same_data)
