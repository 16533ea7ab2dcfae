"""What is recorded of runs, and what is told of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from seg_core.common.text import without_folders
from seg_core.errors import InputError
from seg_core.runs.claims import LOST
from seg_core.runs.processes import Owner
from seg_core.runs.store import RunStore
from tests.runs.stores import CONFIG, VALUES, own, running


def told(store: RunStore) -> list[dict[str, Any]]:
    return [alert.to_json("http://lab.example/app/") for alert in store.alerts.after(0)]


def test_a_finished_run_is_told_in_fields_and_in_words(store: RunStore) -> None:
    run_id = running(store, "first try")
    store.annotate(run_id, notes="private")
    for epoch in range(1, 5):
        store.progress.add_epoch(run_id, epoch, VALUES, VALUES | {"iou": epoch / 10}, is_best=epoch == 3)
    store.progress.finish(run_id, "finished")
    (fields,) = told(store)
    assert datetime.fromisoformat(fields.pop("time")).timestamp() == pytest.approx(store.get_run(run_id).finished, abs=1.1)
    assert fields == {
        "id": 1,
        "event": "finished",
        "run": run_id,
        "name": "first try",
        "label": f"#{run_id} first try",
        "status": "finished",
        "epoch": 4,
        "epochs": 4,
        "best_iou": 0.3,
        "reason": "",
        "title": f"#{run_id} first try has finished",
        "message": "Best validation IoU 0.300 after 4 of 4 epochs.",
        "link": f"http://lab.example/app/monitor?run={run_id}",
    }


def test_a_failed_run_is_told_with_its_reason_and_without_folders(store: RunStore, lab_home: Path) -> None:
    source = lab_home / "my data"
    run = store.queue.add("", CONFIG, source)
    assert store.claims.claim(run.id)
    store.progress.finish(run.id, "failed", f"{source}/masks/a.png cannot be read; see /etc/x/notes.txt or {lab_home}.")
    (fields,) = told(store)
    assert fields["reason"] == f"a.png cannot be read; see notes.txt or {lab_home.name}."
    assert fields["message"] == f"{fields['reason']} It ended after 0 of 4 epochs."
    assert (fields["event"], fields["status"]) == ("failed", "failed")


@pytest.mark.parametrize(
    ("text", "shortened"),
    [
        ("The disk that holds /home/ada/runs is full.", "The disk that holds runs is full."),
        (r"C:\Users\ada\x.png is no picture.", "x.png is no picture."),
        ("~/data/a.jpg, '/data/b c/d.jpg'", "a.jpg, 'b c/d.jpg'"),
        ("Masks 1/2 and/or https://example.org/a/b", "Masks 1/2 and/or https://example.org/a/b"),
    ],
)
def test_paths_are_shortened_to_their_ends(text: str, shortened: str) -> None:
    assert without_folders(text, ["/data/b"]) == shortened


def test_a_lost_run_is_told_once_whoever_notices(store: RunStore, gone: Owner) -> None:
    run_id = running(store)
    own(store, run_id, gone)
    others = RunStore(store.at)
    assert [run.id for run in store.claims.mark_lost() + others.claims.mark_lost()] == [run_id]
    assert [(fields["event"], fields["reason"]) for fields in told(store)] == [("lost", LOST)]


def test_a_worker_that_does_not_start_is_told_and_a_stopped_run_is_not(store: RunStore) -> None:
    failing, stopped = store.queue.add("", CONFIG, "sample").id, store.queue.add("", CONFIG, "sample").id
    assert store.claims.reserve(failing)
    store.claims.fail_start(failing, Owner.of(), "There is no torch.")
    assert store.claims.claim(stopped)
    store.progress.finish(stopped, "stopped")
    assert [(fields["run"], fields["event"], fields["reason"]) for fields in told(store)] == [
        (failing, "failed", "There is no torch.")
    ]


def test_a_target_is_passed_once_and_a_higher_one_again(store: RunStore) -> None:
    run_id, other = running(store, "x"), 0
    store.alerts.set_target("iou", 0.5)
    store.alerts.set_target("dice", 0.7)
    for epoch, iou in enumerate([0.4999, 0.5, 0.6], start=1):
        store.progress.add_epoch(run_id, epoch, {}, {"iou": iou, "dice": float("nan")})
    store.progress.add_epoch(run_id, 2, {}, {"iou": 0.6})  # resumed from an epoch before
    passed = told(store)
    assert [(fields["event"], fields["metric"], fields["value"], fields["epoch"]) for fields in passed] == [
        ("target", "iou", 0.5, 2)
    ]
    assert passed[0]["message"] == "Validation IoU 0.500 in epoch 2; the target is 0.500."
    store.alerts.set_target("iou", 0.65)
    store.progress.add_epoch(run_id, 3, {}, {"iou": 0.7, "dice": 0.8})
    assert [(fields["metric"], fields["target"]) for fields in told(store)[1:]] == [("iou", 0.65), ("dice", 0.7)]
    store.alerts.set_target("iou", None)
    assert store.alerts.targets() == {"iou": None, "dice": 0.7}
    store.queue.set_slots(2)
    other = running(store)
    store.progress.add_epoch(other, 1, {}, {"iou": 0.9, "dice": 0.1})
    assert len(told(store)) == 3


@pytest.mark.parametrize("value", [0.0, -1.0, 1.01, float("nan")])
def test_a_target_that_cannot_be_passed_is_one_sentence(store: RunStore, value: float) -> None:
    with pytest.raises(InputError, match="is no target; give a score above 0 and up to 1"):
        store.alerts.set_target("iou", value)
    assert store.alerts.targets()["iou"] is None


def test_what_is_told_goes_with_its_run(store: RunStore) -> None:
    run_id = running(store)
    store.progress.finish(run_id, "finished")
    assert store.alerts.newest() == 1
    store.delete(run_id)
    assert told(store) == []
