"""News of runs: each event once, from any place on, also for a reader that stopped in the middle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seg_core.errors import InputError
from seg_core.runs import news as module
from seg_core.runs.news import News, Place, RunEvent
from seg_core.runs.run import LogLine, Run
from seg_core.runs.store import RunStore
from tests.runs.stores import CONFIG, VALUES, finished, running


def told(news: News) -> list[tuple[str, int]]:
    return [(event.kind, event.run_id) for event in news.events]


def all_after(store: RunStore, place: Place) -> list[RunEvent]:
    """Read on until there is no more."""
    found: list[RunEvent] = []
    while True:
        news = store.news.after(place)
        found, place = found + news.events, news.place
        if not news.more:
            return found


def test_events_come_once_and_in_order(store: RunStore) -> None:
    first = running(store)
    news = store.news.after(store.news.begin())
    assert told(news) == [("run", first)]
    second = store.queue.add("", CONFIG, "sample").id
    store.progress.add_epoch(first, 1, {"loss": 0.5}, {"iou": 0.25}, line="Epoch 1.")
    news = store.news.after(news.place)
    assert told(news) == [("epoch", first), ("log", first), ("run", second), ("run", first)]
    epoch, line, *_ = (event.content for event in news.events)
    assert epoch == {"epoch": 1, "train": {"loss": 0.5}, "val": {"iou": 0.25}, "process": {}}
    assert isinstance(line, LogLine)
    assert line.text == "Epoch 1."
    assert news.queue == [second]
    assert (store.news.after(news.place).events, store.news.after(news.place).place) == ([], news.place)
    store.queue.stop(second)
    store.delete(second)
    assert told(store.news.after(news.place)) == [("deleted", second)]


def test_an_answer_of_all_runs_says_where_events_go_on(store: RunStore) -> None:
    run_id = running(store)
    event = store.changes().event
    assert store.news.now().event == event
    store.progress.add_epoch(run_id, 1, VALUES, VALUES)
    assert told(store.news.after(store.news.begin(event))) == [("epoch", run_id), ("run", run_id)]


def test_a_stamp_alone_goes_on_with_runs(store: RunStore) -> None:
    run_id = running(store)
    stamp = store.changes().stamp
    store.progress.add_epoch(run_id, 1, VALUES, VALUES, line="Epoch 1.")
    assert told(store.news.after(store.news.begin(str(stamp)))) == [("run", run_id)]


def test_without_a_place_all_runs_are_told_and_none_that_is_gone(store: RunStore) -> None:
    gone, there = finished(store), finished(store)
    store.delete(gone)
    assert told(store.news.after(store.news.begin())) == [("run", there)]


def test_a_place_of_another_database_begins_anew(store: RunStore) -> None:
    run_id = finished(store)
    assert [event.kind for event in all_after(store, Place(10**6, 10**6, 10**6))] == ["reset", "run"]
    assert told(store.news.after(store.news.begin())) == [("run", run_id)]


@pytest.mark.parametrize("event", ["x", "1-2", "1-2-3-4", "-1", "1-2-x", "½", "٣", "1" * 20, "a" * 10_000])
def test_what_is_no_event_is_refused(store: RunStore, event: str) -> None:
    with pytest.raises(InputError, match=r"is no id of an event; give the one of the last event") as refused:
        store.news.begin(event)
    assert len(str(refused.value)) < 200


def test_a_long_history_comes_in_parts_and_no_epoch_is_cut(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """12 epochs of 8 points are read 20 points at a time, 12 lines 5 at a time."""
    monkeypatch.setattr(module, "MOST_POINTS", 20)
    monkeypatch.setattr(module, "_POINTS", module._POINTS.limit(20))
    monkeypatch.setattr(module, "_LINES", module._LINES.limit(5))
    store.queue.set_slots(2)
    run_ids = [running(store), running(store)]
    for epoch in range(1, 7):
        for run_id in run_ids:
            store.progress.add_epoch(run_id, epoch, VALUES, VALUES, line=f"Epoch {epoch}.")
    found = all_after(store, Place(0, 0, 0))
    epochs = [(event.run_id, event.content) for event in found if event.kind == "epoch"]
    assert epochs == [
        (run_id, {"epoch": epoch, "train": VALUES, "val": VALUES, "process": {}}) for epoch in range(1, 7) for run_id in run_ids
    ]
    assert sum(event.kind == "log" for event in found) == 12
    assert sorted(event.run_id for event in found if event.kind == "run") == run_ids


@given(stops=st.lists(st.integers(0, 40), max_size=6))
def test_who_stops_anywhere_and_goes_on_misses_and_doubles_nothing(store_of_all: RunStore, stops: list[int]) -> None:
    whole = all_after(store_of_all, Place(0, 0, 0))
    heard: list[RunEvent] = []
    for stop in stops:
        heard += all_after(store_of_all, heard[-1].place if heard else Place(0, 0, 0))[:stop]
    heard += all_after(store_of_all, heard[-1].place if heard else Place(0, 0, 0))
    # Runs that are gone are told to who goes on after a stamp; who begins holds none.
    assert [event for event in heard if event.kind != "deleted"] == whole


@pytest.fixture(scope="module")
def store_of_all(tmp_path_factory: pytest.TempPathFactory) -> RunStore:
    """Three runs with epochs and lines, one that was deleted, and two in the queue."""
    store = RunStore(tmp_path_factory.mktemp("home") / "lesionlab.db")
    runs = [finished(store) for _ in range(4)]
    for run_id in runs:
        for number in range(3):
            store.progress.log(run_id, f"Line {number}.")
    store.delete(runs[1])
    for name in "ab":
        assert isinstance(store.queue.add(name, CONFIG, "sample"), Run)
    return store
