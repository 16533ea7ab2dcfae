"""The run store: what it keeps, who may do what when, and several processes at once."""

from __future__ import annotations

import json
import math
import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from seg_core.common.home import PROJECT, home
from seg_core.config import Config
from seg_core.errors import InputError
from seg_core.runs import processes
from seg_core.runs.claims import LOST
from seg_core.runs.processes import Owner
from seg_core.runs.store import RunStore

CONFIG = Config.of("report", epochs=4)
VALUES = {"loss": 0.5, "accuracy": 0.9, "iou": 0.7, "dice": 0.8}


@pytest.fixture
def store(lab_home: Path) -> Iterator[RunStore]:
    store = RunStore()
    yield store
    store.close()


def in_child(store: RunStore, mode: str, run_id: int, **options: Any) -> subprocess.Popen[str]:
    """Another process that works with the store; see tests/fake_worker.py."""
    command = [sys.executable, "-m", "tests.fake_worker", mode, str(run_id)]
    environment = os.environ | {"LESIONLAB_HOME": str(store.path.parent)}
    return subprocess.Popen(command, cwd=PROJECT, env=environment, text=True, **options)


def running(store: RunStore, name: str = "") -> int:
    run = store.queue.add(name, CONFIG, "sample")
    assert store.claims.claim(run.id)
    return run.id


def finished(store: RunStore) -> int:
    """A run that has trained its 4 epochs."""
    run_id = running(store)
    for epoch in range(1, 5):
        store.progress.add_epoch(run_id, epoch, VALUES, VALUES)
    store.progress.finish(run_id, "finished")
    return run_id


def change(store: RunStore, statement: str) -> None:
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute(statement)


# What it keeps


def test_a_new_run_is_queued_with_its_settings(store: RunStore, tmp_path: Path) -> None:
    run = store.queue.add("  first \n try ", CONFIG, [tmp_path / "a" / ".." / "b", "sample"])
    assert run == store.get_run(1)
    assert (run.id, run.name, run.label, run.status) == (1, "first try", "#1 first try", "queued")
    assert run.config == CONFIG
    assert run.sources == (str(tmp_path / "b"), "sample")
    assert run.is_active
    assert not run.is_running
    assert (run.progress, run.elapsed, run.phase, run.owner) == (0, 0, "waiting", None)


def test_runs_that_repeat_a_training_are_a_group_under_the_number_of_the_first(store: RunStore) -> None:
    alone = store.queue.add("alone", CONFIG, "sample")
    group = store.queue.add_group("three", CONFIG.repeated(seeds=3), "sample", tags=["seeds"])
    assert alone.group is None
    assert [(run.id, run.group, run.name, run.tags) for run in group] == [(id, 2, "three", ("seeds",)) for id in (2, 3, 4)]
    assert [run.config.seed for run in group] == [CONFIG.seed, CONFIG.seed + 1, CONFIG.seed + 2]
    assert [run.id for run in store.queue.queued()] == [1, 2, 3, 4]
    assert store.queue.add_group("one", CONFIG.repeated(), "sample")[0].group is None
    with pytest.raises(InputError, match="101 characters"):
        store.queue.add_group("x" * 101, CONFIG.repeated(folds=2), "sample")
    assert len(store.list_runs()) == 5


def test_a_run_without_a_name_goes_by_its_variant(store: RunStore) -> None:
    assert store.queue.add("", Config.of(variant="frozen-decoder"), "sample").label == "#1 Model 2b · frozen decoder"


