"""Overlap of the photographs that score a model with those that trained it, near-duplicates included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from seg_core.data.folders import Pair
from seg_core.data.scan.copies import find_alike
from seg_core.data.scan.duplicates import Duplicate
from seg_core.errors import some_of
from seg_core.evaluation.clusters import Clusters
from seg_core.prediction.metadata import CalibrationValues, DatasetSummary


@dataclass(frozen=True)
class Overlap:
    """Ids of the scored photographs that a model has seen in training."""

    scored: int
    """Number of scored photographs."""
    trained: tuple[str, ...]
    """Photographs of these names trained the model."""
    near_duplicates: tuple[str, ...]
    """Another photograph of the same slide trained the model."""
    same_data: bool
    """True if the model trained on this very dataset, so that the same name means the same photograph."""
    of_cluster: tuple[str, ...] = ()
    """Another photograph of the same lesion or patient trained the model, by a column beside the dataset."""
    clusters: str = ""
    """What these are called: lesions, patients."""

    @property
    def sentences(self) -> list[str]:
        """Warnings to set behind the model's name; none where it has seen nothing."""
        warnings = []
        if self.trained:
            what = "these" if self.same_data else "photographs with the names of these"
            warnings.append(f"trained on {what}: {len(self.trained)} of {self.scored} ({some_of(self.trained, 3)})")
        if self.near_duplicates:
            which = f"{len(self.near_duplicates)} of these ({some_of(self.near_duplicates, 3)})"
            warnings.append(f"trained on other photographs of the same slides as {which}")
        if self.of_cluster:
            which = f"{len(self.of_cluster)} of these ({some_of(self.of_cluster, 3)})"
            warnings.append(f"trained on other photographs of the same {self.clusters} as {which}")
        return warnings


def overlap(
    trained_on: DatasetSummary,
    fingerprint: str,
    pairs: Sequence[Pair],
    duplicates: Sequence[Duplicate] = (),
    clusters: Clusters | None = None,
) -> Overlap | None:
    """Return which of some pairs a checkpoint has seen in training; None if its metadata does not name what trained it.

    Args:
        trained_on: from the checkpoint's metadata.
        fingerprint: of the dataset that the pairs are from.
        pairs: photographs and their truth.
        duplicates: near-duplicates in that dataset, where it was scanned.
        clusters: of its photographs that show one lesion or patient, where a file says so.
    """
    ids = trained_on.get("train_ids")
    if ids is None:
        return None
    seen, scored = set(ids), {pair.id for pair in pairs}
    twins = {(one.id, other.id) for each in duplicates for one, other in ((each.first, each.second), (each.second, each.first))}
    near_duplicates = {id for id, other in twins if id in scored - seen and other in seen}
    same_data = trained_on["fingerprint"] == fingerprint
    found = Overlap(len(scored), tuple(sorted(scored & seen)), tuple(sorted(near_duplicates)), same_data)
    if clusters is None:
        return found
    taught = {clusters.of[id] for id in seen if id in clusters.of}
    alike = {id for id in scored - seen - near_duplicates if clusters.of.get(id) in taught}
    return replace(found, of_cluster=tuple(sorted(alike)), clusters=clusters.many)


def calibration_overlap(calibrated_on: CalibrationValues | None, fingerprint: str, pairs: Sequence[Pair]) -> str:
    """Return a warning to set behind the name of a model whose threshold was chosen on some of these pairs; empty if on none.

    Args:
        calibrated_on: from the checkpoint's metadata.
        fingerprint: of the dataset that the pairs are from.
        pairs: photographs and their truth.
    """
    if calibrated_on is None or calibrated_on["fingerprint"] != fingerprint:
        return ""
    if (ids := calibrated_on["ids"]) is None:
        return "was calibrated on this dataset"
    both = {pair.id for pair in pairs}.intersection(ids)
    return f"was calibrated on {len(both)} of these {len(pairs)} photographs" if both else ""


def seen_in_training(
    trained: Sequence[Pair], scored: Sequence[Pair], on_progress: Callable[[int, int], None] | None = None
) -> set[Pair]:
    """Return the scored photographs that trained, by their names or by their looks.

    Args:
        trained: the photographs that trained a model.
        scored: photographs of other datasets.
        on_progress: gets (done, total) of the photographs while they are read.

    Raises:
        InputError: if a file went away since its dataset was opened.
    """
    names, count = {pair.id for pair in trained}, len(trained)
    alike = {other for one, other in find_alike([*trained, *scored], on_progress) if one < count <= other}
    return {pair for place, pair in enumerate(scored, start=count) if place in alike or pair.id in names}
