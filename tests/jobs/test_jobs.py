"""Jobs: asked for once, done one at a time by a process each, cancelled, lost, and their results kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import update

from seg_core.data.dataset import open_dataset
from seg_core.errors import InputError
from seg_core.jobs import results
from seg_core.jobs.claims import LOST
from seg_core.jobs.job import Job, Request
from seg_core.jobs.progress import Advance
from seg_core.jobs.requests import fetch_request
from seg_core.jobs.results import new_result, result_folder
from seg_core.jobs.store import JobStore
from seg_core.jobs.worker import work_on
from seg_core.runs.claim_protocol import owned_by
from seg_core.runs.dispatch import dispatch
from seg_core.runs.launcher import LocalLauncher, Worker
from seg_core.runs.processes import Owner
from seg_core.runs.tables import jobs
from tests.archive_server import TRAINING_DATA, Handler, Server
from tests.fake_worker import launcher
from tests.helpers import wait_until

A, B = Request("scan", "a", {"sources": ["sample"]}), Request("scan", "b", {})


@pytest.fixture
def store(lab_home: Path) -> JobStore:
    return JobStore()


def started(store: JobStore, request: Request = A) -> Job:
    """A job that this process works on."""
    job = store.submit(request)
    assert store.claims.claim(job.id)
    return store.get(job.id)


def start_next(store: JobStore) -> Job | None:
    """The job that is due, claimed by this process; None if none is."""
    job = store.claims.next_due()
    return store.get(job.id) if job is not None and store.claims.claim(job.id) else None


def by(launcher: LocalLauncher) -> JobStore:
    """The store of the home folder, whose workers another launcher starts."""
    return JobStore(launcher=launcher)


class NoLauncher(LocalLauncher):
    """Starts nothing, and says so when asked to."""

    def start(self, arguments: Sequence[str], home: Path, output: Path) -> Worker:
        pytest.fail("started")


def own(store: JobStore, job_id: int, owner: Owner) -> None:
    """Make a process the owner of a job."""
    with store._database.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(**owned_by(owner)))


def test_what_is_asked_for_twice_is_done_once(store: JobStore) -> None:
    first = store.submit(A)
    assert (first.status, first.arguments, first.progress) == ("queued", {"sources": ["sample"]}, 0)
    assert store.submit(A) == first
    assert store.submit(B).id != first.id
    assert start_next(store) == store.get(first.id)
    assert store.submit(A).id == first.id
    store.progress.finish(first.id, "finished", "Done.")
    latest = store.latest(A)
    assert latest is not None
    assert (latest.id, latest.status, latest.message, latest.is_active) == (first.id, "finished", "Done.", False)
    assert store.submit(A).id > first.id
    assert store.latest(Request("fetch", "a", {})) is None
    with pytest.raises(InputError, match=r"^There is no job 99; start it again\.$"):
        store.get(99)


def test_one_job_works_at_a_time_the_oldest_first(store: JobStore) -> None:
    one, two = store.submit(A).id, store.submit(B).id
    first = start_next(store)
    assert first is not None
    assert first.id == one
    assert start_next(JobStore(store.at)) is None
    store.progress.finish(one, "failed", "No.")
    second = start_next(store)
    assert second is not None
    assert second.id == two


def test_jobs_of_different_kinds_work_side_by_side(store: JobStore) -> None:
    started(store)
    store.submit(B)
    other = store.submit(Request("fetch", "c", {}))
    assert start_next(store) == store.get(other.id)
    assert store.get(other.id).status == "running"
    assert start_next(store) is None


@pytest.mark.parametrize(("cores", "at_once"), [(2, 1), (8, 1), (17, 2), (32, 4)])
def test_evaluations_work_side_by_side_as_far_as_the_cores_go(
    store: JobStore, cores: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seg_core.jobs.claims.os.cpu_count", lambda: cores)
    jobs = [store.submit(Request("evaluate", f"model {number}", {})).id for number in range(5)]
    store.submit(A)
    begun = [job.id for _ in range(6) if (job := start_next(store))]
    assert begun == [*jobs[:at_once], 6]
    store.progress.finish(jobs[0], "finished")
    following = start_next(store)
    assert following
    assert following.id == jobs[at_once]


def test_a_job_of_another_machine_can_be_cancelled_and_blocks_nobody(store: JobStore) -> None:
    job = started(store)
    own(store, job.id, Owner("elsewhere", 1, 1.0))
    store.claims.mark_lost()
    assert store.get(job.id).status == "running"  # nobody can tell whether it lives
    assert store.cancel(job.id).status == "stopped"
    store.submit(B)
    assert start_next(store) is not None


def test_a_job_that_dies_while_it_is_to_stop_has_stopped(store: JobStore) -> None:
    job = started(store)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    own(store, job.id, Owner.of(child.pid))
    store.cancel(job.id)
    child.communicate(b"\n")
    store.claims.mark_lost()
    assert store.get(job.id).status == "stopped"


def test_progress_is_kept_and_cancelling_is_heard(store: JobStore) -> None:
    job = started(store)
    store.progress.update(job.id, 1, 4, "Looking")
    assert (store.get(job.id).progress, store.get(job.id).message) == (0.25, "Looking")
    assert not store.progress.should_stop(job.id)
    assert store.cancel(job.id).status == "stopping"
    assert store.progress.should_stop(job.id)
    store.progress.finish(job.id, "stopped")
    assert store.cancel(job.id).status == "stopped"
    waiting = store.submit(B)
    assert store.cancel(waiting.id).status == "stopped"
    assert start_next(store) is None


def test_a_process_does_a_job_and_starts_the_next(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    dispatched: list[str] = []
    monkeypatch.setattr("seg_core.jobs.worker.dispatch", lambda store: dispatched.append(store.get(1).status))

    def count(job: Job, advance: Advance) -> str:
        for done in range(1, 4):
            advance(done, 3, "Counting")
        return f"Counted {job.arguments['sources'][0]}."

    job = store.submit(A)
    work_on(job.id, store, {"scan": count})
    done = store.get(job.id)
    assert (done.status, done.message, done.done, done.total, done.owner and done.owner.pid) == (
        "finished",
        "Counted sample.",
        3,
        3,
        os.getpid(),
    )
    assert dispatched == ["finished"]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InputError("The folder is empty."), "The folder is empty."),
        (KeyError("iou"), "It failed unexpectedly (KeyError); results/jobs.log says more."),
    ],
)
def test_a_failure_is_one_sentence(
    store: JobStore, error: Exception, message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(job: Job, advance: Advance) -> str:
        raise error

    monkeypatch.setattr("seg_core.jobs.worker.dispatch", lambda store: None)
    job = store.submit(A)
    work_on(job.id, store, {"scan": fail})
    assert (store.get(job.id).status, store.get(job.id).message) == ("failed", message)
    assert ("Traceback" in capsys.readouterr().err) == isinstance(error, KeyError)


def test_a_job_that_an_older_version_queued_fails_in_one_sentence(store: JobStore, capsys: pytest.CaptureFixture[str]) -> None:
    job = store.submit(Request("survey", "a", {}))  # type: ignore[arg-type] # what a scan was called
    work_on(job.id, store)
    done = store.get(job.id)
    assert (done.status, done.message) == (
        "failed",
        "This version of LesionLab has no job 'survey'; start it again from its page.",
    )
    assert "Traceback" not in capsys.readouterr().err


def test_a_cancelled_job_and_a_terminated_one_stop(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seg_core.jobs.worker.dispatch", lambda store: None)

    def forever(stop: Callable[[int], Any]) -> Callable[[Job, Advance], str]:
        def work(job: Job, advance: Advance) -> str:
            stop(job.id)
            for _ in range(1000):  # the signal may take a moment
                advance(1, 1, "Waiting")
            return "not stopped"

        return work

    for request, stop in ((A, store.cancel), (B, lambda job_id: os.kill(os.getpid(), signal.SIGTERM))):
        job = store.submit(request)
        work_on(job.id, store, {"scan": forever(stop)})
        assert (store.get(job.id).status, store.get(job.id).message) == ("stopped", "Cancelled.")


def test_a_job_whose_process_is_killed_fails_and_the_next_one_starts(store: JobStore) -> None:
    first, second = store.submit(A).id, store.submit(B).id
    assert [job.id for job in dispatch(by(launcher()))] == [first]
    wait_until(lambda: store.get(first).status == "running", what="the job is claimed")
    assert dispatch(by(NoLauncher())) == []
    pid = store.get(first).pid
    assert pid is not None
    assert os.getsid(pid) == pid  # Ctrl-C in the app's terminal passes it by
    psutil.Process(pid).kill()
    wait_until(lambda: not psutil.pid_exists(pid), what="the killed process is waited for")
    store.claims.mark_lost()
    assert store.get(first).message == LOST
    assert [job.id for job in dispatch(by(launcher()))] == [second]
    psutil.Process(store.get(second).pid).kill()


def test_a_process_that_cannot_start_fails_its_job(store: JobStore, tmp_path: Path) -> None:
    job = store.submit(A)
    assert dispatch(by(LocalLauncher((str(tmp_path / "no-python"),)))) == []
    assert store.get(job.id).message == "Its worker could not be started (No such file or directory); start it again."


def test_a_result_appears_whole_or_not_at_all(lab_home: Path) -> None:
    assert result_folder(A) is None
    with pytest.raises(FileNotFoundError), new_result(A) as folder:
        (folder / "half" / "way").touch()
    assert result_folder(A) is None
    with new_result(A) as folder:
        (folder / "whole").touch()
        assert result_folder(A) is None
    place = result_folder(A)
    assert place is not None
    assert [file.name for file in place.iterdir()] == ["whole"]
    with new_result(A) as folder:
        (folder / "newer").touch()
    assert [file.name for file in place.iterdir()] == ["newer"]


def test_the_results_unused_for_longest_go(lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "MOST_RESULTS", 2)
    for age, request in ((300, A), (200, B)):
        with new_result(request):
            pass
        folder = result_folder(request)
        assert folder is not None
        os.utime(folder, (folder.stat().st_mtime - age,) * 2)
    assert result_folder(A)  # used just now
    with new_result(Request("scan", "c", {})):
        pass
    assert result_folder(B) is None
    assert result_folder(A)


def test_a_job_fetches_the_official_data_and_hears_that_it_is_cancelled(
    archives: Server, store: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seg_core.jobs.worker.dispatch", lambda store: None)
    request = fetch_request(f" '{tmp_path / 'isic'}' ")
    job = store.submit(request)

    def cancelled_meanwhile(handler: Handler) -> None:
        store.cancel(job.id)
        handler.serve()

    archives.faults["GET", TRAINING_DATA] = [cancelled_meanwhile]
    work_on(job.id, store)
    assert (store.get(job.id).status, store.get(job.id).message) == ("stopped", "Cancelled.")

    job = store.submit(request)
    work_on(job.id, store)
    assert store.get(job.id).message == f"{tmp_path / 'isic'} holds the official data."
    assert store.get(job.id).progress == 1
    assert open_dataset(tmp_path / "isic").counts == {"train": 3, "val": 0, "test": 2}
    with pytest.raises(InputError, match="stands for the built-in photographs"):
        fetch_request("sample")