@pytest.mark.parametrize(
    ("name", "sources", "sentence"),
    [("x" * 101, "sample", "101 characters"), ("", [], "needs data"), ("", ["sample", " "], "is empty")],
)
def test_a_run_that_makes_no_sense_is_refused(store: RunStore, name: str, sources: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        store.queue.add(name, CONFIG, sources)
    assert store.list_runs() == []


def test_names_and_logs_may_hold_any_characters(store: RunStore) -> None:
    name = "Ωμέγα 🩺 '; DROP TABLE runs; --"
    run = store.queue.add(name, CONFIG, "/data/\udce4")
    store.progress.log(run.id, "The file \udce4.png is broken.")
    assert store.get_run(run.id).name == name
    assert store.get_run(run.id).sources == ("/data/\udce4",)
    assert [line.text for line in store.history.log_tail(run.id)] == ["The file ?.png is broken."]


def test_a_run_is_plain_json(store: RunStore) -> None:
    values = json.loads(json.dumps(store.get_run(running(store)).to_json()))
    assert values["config"]["epochs"] == 4
    assert values["sources"] == ["sample"]
    assert values["variant_label"] == "Model 2 · fine-tuned"
    assert values["can_stop"]


def test_numbers_are_never_used_again(store: RunStore) -> None:
    first = store.queue.add("", CONFIG, "sample")
    store.queue.stop(first.id)
    store.delete(first.id)
    assert store.queue.add("", CONFIG, "sample").id == 2


def test_a_new_database_leaves_the_folders_of_an_older_one_alone(tmp_path: Path) -> None:
    for name in ("0003", "0012", "cache", "12b", "20261126", "9" * 30):
        (tmp_path / name).mkdir()
    with closing(RunStore(tmp_path / "lesionlab.db")) as store:
        assert store.queue.add("", CONFIG, "sample").id == 13
    with closing(RunStore(tmp_path / "lesionlab.db")) as store:
        assert store.queue.add("", CONFIG, "sample").id == 14


@pytest.mark.parametrize("number", [0, -1, 7, 2**63, 10**30])
def test_a_number_that_no_run_has_is_one_sentence(store: RunStore, number: int) -> None:
    store.queue.add("", CONFIG, "sample")
    calls = (
        store.get_run,
        store.claims.claim,
        store.history.metrics,
        store.history.log_tail,
        store.queue.stop,
        store.queue.resume,
        store.delete,
    )
    for call in calls:
        with pytest.raises(InputError, match=rf"^There is no run {number}; "):
            call(number)


# Metrics and log


def test_metrics_come_in_the_order_of_writing_and_only_new_ones(store: RunStore) -> None:
    run_id = running(store)
    store.progress.add_epoch(run_id, 1, {"loss": 0.9}, {"loss": 0.8, "iou": 0.5}, is_best=True)
    first = store.history.metrics(run_id)
    assert [(p.epoch, p.split, p.name, p.value) for p in first] == [
        (1, "train", "loss", 0.9),
        (1, "val", "loss", 0.8),
        (1, "val", "iou", 0.5),
    ]
    store.progress.add_epoch(run_id, 2, {"loss": 0.7}, {"iou": 0.4})
    assert [(p.epoch, p.split, p.value) for p in store.history.metrics(run_id, after=first[-1].id)] == [
        (2, "train", 0.7),
        (2, "val", 0.4),
    ]
    assert store.history.metrics(run_id, after=10**30) == []
    run = store.get_run(run_id)
    assert (run.epochs_done, run.best_epoch, run.best_iou) == (2, 1, 0.5)
    assert store.history.epoch_metrics(run_id, 1) == {"train": {"loss": 0.9}, "val": {"loss": 0.8, "iou": 0.5}}
    assert store.history.epoch_metrics(run_id, 3) == {"train": {}, "val": {}}


def test_an_epoch_written_again_replaces_itself_and_later_ones_under_new_ids(store: RunStore) -> None:
    run_id = running(store)
    for epoch in (1, 2, 3):
        store.progress.add_epoch(run_id, epoch, {"loss": epoch}, VALUES)
    last = store.history.metrics(run_id)[-1].id
    store.progress.add_epoch(run_id, 2, {"loss": 20}, VALUES)
    assert {p.epoch for p in store.history.metrics(run_id)} == {1, 2}
    new = store.history.metrics(run_id, after=last)
    assert len(new) == 5
    assert {p.epoch for p in new} == {2}
    assert new[0].value == 20


def test_values_that_are_no_number_are_left_out(store: RunStore) -> None:
    run_id = running(store)
    store.progress.add_epoch(run_id, 1, {"loss": math.nan, "iou": 0.5}, {"loss": math.inf})
    assert [(p.split, p.name) for p in store.history.metrics(run_id)] == [("train", "iou")]


def test_the_end_of_the_log_is_in_order(store: RunStore) -> None:
    run_id = store.queue.add("", CONFIG, "sample").id
    for number in range(5):
        store.progress.log(run_id, f"line {number}", "warning" if number == 4 else "info")
    lines = store.history.log_tail(run_id, 2)
    assert [(line.text, line.level) for line in lines] == [("line 3", "info"), ("line 4", "warning")]


def test_progress_counts_whole_epochs_and_the_batches_of_this_one(store: RunStore) -> None:
    run_id = running(store)  # of 4 epochs
    store.progress.update(run_id, phase="preparing", batch=50, batches=100)
    assert store.get_run(run_id).progress == 0.5  # of the photographs
    store.progress.update(run_id, phase="training", epoch=1, batch=5, batches=10, images_per_second=99.5, eta_seconds=12)
    run = store.get_run(run_id)
    assert (run.progress, run.images_per_second, run.eta_seconds) == (0.125, 99.5, 12)
    store.progress.add_epoch(run_id, 1, VALUES, VALUES)
    assert store.get_run(run_id).progress == 0.25
    with pytest.raises(TypeError, match="no progress: status"):
        store.progress.update(run_id, status="finished")


def test_time_in_the_queue_does_not_count_and_earlier_attempts_do(store: RunStore) -> None:
    run_id = running(store)
    change(store, "UPDATE runs SET started = started - 100")
    run = store.progress.finish(run_id, "stopped")
    assert run.elapsed == pytest.approx(100, abs=5)
    assert store.queue.resume(run_id).elapsed == run.elapsed
    assert store.claims.claim(run_id)
    change(store, "UPDATE runs SET started = started - 10")
    assert store.get_run(run_id).elapsed == pytest.approx(110, abs=5)


# The queue


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
    assert RunStore(store.path).queue.slots() == 2  # for every process
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


def test_the_line_can_be_reordered(store: RunStore) -> None:
    one, two, three, four = (store.queue.add("", CONFIG, "sample").id for _ in range(4))

    def line() -> list[int]:
        return [run.id for run in store.queue.queued()]

    store.queue.move(three, -1)
    assert line() == [one, three, two, four]
    store.queue.move(one, 2)
    assert line() == [three, two, one, four]
    store.queue.move(four, -99)
    store.queue.move(three, 10**30)
    assert line() == [four, two, one, three]
    store.queue.stop(two)
    assert line()[:3] == [four, one, three]
    store.queue.resume(two)
    assert line()[-1] == two
    assert store.claims.claim(four)
    with pytest.raises(InputError, match=r"^Run 4 is running; only queued runs can be moved\.$"):
        store.queue.move(four, 1)


def test_only_one_of_many_threads_gets_a_run(store: RunStore) -> None:
    run_id = store.queue.add("", CONFIG, "sample").id
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: store.claims.claim(run_id), range(8))) == 1


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


