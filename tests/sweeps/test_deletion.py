"""Deleting sweeps: never one that goes on, and its runs only where that is wanted."""

from __future__ import annotations

import pytest

from seg_core.errors import InputError
from seg_core.sweeps.deletion import delete_sweep
from tests.sweeps.searching import LOSSES, Search


def test_a_sweep_is_deleted_with_its_runs_alone(search: Search) -> None:
    other = search.runs.queue.add("another", search.start(LOSSES).config, "sample")
    search.runs.queue.stop(other.id)
    sweep = search.finish(search.start(LOSSES, by="grid"), [0.5, 0.6])
    search.sweeps.stop(sweep.id)
    best = search.runs.folder(sweep.runs[0].id) / "best.safetensors"
    best.parent.mkdir(parents=True)
    best.write_bytes(b"model")
    freed = delete_sweep(search.sweeps, search.runs, sweep.id)
    assert freed == 5
    assert not best.exists()
    assert [run.id for run in search.runs.list_runs()] == [other.id]
    assert [each.id for each in search.sweeps.all()] == [1]


def test_its_runs_may_stay(search: Search) -> None:
    sweep = search.finish(search.start(LOSSES, by="grid"), [0.5])
    search.sweeps.stop(sweep.id)
    assert delete_sweep(search.sweeps, search.runs, sweep.id, keep_runs=True) == 0
    assert search.sweeps.all() == []
    assert [run.best_iou for run in search.runs.list_runs()] == [0.5]
    assert search.sweeps.of_runs([1]) == []


def test_what_goes_on_is_not_deleted(search: Search) -> None:
    sweep = search.start(LOSSES, by="grid")
    search.step(sweep)
    with pytest.raises(InputError, match="Sweep 1 goes on; stop it first"):
        delete_sweep(search.sweeps, search.runs, sweep.id)
    (run,) = search.runs.queue.queued()
    assert search.runs.claims.claim(run.id)
    search.sweeps.stop(sweep.id)
    with pytest.raises(InputError, match=r"Runs of sweep 1 have not ended yet \(1\)"):
        delete_sweep(search.sweeps, search.runs, sweep.id)
    assert len(search.runs.list_runs()) == len(search.sweeps.all()) == 1
    with pytest.raises(InputError, match="There is no sweep 7"):
        delete_sweep(search.sweeps, search.runs, 7)
