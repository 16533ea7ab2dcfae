"""Groups of runs: their members, labels and order."""

from __future__ import annotations

from pathlib import Path

from seg_core.runs.groups import groups_of
from seg_core.runs.store import RunStore
from tests.helpers import tiny_config


def test_a_group_is_what_is_left_of_it_as_long_as_that_are_several(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "lesionlab.db")
    store.queue.add("alone", tiny_config(), "sample")
    seeds = store.queue.add_group("a try", tiny_config().repeated(seeds=3), "sample")
    folds = store.queue.add_group("", tiny_config(variant="trainable-decoder").repeated(folds=2), "sample")
    newest, older = groups_of(store.list_runs())
    assert (newest.label, newest.id) == ("Group 5 · Model 1 · trainable decoder, 2 folds", folds[0].id)
    assert (older.label, older.runs) == ("Group 2 · a try, 3 seeds", tuple(seeds))
    (partly,) = groups_of(store.queue.add_group("", tiny_config().repeated(folds=3), "sample")[1:])
    assert partly.label == "Group 7 · Model 2 · fine-tuned, 2 of 3 folds"
    for run in partly.runs:
        store.queue.stop(run.id)
        store.delete(run.id)
    for run in (seeds[0], folds[0]):
        store.queue.stop(run.id)
        store.delete(run.id)
    (left,) = groups_of(store.list_runs())
    assert (left.label, left.id, [run.id for run in left.runs]) == ("Group 2 · a try, 2 seeds", 2, [3, 4])
