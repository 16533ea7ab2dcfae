"""Runs that are made a group afterwards, and archived runs."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from seg_core.errors import InputError
from seg_core.runs.store import RunStore
from seg_core.runs.tables import runs
from tests.runs.stores import CONFIG


def queued(store: RunStore, sources: str = "sample", **settings: object) -> int:
    return store.queue.add("", CONFIG.model_copy(update=settings), sources).id


def test_runs_of_other_seeds_become_a_group_and_single_runs_again(store: RunStore) -> None:
    first, second, third = (queued(store, seed=seed) for seed in (1, 2, 3))
    assert [run.id for run in store.group([third, first, first])] == [first, third]
    assert [store.get_run(run_id).group for run_id in (first, second, third)] == [first, None, first]
    with pytest.raises(InputError, match=f"is in group {first}; take that group apart first"):
        store.group([second, third])
    store.ungroup(first)
    assert {run.group for run in store.list_runs()} == {None}


def test_a_number_of_a_group_is_not_given_twice(store: RunStore) -> None:
    first, *others = (queued(store, seed=seed) for seed in range(4))
    with store._database.write() as connection:  # a group whose first run was taken out of it
        for run_id in others[:2]:
            connection.execute(update(runs).where(runs.c.id == run_id).values(group=first))
    assert {run.group for run in store.group([first, others[2]])} == {others[2]}


def test_what_is_no_repeat_of_one_training_is_refused(store: RunStore) -> None:
    first, same, longer, elsewhere = queued(store), queued(store), queued(store, seed=1, epochs=9), queued(store, "/data", seed=2)
    for wrong, why in (
        ([first, first], "needs two runs or more"),
        ([first, same], "have the same seed and fold"),
        ([first, longer], "these differ in epochs"),
        ([first, elsewhere], "these differ in the data"),
    ):
        with pytest.raises(InputError, match=why):
            store.group(wrong)
    assert {run.group for run in store.list_runs()} == {None}


def test_a_run_is_archived_and_brought_back(store: RunStore) -> None:
    run_id = queued(store)
    assert store.annotate(run_id, archived=True).to_json()["archived"] is True
    assert store.annotate(run_id, name="kept").archived
    assert not store.annotate(run_id, archived=False).archived
