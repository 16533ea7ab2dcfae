"""The attributes of a dataset's photographs are measured by a job, once, until a file changes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from seg_core.data.attributes import Attributes
from seg_core.data.dataset import open_dataset
from seg_core.jobs.requests import attributes_request
from seg_core.jobs.results import result_folder
from seg_core.jobs.store import JobStore
from seg_core.jobs.worker import work_on


def test_photographs_are_measured_once_until_a_file_changes(
    small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seg_core.jobs.worker.dispatch", lambda store: None)
    store, data = JobStore(), Path(shutil.copytree(small_dataset, tmp_path / "data", copy_function=shutil.copy2))
    dataset = open_dataset(data)
    request = attributes_request(dataset)
    job = store.submit(request)
    work_on(job.id, store)
    assert store.get(job.id).message == "9 photographs measured."
    folder = result_folder(request)
    assert folder is not None
    assert Attributes.load(folder / "attributes.npz").ids == tuple(pair.id for pair in dataset.unique_pairs)
    assert attributes_request(open_dataset(data)).key == request.key

    os.utime(dataset.pairs[0].mask, (1, 1))
    changed = attributes_request(open_dataset(data))
    assert changed.key != request.key
    job = store.submit(changed)
    os.utime(dataset.pairs[0].mask, (2, 2))  # while the job waits for its turn
    work_on(job.id, store)
    assert store.get(job.id).message == "The files have changed since this was requested; start it again."
    assert result_folder(changed) is None
