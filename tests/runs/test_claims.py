"""The claim protocol for runs: in turn, once, and by one process; what becomes of runs whose process is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from seg_core.errors import InputError
from seg_core.runs import processes
from seg_core.runs.claims import LOST
from seg_core.runs.processes import Owner
from seg_core.runs.store import RunStore
from tests.runs.stores import CONFIG, change, in_child, own, running


def test_one_run_at_a_time_in_the_order_of_the_queue(store: RunStore) -> None:
    one, two, three = (store.queue.add("", CONFIG, "sample").id for _ in range(3))
    assert not store.claims.claim(two)
    assert store.claims.claim(one)
    assert not store.claims.claim(one)
    assert store.claims.next_due() is None
    assert store.queue.running() == [store.get_run(one)]
    store.progress.finish(one, "stopped")
    assert store.queue.running() == []
    store.queue.resume(one)  # at the end of the queue
    for run_id in (two, three, one):
        head = store.claims.next_due()
        assert head is not None
        assert head.id == run_id
        assert store.claims.claim(run_id)
        assert store.progress.finish(run_id, "finished", "Done.").message == "Done."


def test_a_run_in_the_foreground_waits_its_turn(store: RunStore) -> None:
    first = store.queue.add("", CONFIG, "sample").id
    here = store.queue.add("", CONFIG, "sample", foreground=True)
    assert here.owner == Owner.of()
    assert not store.claims.claim(here.id)
    assert store.claims.claim(first)
    store.progress.finish(first, "finished")
    assert store.claims.next_due() is None  # it has a process already
    assert store.claims.claim(here.id)


def test_as_many_runs_train_at_a_time_as_there_are_slots(store: RunStore) -> None:
    one, two, three = (store.queue.add("", CONFIG, "sample").id for _ in range(3))
    assert store.queue.slots() == 1
    store.queue.set_slots(2)
    assert RunStore(store.at).queue.slots() == 2  # for every process
    assert not store.claims.claim(three)
    assert store.claims.claim(two)
    assert store.claims.claim(one)
    assert not store.claims.claim(three)
    assert [run.id for run in store.queue.running()] == [one, two]
    store.queue.set_slots(1)
    store.progress.finish(one, "finished")
    assert not store.claims.claim(three)
    store.progress.finish(two, "finished")
    assert store.claims.claim(three)
    for wrong in (0, 9):
        with pytest.raises(InputError, match=f"^{wrong} runs cannot train at a time; choose a number from 1 to 8.$"):
            store.queue.set_slots(wrong)


def test_a_worker_that_starts_takes_a_slot(store: RunStore) -> None:
    one, two, three = (store.queue.add("", CONFIG, "sample").id for _ in range(3))
    store.queue.set_slots(2)
    assert store.claims.reserve(one)
    head = store.claims.next_due()
    assert head is not None
    assert head.id == two
    assert not store.claims.reserve(three)
    assert store.claims.reserve(two)
    assert store.claims.next_due() is None


def test_only_one_of_many_threads_gets_a_run(store: RunStore) -> None:
    run_id = store.queue.add("", CONFIG, "sample").id
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: store.claims.claim(run_id), range(8))) == 1


def test_of_several_processes_one_gets_the_run(store: RunStore) -> None:
    run_id = store.queue.add("", CONFIG, "sample").id
    children = [in_child(store, "claim", run_id, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(4)]
    answers = [child.stdout.readline().strip() if child.stdout else "" for child in children]
    assert sorted(answers) == ["0", "0", "0", "1"]
    assert store.get_run(run_id).pid == children[answers.index("1")].pid
    for child in children:
        child.communicate(timeout=30)


def test_only_one_process_reserves_a_run_until_it_is_gone(store: RunStore, gone: Owner) -> None:
    run_id = store.queue.add("", CONFIG, "sample").id
    assert store.claims.reserve(run_id)
    assert not store.claims.reserve(run_id)
    store.claims.hand_over(run_id, gone)
    assert store.claims.mark_lost() == []  # a worker that never began loses nothing
    assert store.claims.reserve(run_id)
    assert store.claims.claim(run_id)
    assert not store.claims.reserve(run_id)
    assert not store.claims.reserve(99)


# Lost runs


@pytest.mark.parametrize("stopping", [False, True])
def test_a_run_whose_process_is_gone_is_lost(store: RunStore, gone: Owner, stopping: bool) -> None:
    run_id = running(store)
    store.progress.log(run_id, "Before.")
    if stopping:
        store.queue.stop(run_id)
    own(store, run_id, gone)
    assert [run.id for run in store.claims.mark_lost()] == [run_id]
    run = store.get_run(run_id)
    assert (run.status, run.message, run.finished) == ("lost", LOST, run.heartbeat)
    assert [line.text for line in store.history.log_tail(run_id)] == ["Before.", LOST]
    assert store.claims.mark_lost() == []
    assert store.queue.resume(run_id).status == "queued"


def test_a_number_given_to_another_process_is_noticed(store: RunStore) -> None:
    run_id = running(store)
    me = Owner.of()
    own(store, run_id, Owner(me.host, me.pid, me.started - 10))
    assert len(store.claims.mark_lost()) == 1


def test_silence_alone_loses_no_run(store: RunStore) -> None:
    run_id = running(store)
    change(store, "UPDATE runs SET heartbeat = 0")
    assert store.claims.mark_lost() == []
    assert store.get_run(run_id).status == "running"


def test_setting_the_clock_loses_no_run(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    running(store)
    if not psutil.LINUX:
        pytest.skip("only Linux tells when a process started, counted from boot")
    boot = psutil.boot_time()
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: boot + 3600)
    monkeypatch.setattr(psutil, "boot_time", lambda: boot + 3600)
    assert store.claims.mark_lost() == []


def test_a_zombie_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"], stdout=subprocess.PIPE)
    owner = Owner.of(child.pid)
    assert child.stdout is not None
    assert child.stdout.read() == b""  # it has ended, and nobody has waited for it
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert owner.is_gone
    child.wait()
    child.stdout.close()


def test_runs_of_another_machine_are_left_alone_until_someone_wants_them_stopped(
    store: RunStore, gone: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = running(store)
    own(store, run_id, gone)
    monkeypatch.setattr(processes, "host_name", lambda: "another")
    assert store.claims.mark_lost() == []
    assert store.queue.stop(run_id).status == "stopping"
    change(store, "UPDATE runs SET heartbeat = heartbeat - 61")
    assert store.queue.stop(run_id).status == "lost"


def test_a_run_of_another_machine_that_was_to_stop_and_is_silent_is_lost(
    store: RunStore, gone: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = running(store)
    own(store, run_id, gone)
    monkeypatch.setattr(processes, "host_name", lambda: "another")
    store.queue.stop(run_id)
    assert store.claims.mark_lost() == []
    change(store, "UPDATE runs SET heartbeat = heartbeat - 61")
    (lost,) = store.claims.mark_lost()
    assert (lost.id, lost.status) == (run_id, "lost")
    assert lost.message.startswith("The machine ")


def test_a_run_in_the_foreground_whose_process_is_gone_blocks_nobody(store: RunStore, gone: Owner) -> None:
    here = store.queue.add("", CONFIG, "sample", foreground=True).id
    own(store, here, gone)
    assert store.claims.claim(store.queue.add("", CONFIG, "sample").id)
    assert store.get_run(here).status == "lost"