def test_stopping(store: RunStore) -> None:
    one, two = store.queue.add("", CONFIG, "sample").id, store.queue.add("", CONFIG, "sample").id
    stopped = store.queue.stop(two)
    assert (stopped.status, stopped.message, stopped.elapsed) == ("stopped", "Stopped before it started.", 0)
    assert store.claims.claim(one)
    assert not store.progress.should_stop(one)
    assert store.queue.stop(one).status == "stopping"
    assert store.queue.stop(one).status == "stopping"
    assert store.progress.should_stop(one)
    assert store.progress.finish(one, "stopped").can_resume
    with pytest.raises(InputError, match=r"^Run 1 is stopped; only queued or running runs can be stopped\.$"):
        store.queue.stop(one)


def test_stopping_after_the_epoch_can_be_taken_back(store: RunStore) -> None:
    one, two = store.queue.add("", CONFIG, "sample").id, store.queue.add("", CONFIG, "sample").id
    assert store.claims.claim(one)
    assert not store.progress.should_stop_after_epoch(one)
    assert store.queue.stop(one, after_epoch=True).status == "running"
    assert store.progress.should_stop_after_epoch(one)
    assert not store.progress.should_stop(one)  # not in the middle of it
    assert not store.queue.cancel_stop(one).stop_after_epoch
    store.queue.stop(one, after_epoch=True)
    assert store.queue.stop(one).status == "stopping"  # now rather than later
    store.progress.finish(one, "stopped")
    assert not store.queue.resume(one).stop_after_epoch
    assert store.queue.stop(two, after_epoch=True).status == "stopped"  # it has no epoch to finish


