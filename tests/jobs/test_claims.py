"""The claim protocol for jobs: reserved by one dispatcher, claimed by one worker, taken over when a process is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest
from sqlalchemy import insert, select

from seg_core.common.home import PROJECT
from seg_core.jobs.claims import LOST
from seg_core.jobs.job import Request
from seg_core.jobs.store import JobStore
from seg_core.jobs.supervisor import Supervisor
from seg_core.jobs.worker import work_on
from seg_core.runs.claim_protocol import owned_by
from seg_core.runs.dispatch import dispatch
from seg_core.runs.launcher import LocalLauncher, Worker
from seg_core.runs.processes import Owner
from seg_core.runs.store import RunStore
from seg_core.runs.tables import jobs
from tests.fake_worker import launcher
from tests.helpers import wait_until
from tests.jobs.test_jobs import NoLauncher, by, own
from tests.runs.stores import ended_process

A, B, OTHER = Request("scan", "a", {}), Request("scan", "b", {}), Request("fetch", "c", {})
SLEEPING = LocalLauncher((sys.executable, "-c", "import signal; signal.pause()"))


@pytest.fixture
def store(lab_home: Path) -> Iterator[JobStore]:
    store = JobStore()
    yield store
    with store._database.read() as connection:  # a failed test leaves no process behind
        owned = select(jobs.c.host, jobs.c.pid, jobs.c.pid_started).where(jobs.c.pid.is_not(None))
        owners = [Owner(*row) for row in connection.execute(owned)]
    for owner in owners:
        if owner.pid != os.getpid() and owner.is_here and not owner.is_gone:
            os.kill(owner.pid, signal.SIGKILL)
    store.close()


@pytest.fixture
def gone() -> Owner:
    """A process of this machine that has ended."""
    return ended_process()


def claiming(store: JobStore, job_id: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.fake_worker", "claim-job", str(job_id)],
        cwd=PROJECT,
        env=os.environ | {"LESIONLAB_HOME": str(store.home)},
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def cancel_when_begun(store: JobStore, job_id: int) -> None:
    """Wait until a job's worker has begun, cancel the job, and wait until the worker has ended."""
    wait_until(lambda: store.get(job_id).progress, what=f"job {job_id} is begun")
    pid = store.get(job_id).pid
    assert pid is not None
    store.cancel(job_id)
    wait_until(lambda: store.get(job_id).status == "stopped")
    wait_until(lambda: not psutil.pid_exists(pid), what="its process ends")


@pytest.mark.slow
def test_of_eight_processes_one_gets_the_job(store: JobStore) -> None:
    job_id = store.submit(A).id
    children = [claiming(store, job_id) for _ in range(8)]
    answers = [child.stdout.readline().strip() if child.stdout else "" for child in children]
    assert sorted(answers) == [*"0000000", "1"]
    assert store.get(job_id).status == "running"
    assert store.get(job_id).pid == children[answers.index("1")].pid
    for child in children:
        child.communicate(timeout=30)


def test_a_job_is_claimed_in_its_turn_alone(store: JobStore) -> None:
    first, second, other = (store.submit(request).id for request in (A, B, OTHER))
    assert not store.claims.claim(second)
    assert store.claims.claim(first)
    assert not store.claims.claim(first)
    assert not store.claims.claim(second)
    assert store.claims.claim(other)
    store.progress.finish(first, "finished")
    assert store.claims.claim(second)


