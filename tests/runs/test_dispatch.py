"""Dispatching through a launcher whose workers are not processes of this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from seg_core.runs.claims import LOST
from seg_core.runs.dispatch import dispatch
from seg_core.runs.launcher import Worker
from seg_core.runs.processes import Owner
from seg_core.runs.store import RunStore
from tests.helpers import wait_until
from tests.runs.stores import CONFIG, change, own


class Cluster:
    """A launcher that only notes what it is asked to start, under numbers from 1."""

    def __init__(self) -> None:
        self.started: list[tuple[str, ...]] = []
        self.gone: set[Owner] = set()
        self.failure = ""
        self.end = threading.Event()

    def start(self, arguments: Sequence[str], home: Path, output: Path) -> Worker:
        self.started.append(tuple(arguments))
        return Worker(Owner("cluster", len(self.started), 0.0), self._wait)

    def is_gone(self, owner: Owner) -> bool:
        return owner in self.gone or (owner.host != "cluster" and owner.is_gone)

    def _wait(self) -> str:
        self.end.wait(30)
        return self.failure


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    cluster = Cluster()
    yield cluster
    cluster.end.set()


@pytest.fixture
def store(lab_home: Path, cluster: Cluster) -> Iterator[RunStore]:
    with closing(RunStore(launcher=cluster)) as store:
        yield store


def test_a_run_is_started_once_and_again_when_its_worker_is_gone(store: RunStore, cluster: Cluster) -> None:
    first, second = (store.queue.add("", CONFIG, "sample").id for _ in range(2))
    assert [run.id for run in dispatch(store)] == [first]
    assert store.get_run(first).owner == Owner("cluster", 1, 0.0)
    assert dispatch(store) == []
    cluster.gone.add(Owner("cluster", 1, 0.0))
    assert [run.id for run in dispatch(store)] == [first]
    assert store.get_run(first).owner == Owner("cluster", 2, 0.0)
    store.queue.stop(first)
    assert [run.id for run in dispatch(store)] == [second]
    assert cluster.started == [("work", "1"), ("work", "1"), ("work", "2")]


def test_a_claimed_run_is_lost_when_its_worker_is_gone(store: RunStore, cluster: Cluster) -> None:
    run_id = store.queue.add("", CONFIG, "sample").id
    assert store.claims.claim(run_id)
    own(store, run_id, Owner("cluster", 1, 0.0))
    assert store.claims.mark_lost() == []
    cluster.gone.add(Owner("cluster", 1, 0.0))
    assert [(run.status, run.message) for run in store.claims.mark_lost()] == [("lost", LOST)]


def test_a_worker_that_fails_before_it_claims_fails_its_run(store: RunStore, cluster: Cluster) -> None:
    run_id = store.queue.add("", CONFIG, "sample").id
    cluster.failure = "was refused by the scheduler"
    dispatch(store)
    cluster.end.set()
    wait_until(lambda: store.get_run(run_id).status == "failed")
    assert store.get_run(run_id).message == "Its worker was refused by the scheduler before it began."
    assert [line.text for line in store.history.log_tail(run_id)] == [store.get_run(run_id).message]


def test_a_worker_that_ends_well_without_claiming_leaves_the_run_due(store: RunStore, cluster: Cluster) -> None:
    run_id = store.queue.add("", CONFIG, "sample").id
    dispatch(store)
    cluster.end.set()
    cluster.gone.add(Owner("cluster", 1, 0.0))
    due = store.claims.next_due()
    assert due is not None
    assert due.id == run_id


def test_a_run_of_an_older_version_without_an_owner_blocks_nobody(store: RunStore) -> None:
    first, second = (store.queue.add("", CONFIG, "sample").id for _ in range(2))
    assert store.claims.claim(first)
    change(store, f"UPDATE runs SET host = NULL, pid = NULL, pid_started = NULL WHERE id = {first}")
    assert [run.id for run in dispatch(store)] == [second]
    assert store.get_run(first).status == "lost"