def test_a_finished_run_goes_on_for_more_epochs(store: RunStore) -> None:
    run_id = running(store)  # of 4 epochs
    with pytest.raises(InputError, match=r"^Run 1 is running; only finished runs can be continued for more epochs\.$"):
        store.queue.extend(run_id, 2)
    for epoch in range(1, 5):
        store.progress.add_epoch(run_id, epoch, VALUES, VALUES, is_best=epoch == 1)
    store.progress.finish(run_id, "finished")
    for wrong in (0, 997):
        with pytest.raises(InputError, match=f"^Run 1 cannot train {wrong} more epochs; give at least 1, and 1000 in all.$"):
            store.queue.extend(run_id, wrong)
    assert store.get_run(run_id).can_extend
    longest = replace(store.get_run(run_id), config=store.get_run(run_id).config.model_copy(update={"epochs": 1000}))
    assert not longest.can_extend
    run = store.queue.extend(run_id, 2)
    assert (run.status, run.resume, run.epochs_done, run.best_epoch) == ("queued", True, 4, 1)
    assert (run.config.epochs, run.config.schedule_from) == (6, 4)
    assert run.progress == pytest.approx(4 / 6)


def test_a_finished_run_that_is_taken_out_of_the_queue_is_as_it_was(store: RunStore) -> None:
    run_id = finished(store)
    store.queue.extend(run_id, 6)
    run = store.queue.stop(run_id)
    assert (run.status, run.config.epochs, run.progress) == ("finished", 4, 1)
    assert store.queue.extend(run_id, 1).config.epochs == 5
    assert store.claims.claim(run_id)
    store.progress.add_epoch(run_id, 5, VALUES, VALUES)
    store.progress.finish(run_id, "stopped")
    store.queue.resume(run_id)
    assert store.queue.stop(run_id).status == "stopped"  # an added epoch has been trained
    store.queue.resume(run_id)
    assert store.claims.claim(run_id)
    store.progress.finish(run_id, "finished")
    store.queue.extend(run_id, 3)
    again = store.queue.stop(run_id)
    assert (again.status, again.config.epochs, again.config.schedule_from) == ("finished", 5, 4)


def test_a_run_that_was_stopped_in_the_first_of_its_further_epochs_has_begun_them(store: RunStore) -> None:
    run_id = finished(store)
    store.queue.extend(run_id, 6)
    assert store.claims.claim(run_id)
    store.progress.finish(run_id, "stopped")
    store.queue.resume(run_id)
    run = store.queue.stop(run_id)
    assert (run.status, run.config.epochs, run.config.schedule_from) == ("stopped", 10, 4)


def test_name_notes_and_tags(store: RunStore) -> None:
    run_id = store.queue.add("  a \n name ", CONFIG, "sample", tags=["night", " ", "night", "two  words"]).id
    run = store.get_run(run_id)
    assert (run.name, run.notes, run.tags) == ("a name", "", ("night", "two words"))
    run = store.annotate(run_id, name="", notes=" First.\n\nSecond. ")
    assert (run.label, run.notes, run.tags) == (f"#1 {CONFIG.label}", "First.\n\nSecond.", ("night", "two words"))
    assert store.annotate(run_id, tags=[]).to_json()["tags"] == []
    assert store.annotate(run_id) == store.get_run(run_id)
    for wrong, message in (
        ({"name": "n" * 101}, "The name has 101 characters; give it at most 100."),
        ({"notes": "n" * 10_001}, "The text of the notes has 10001 characters; give it at most 10000."),
        ({"tags": ["t" * 31]}, f"The tag '{'t' * 31}' has 31 characters; give it at most 30."),
        ({"tags": [str(n) for n in range(13)]}, "A run can have 12 tags, and these are 13; leave some out."),
    ):
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            store.annotate(run_id, **wrong)