def test_a_job_whose_turn_it_is_not_is_left_alone(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seg_core.jobs.worker.dispatch", lambda store: None)
    store.submit(A)
    second = store.submit(B).id
    work_on(second, store, {"scan": lambda job, advance: pytest.fail("begun")})
    assert store.get(second).status == "queued"


def test_a_reserved_job_holds_up_its_kind_alone(store: JobStore) -> None:
    first, second, other = (store.submit(request).id for request in (A, B, OTHER))
    assert store.claims.reserve(first)
    assert not store.claims.reserve(first)
    assert not store.claims.reserve(second)
    due = store.claims.next_due()
    assert due is not None
    assert due.id == other
    assert store.claims.reserve(other)
    assert store.claims.next_due() is None


def test_an_abandoned_reservation_is_taken_over(store: JobStore, gone: Owner) -> None:
    job_id = store.submit(A).id
    assert store.claims.reserve(job_id)
    store.claims.hand_over(job_id, gone)  # its worker was killed before it began, and so was whoever waited for it
    assert store.claims.mark_lost() == []
    assert store.get(job_id).status == "queued"
    assert store.claims.reserve(job_id)
    assert store.claims.claim(job_id)
    assert not store.claims.reserve(job_id)
    assert not store.claims.reserve(99)


def test_a_reservation_is_handed_over_by_its_owner_alone(store: JobStore, gone: Owner) -> None:
    job_id = store.submit(A).id
    assert store.claims.reserve(job_id)
    own(store, job_id, Owner("elsewhere", 1, 1.0))
    store.claims.hand_over(job_id, gone)
    store.claims.fail_start(job_id, gone, "Not mine.")
    job = store.get(job_id)
    assert (job.status, job.owner) == ("queued", Owner("elsewhere", 1, 1.0))


def test_a_worker_killed_before_it_claims_fails_its_job_and_the_next_one_is_due(store: JobStore) -> None:
    first, second = store.submit(A).id, store.submit(B).id
    assert [job.id for job in dispatch(by(SLEEPING))] == [first]
    assert dispatch(by(NoLauncher())) == []  # the worker starts slowly, and lives
    starting = store.get(first)
    assert starting.status == "queued"
    assert starting.owner is not None
    os.kill(starting.owner.pid, signal.SIGKILL)
    failed = wait_until(lambda: (job := store.get(first)).status == "failed" and job)
    assert failed
    assert failed.message == "Its worker was killed by signal 9 before it began."
    assert failed.finished is not None
    due = store.claims.next_due()
    assert due is not None
    assert due.id == second


def test_a_worker_that_cannot_begin_fails_its_job_with_what_it_said(store: JobStore) -> None:
    job_id = store.submit(A).id
    assert dispatch(by(launcher("break")))
    wait_until(lambda: store.get(job_id).status == "failed")
    assert store.get(job_id).message == "Its worker ended with status 1 before it began: There is no torch."


def test_a_worker_whose_job_is_cancelled_while_it_starts_leaves_it_alone(store: JobStore) -> None:
    job_id = store.submit(A).id
    assert store.claims.reserve(job_id)
    assert store.cancel(job_id).status == "stopped"
    assert not store.claims.claim(job_id)
    store.claims.hand_over(job_id, Owner("elsewhere", 1, 1.0))
    assert store.get(job_id).pid == os.getpid()


def test_a_job_whose_process_number_was_given_to_another_process_is_lost(store: JobStore) -> None:
    job_id = store.submit(A).id
    assert store.claims.claim(job_id)
    me = Owner.of()
    own(store, job_id, Owner(me.host, me.pid, me.started - 10))
    (lost,) = store.claims.mark_lost()
    assert (lost.id, lost.status, lost.message) == (job_id, "failed", LOST)


@pytest.mark.slow
def test_two_supervisors_start_every_job_once(store: JobStore) -> None:
    started: list[int] = []

    class Counting(LocalLauncher):
        def start(self, arguments: Sequence[str], home: Path, output: Path) -> Worker:
            started.append(int(arguments[-1]))
            return launcher().start(arguments, home, output)

    jobs = [store.submit(request).id for request in (A, OTHER)]
    supervisors = [Supervisor(RunStore(launcher=Counting()), every=0.01) for _ in range(2)]
    for supervisor in supervisors:
        supervisor.start()
    for job_id in jobs:
        cancel_when_begun(store, job_id)
    for supervisor in supervisors:
        supervisor.stop()
    assert sorted(started) == jobs


def test_jobs_of_an_older_version_go_on(store: JobStore, gone: Owner) -> None:
    with store._database.write() as connection:
        for key, status, owner in (("a", "running", gone), ("b", "stopping", gone), ("c", "queued", None)):
            values = {"kind": "scan", "key": key, "arguments": {}, "status": status, "created": 0, "message": ""}
            connection.execute(insert(jobs).values(values | owned_by(owner)))
    assert [job.status for job in store.claims.mark_lost()] == ["failed", "stopped"]
    assert store.get(1).message == LOST
    assert store.claims.claim(3)
