"""What CSV files beside a dataset say of its photographs: their properties, and which of them are not independent."""

from __future__ import annotations

import streamlit as st

from seg_core.data.columns import columns_of
from seg_core.data.dataset import Dataset
from seg_core.data.fingerprint import file_facts
from seg_core.data.groups import cluster_columns
from seg_core.data.partition import Partition
from seg_core.data.photo_csv import source_folders
from seg_core.errors import InputError
from seg_core.evaluation.clusters import Clusters


def columns_beside(dataset: Dataset) -> tuple[list[Partition], list[str]]:
    """Return `seg_core.data.columns.columns_of` a dataset, read once while its files stay the same."""
    return _columns(dataset.sources, dataset.fingerprint, _facts(dataset), dataset)


def clusters_beside(dataset: Dataset) -> dict[str, Clusters]:
    """Return the clusters that each column of patients or lesions makes, as `FILE.csv:COLUMN`, the widest first."""
    return _clusters(dataset.sources, dataset.fingerprint, _facts(dataset), dataset)


@st.cache_resource(max_entries=8, show_spinner=False)  # Streamlit keys it by all but the dataset
def _columns(
    sources: tuple[str, ...], fingerprint: str, facts: tuple[str, ...], _dataset: Dataset
) -> tuple[list[Partition], list[str]]:
    return columns_of(sources, _dataset.unique_pairs)


@st.cache_resource(max_entries=8, show_spinner=False)
def _clusters(sources: tuple[str, ...], fingerprint: str, facts: tuple[str, ...], _dataset: Dataset) -> dict[str, Clusters]:
    pairs = _dataset.unique_pairs
    try:
        return {name: Clusters.read(name, sources, pairs) for name in cluster_columns(sources, pairs)}
    except InputError:  # gone just now
        return {}


def _facts(dataset: Dataset) -> tuple[str, ...]:
    """Return size and time of each file, which tell whether it is still the same."""
    files = sorted(file for folder in source_folders(dataset.sources) for file in folder.glob("*.csv"))
    try:
        return tuple(f"{file} {file_facts(file)}" for file in files)
    except InputError:  # deleted just now
        return ()