@pytest.mark.parametrize("ending", ["stopped", "failed"])
def test_resuming_keeps_what_was_done(store: RunStore, ending: Any) -> None:
    run_id = running(store)
    store.progress.add_epoch(run_id, 1, VALUES, VALUES, is_best=True)
    store.progress.finish(run_id, ending, "An end.")
    run = store.queue.resume(run_id)
    assert (run.status, run.resume, run.message, run.epochs_done, run.best_iou) == ("queued", True, "", 1, 0.7)
    assert run.progress == 0.25
    assert store.queue.stop(run_id).message == "Stopped before it resumed."


def test_what_cannot_be_resumed_deleted_or_ended_is_one_sentence(store: RunStore) -> None:
    run_id = running(store)
    with pytest.raises(InputError, match=r"^Run 1 is running; only stopped, failed or lost runs can be resumed\.$"):
        store.queue.resume(run_id)
    with pytest.raises(InputError, match=r"^Run 1 is running; stop it before you delete it\.$"):
        store.delete(run_id)
    store.progress.finish(run_id, "finished")
    with pytest.raises(InputError, match=r"^Run 1 is finished; only stopped, failed or lost runs can be resumed\.$"):
        store.queue.resume(run_id)
    with pytest.raises(InputError, match="not run by this process"):
        store.progress.finish(run_id, "failed")
    with pytest.raises(InputError, match=r"^Run 2 is queued; stop it before you delete it\.$"):
        store.delete(store.queue.add("", CONFIG, "sample").id)


def test_deleting_frees_the_disk(store: RunStore) -> None:
    run_id = running(store)
    store.progress.add_epoch(run_id, 1, VALUES, VALUES)
    store.progress.log(run_id, "A line.")
    store.progress.finish(run_id, "finished")
    folder = store.folder(run_id)
    assert folder == home() / f"{run_id:04d}"
    (folder / "masks").mkdir(parents=True)
    (folder / "best.safetensors").write_bytes(b"x" * 1000)
    (folder / "masks" / "photo-1.jpg").write_bytes(b"x" * 234)
    assert store.delete(run_id) == 1234
    assert not folder.exists()
    with closing(sqlite3.connect(store.path)) as connection:
        assert [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("runs", "metrics", "log")] == [
            0
        ] * 3


# Lost runs


