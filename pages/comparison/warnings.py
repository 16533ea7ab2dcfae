"""Warnings about models that trained on the photographs that they are scored on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from pages.comparison.models import Model, members_of
from pages.dataset.beside import clusters_beside
from pages.dataset.view import known_duplicates
from pages.shared.markdown import plain
from seg_core.config import Config
from seg_core.data.dataset import ALL, SplitChoice
from seg_core.data.folders import is_mask_folder
from seg_core.data.scan.duplicates import Duplicate
from seg_core.errors import InputError
from seg_core.evaluation.clusters import Clusters
from seg_core.evaluation.overlap import calibration_overlap, overlap
from seg_core.prediction.checkpoint_file import read_metadata
from seg_core.prediction.metadata import CheckpointMetadata
from seg_core.runs.groups import Group


def warn_of_overlap(models: Mapping[str, Model], split: SplitChoice) -> None:
    """Name the models that have seen, or may have seen, photographs of the split."""
    duplicates, clusters = known_duplicates(split.dataset), next(iter(clusters_beside(split.dataset).values()), None)
    for label, model in models.items():
        checkpoints = [(path, scored_on) for path, scored_on in members_of(model, split) if not is_mask_folder(path)]
        sentences = list(
            dict.fromkeys(text for path, scored_on in checkpoints for text in _sentences(path, scored_on, duplicates, clusters))
        )
        if isinstance(model, Group):  # its runs saw different photographs: one warning for all
            sentences = [f"includes a run that {text}" for text in sentences[:1]]
        for text in sentences:
            st.warning(plain(f"{label} {text}; its scores here say little about new photographs."))


def _sentences(checkpoint: Path, split: SplitChoice, duplicates: list[Duplicate], clusters: Clusters | None) -> list[str]:
    try:
        metadata = read_metadata(checkpoint)
        found = overlap(metadata["dataset"], split.dataset.fingerprint, split.pairs, duplicates, clusters)
    except InputError:
        return []  # deleted meanwhile; the page says so in place of its scores
    # Without the names of the photographs that it trained on, less can be said.
    trained = [_may_have_trained(metadata, split)] if found is None else found.sentences
    calibrated = calibration_overlap(metadata.get("calibration"), split.dataset.fingerprint, split.pairs)
    return list(filter(None, [*trained, calibrated]))


def _may_have_trained(metadata: CheckpointMetadata, split: SplitChoice) -> str:
    """Return what can be said of a checkpoint that does not name its training photographs; empty if nothing."""
    if split.name == "test":
        return ""
    if split.name == ALL and metadata["dataset"]["fingerprint"] != split.dataset.fingerprint:
        return ""
    same_data = metadata["dataset"]["fingerprint"] == split.dataset.fingerprint
    spec = Config.model_construct(**metadata["config"]).split_spec
    same_split = same_data and (metadata["dataset"]["val_is_own"] or spec == split.spec)
    if same_split and split.name == "val":
        return ""
    return "trained on these photographs" if same_split else "may have trained on some of these photographs"