@pytest.fixture
def gone() -> Owner:
    """A process of this machine that has ended."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = Owner.of(child.pid)
    child.communicate(b"\n")
    return owner


def own(store: RunStore, run_id: int, owner: Owner) -> None:
    change(
        store,
        f"UPDATE runs SET host = '{owner.host}', pid = {owner.pid}, pid_started = {owner.started} WHERE id = {run_id}",
    )


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


def test_whoever_does_not_own_a_run_writes_nothing_about_it(store: RunStore, gone: Owner) -> None:
    run_id = running(store)
    own(store, run_id, gone)
    store.progress.update(run_id, message="Mine!")
    assert store.get_run(run_id).message == ""
    assert store.progress.should_stop(run_id)
    with pytest.raises(InputError, match="not run by this process"):
        store.progress.finish(run_id, "finished")


# Several processes, and the file itself


def test_eight_processes_write_at_once_and_nothing_is_lost(store: RunStore, tmp_path: Path) -> None:
    runs = [store.queue.add("", CONFIG, "sample").id for _ in range(8)]
    children = [in_child(store, "write", run_id, stderr=subprocess.PIPE) for run_id in runs]
    for child in children:
        _, errors = child.communicate(timeout=120)
        assert (child.returncode, errors) == (0, "")
    for run_id in runs:
        points = store.history.metrics(run_id)
        assert [p.epoch for p in points] == [epoch for epoch in range(1, 26) for _ in range(3)]
        assert [p.value for p in points if p.name == "iou"] == [epoch / 100 for epoch in range(1, 26)]
        assert [line.text for line in store.history.log_tail(run_id)] == [f"Epoch {epoch}." for epoch in range(1, 26)]


def test_of_several_processes_one_gets_the_run(store: RunStore) -> None:
    run_id = store.queue.add("", CONFIG, "sample").id
    children = [in_child(store, "claim", run_id, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(4)]
    answers = [child.stdout.readline().strip() if child.stdout else "" for child in children]
    assert sorted(answers) == ["0", "0", "0", "1"]
    assert store.get_run(run_id).pid == children[answers.index("1")].pid
    for child in children:
        child.communicate(timeout=30)


def test_many_may_make_the_database_at_once(tmp_path: Path) -> None:
    barrier = threading.Barrier(8)

    def make(_: int) -> int:
        barrier.wait()
        store = RunStore(tmp_path / "new.db")
        run_id = store.queue.add("", CONFIG, "sample").id
        store.close()
        return run_id

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(make, range(8))) == list(range(1, 9))


def test_readers_never_wait_for_a_writer(store: RunStore) -> None:
    run_id = store.queue.add("", CONFIG, "sample").id
    with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        assert store.get_run(run_id).status == "queued"
        connection.execute("ROLLBACK")


def test_a_failed_change_leaves_nothing_behind(store: RunStore) -> None:
    run_id = running(store)
    store.progress.add_epoch(run_id, 1, VALUES, VALUES)
    with pytest.raises(TypeError):
        store.progress.add_epoch(run_id, 1, {"loss": 0.1, "iou": "much"}, VALUES)  # type: ignore[dict-item]
    with pytest.raises(Exception, match="no_such_column"):
        store.progress.add_epoch(run_id, 1, {"loss": 0.1}, VALUES, no_such_column=1)
    assert store.history.epoch_metrics(run_id, 1)["train"] == VALUES


def test_the_database_of_a_newer_version_is_one_sentence(store: RunStore) -> None:
    change(store, "PRAGMA user_version = 99")
    with pytest.raises(InputError, match=r"made by a newer LesionLab \(format 99, known up to 5\); update LesionLab"):
        RunStore(store.path)


def test_a_database_of_an_older_version_is_brought_up_to_date(store: RunStore) -> None:
    run_id = store.queue.add("old", CONFIG, "sample").id
    later = ("place", "stop_after_epoch", "notes", "tags", '"group"', "config_before")  # what the first version did not have
    for column in later:
        change(store, f"ALTER TABLE runs DROP COLUMN {column}")
    for table in ("jobs", "settings"):
        change(store, f"DROP TABLE {table}")
    change(store, "PRAGMA user_version = 1")
    upgraded = RunStore(store.path)
    run = upgraded.get_run(run_id)
    assert (run.name, run.place, run.stop_after_epoch, run.notes, run.tags) == ("old", 0, False, "", ())
    assert upgraded.annotate(run_id, tags=["kept"]).tags == ("kept",)
    assert upgraded.queue.slots() == 1
    assert RunStore(store.path).get_run(run_id).tags == ("kept",)


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "lesionlab.db").write_bytes(b"This is not what you think it is. " * 100)
    with pytest.raises(InputError, match="cannot be used: file is not a database"):
        RunStore(tmp_path / "lesionlab.db")
    with pytest.raises(InputError, match="cannot be used: unable to open database file"):
        RunStore(tmp_path)


def test_a_setting_that_came_later_has_its_default(store: RunStore) -> None:
    run_id = store.queue.add("", CONFIG, "sample").id
    change(store, "UPDATE runs SET config = json_remove(json_set(config, '$.from_the_future', 1), '$.seed')")
    assert store.get_run(run_id).config.seed == 0
    assert store.list_runs()[0].config.epochs == 4


def test_the_store_loads_no_torch() -> None:
    code = "import sys, seg_core.runs.store, seg_core.jobs.supervisor, seg_core.runs.worker; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=False).returncode == 0
