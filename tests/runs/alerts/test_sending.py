"""Sending: each event once to each address, whatever the addresses do, and what they were is nowhere to be found."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from seg_core.common.home import PROJECT
from seg_core.errors import InputError
from seg_core.jobs.supervisor import Supervisor
from seg_core.runs.alerts.addresses import FILE, VARIABLE
from seg_core.runs.alerts.outbox import INTERRUPTED, RunAlerts
from seg_core.runs.alerts.sender import SPARE_SECONDS, Sender, send_pending
from seg_core.runs.processes import Owner
from seg_core.runs.store import RunStore
from tests.alert_server import SECRET, AlertServer
from tests.helpers import wait_until
from tests.runs.stores import change, in_child, own, running
from tests.runs.workers import CONFIG

QUICK = (0.05, 0.05)


def set_addresses(home: Path, *urls: str) -> None:
    (home / FILE).write_text("".join(f"{url}\n" for url in urls))


def end(store: RunStore, name: str = "") -> int:
    run_id = running(store, name)
    store.progress.finish(run_id, "finished")
    return run_id


def states(store: RunStore) -> dict[str, tuple[str, int, str]]:
    """How the last alert to each address went, by its name, or by its key where it is not set any more."""
    names = {address.key: address.name for address in store.alerts.addresses()}
    found = store.alerts.last_deliveries().items()
    return {names.get(key, key): (each.state, each.tries, each.why) for key, each in found}


def test_each_event_arrives_once_though_two_processes_send(store: RunStore, server: AlertServer) -> None:
    set_addresses(store.home, server.address(), server.address("other", "json"))
    ended = [end(store, name) for name in "abcde"]
    stores = [RunStore(store.at) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: send_pending(each.alerts, QUICK), stores))
    for kind in ("hook", "other"):
        arrived = [fields for to, fields in server.received if to == kind]
        assert sorted(fields["run"] for fields in arrived) == ended
        assert {fields["title"] for fields in arrived} == {
            f"#{run} {name} has finished" for run, name in zip(ended, "abcde", strict=True)
        }
    send_pending(store.alerts, QUICK)
    assert len(server.received) == 10
    assert not store.alerts.is_due()


def test_what_fails_is_tried_again_and_harms_no_other_address(store: RunStore, server: AlertServer) -> None:
    refused = "http://127.0.0.1:1/" + SECRET
    set_addresses(store.home, server.address(), server.address("500"), server.address("404"), refused, server.address("hang"))
    end(store)
    send_pending(store.alerts, QUICK, limit=0.5)
    assert [len(server.events(kind)) for kind in ("hook", "500", "404", "hang")] == [1, 3, 1, 3]
    assert len({fields["id"] for _, fields in server.received}) == 1
    assert states(store) == {
        "Webhook 1": ("sent", 1, ""),
        "Webhook 2": ("failed", 3, "it answered 500 (Internal Server Error)"),
        "Webhook 3": ("failed", 1, "it answered 404 (Not Found)"),
        "Webhook 4": ("failed", 3, "it refused the connection"),
        "Webhook 5": ("failed", 3, "it gave no answer for 0.5 s"),
    }


def test_what_happened_before_the_first_address_is_not_sent(store: RunStore, server: AlertServer) -> None:
    end(store, "old")
    store.alerts.add_address(server.address())
    end(store, "new")
    send_pending(store.alerts)
    assert [fields["name"] for _, fields in server.received] == ["new"]


def test_an_address_in_the_environment_gets_the_first_event_after_it(
    store: RunStore, server: AlertServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    end(store, "old")
    monkeypatch.setenv(VARIABLE, server.address())
    end(store, "new")
    send_pending(store.alerts)
    assert [fields["name"] for _, fields in server.received] == ["new"]


def test_what_happened_long_ago_is_not_sent(store: RunStore, server: AlertServer) -> None:
    set_addresses(store.home, server.address())
    end(store, "yesterday")
    change(store, "UPDATE alerts SET time = time - 90000")
    end(store, "today")
    send_pending(store.alerts)
    assert [fields["name"] for _, fields in server.received] == ["today"]


def test_without_an_address_the_app_lets_go_of_what_no_other_process_has_sent(
    store: RunStore, server: AlertServer, no_process: list[Path]
) -> None:
    set_addresses(store.home, server.address())
    end(store, "a while ago")
    change(store, f"UPDATE alerts SET time = time - {SPARE_SECONDS + 1}")
    end(store, "just now")
    (store.home / FILE).unlink()
    Sender(store.alerts).look()  # a command cannot know what the app knows
    assert store.alerts.is_due(grace=SPARE_SECONDS)
    Sender(store.alerts).look(is_app=True)
    assert not store.alerts.is_due(grace=SPARE_SECONDS)
    set_addresses(store.home, server.address())
    send_pending(store.alerts)
    assert [fields["name"] for _, fields in server.received] == ["just now"]
    assert no_process == []


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The home folders for which a process would have been started."""
    started: list[Path] = []
    monkeypatch.setattr(Sender, "_start", lambda _sender, home: started.append(home))
    return started


def test_what_a_dead_process_was_sending_is_not_sent_again(store: RunStore, server: AlertServer, gone: Owner) -> None:
    set_addresses(store.home, server.address())
    end(store)
    store.alerts.settle()
    assert len(store.alerts.claim()) == 1
    change(store, f"UPDATE deliveries SET pid = {gone.pid}, pid_started = {gone.started}")
    end(store)
    send_pending(store.alerts)
    assert [fields["run"] for _, fields in server.received] == [2]
    assert len(store.alerts.claim()) == 0
    with store._database.read() as connection:
        rows = connection.exec_driver_sql("SELECT state, why FROM deliveries ORDER BY id").all()
    assert [tuple(row) for row in rows] == [("failed", INTERRUPTED), ("sent", "")]


def test_what_waits_for_an_address_reaches_it_when_another_of_its_kind_was_added(store: RunStore, server: AlertServer) -> None:
    set_addresses(store.home, server.address())
    end(store)
    store.alerts.settle()
    set_addresses(store.home, server.address("other"), server.address())
    send_pending(store.alerts)
    assert (server.events("hook"), server.events("other")) == (["finished"], [])
    assert states(store) == {"Webhook 2": ("sent", 1, "")}


def test_a_test_is_tried_once(store: RunStore, server: AlertServer) -> None:
    with pytest.raises(InputError, match="There is no address to send a test to"):
        store.alerts.add_test()
    set_addresses(store.home, server.address("503"))
    store.alerts.add_test()
    send_pending(store.alerts)
    assert server.events("503") == ["test"]
    assert states(store) == {"Webhook": ("failed", 1, "it answered 503 (Service Unavailable)")}
    assert store.alerts.after(0) == []


def refuse() -> None:
    raise InputError("You change nothing.")


def test_viewers_change_and_test_nothing(store: RunStore, server: AlertServer) -> None:
    set_addresses(store.home, server.address())
    theirs = RunStore(store.at, may_change=refuse).alerts
    attempts: list[Callable[[], None]] = [
        lambda: theirs.add_address("ntfy://topic"),
        lambda: theirs.remove_address(theirs.addresses()[0]),
        lambda: theirs.set_target("iou", 0.5),
        theirs.add_test,
    ]
    for attempt in attempts:
        with pytest.raises(InputError, match="You change nothing"):
            attempt()
    assert (len(theirs.addresses()), theirs.newest(), theirs.targets()) == (1, 0, {"iou": None, "dice": None})


# With real processes


def arrived(server: AlertServer, count: int, kind: str = "hook") -> list[dict[str, object]]:
    wait_until(lambda: len(server.events(kind)) >= count, what=f"{count} alerts")
    return [fields for to, fields in server.received if to == kind]


def ended_senders(store: RunStore) -> None:
    """Wait until nothing is left to send."""
    wait_until(lambda: store.alerts.next_due() is None and "sending" not in {state for state, *_ in states(store).values()})


def test_a_worker_without_an_app_tells_of_its_run(store: RunStore, server: AlertServer) -> None:
    set_addresses(store.home, server.address())
    store.alerts.set_target("iou", 0.01)
    run_id = store.queue.add("wait", CONFIG, "sample").id
    worker = in_child(store, "work", run_id, stderr=subprocess.PIPE)
    passed = arrived(server, 1)  # while it trains
    assert (passed[0]["event"], passed[0]["epoch"], passed[0]["status"]) == ("target", 1, "running")
    (store.folder(run_id) / "go").touch()
    _, errors = worker.communicate(timeout=60)
    assert (worker.returncode, errors) == (0, "")
    arrived(server, 2)
    ended_senders(store)
    assert server.events() == ["target", "finished"]
    assert SECRET not in everything_written(store.home, but={FILE})


def everything_written(home: Path, but: set[str]) -> str:
    files = [file for file in home.rglob("*") if file.is_file() and file.name not in but]
    return "".join(file.read_bytes().decode("latin-1") for file in files)


def test_a_hanging_address_delays_no_worker_and_no_queue(store: RunStore, server: AlertServer) -> None:
    set_addresses(store.home, server.address("hang"))
    first, second = (store.queue.add("", CONFIG, "sample").id for _ in range(2))
    worker = in_child(store, "work", first)
    assert worker.wait(60) == 0
    wait_until(lambda: store.get_run(second).status == "finished", what="the next one has finished")
    arrived(server, 1, "hang")
    assert not server.ends.is_set()
    (store.home / FILE).unlink()  # its process gives up
    server.ends.set()
    ended_senders(store)


def test_two_apps_on_one_home_tell_of_a_lost_run_once(store: RunStore, server: AlertServer, gone: Owner) -> None:
    set_addresses(store.home, server.address())
    run_id = running(store)
    own(store, run_id, gone)
    apps = [Supervisor(RunStore(store.at), every=0.05) for _ in range(2)]
    for app in apps:
        app.start()
    (lost,) = arrived(server, 1)
    ended_senders(store)
    for app in apps:
        app.stop()
    assert (lost["event"], lost["run"]) == ("lost", run_id)
    assert len(server.received) == 1


def test_a_process_that_sends_says_nothing_and_names_no_address(
    store: RunStore, server: AlertServer, caplog: pytest.LogCaptureFixture
) -> None:
    urls = [server.address("hang"), server.address("404", "json"), f"http://user:{SECRET}@127.0.0.1:1/", f"unheard-of://{SECRET}"]
    urls += [f"slack://{SECRET}/x", f"mailto://{SECRET}:{SECRET}@127.0.0.1:1?smtp=127.0.0.1"]
    end(store)
    environment = os.environ | {"LESIONLAB_HOME": str(store.home), VARIABLE: " ".join(urls)}
    change(store, "UPDATE alerts SET event = 'test'")
    command = [sys.executable, "-m", "seg_core", "alerts", "send"]
    sender = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    arrived(server, 1, "hang")
    assert SECRET not in " ".join(psutil.Process(sender.pid).cmdline())
    printed, _ = sender.communicate(timeout=60)
    assert (printed, sender.returncode) == ("", 0)
    found = states(store)
    assert {state for state, *_ in found.values()} == {"failed"}
    assert len(found) == len(urls)
    assert SECRET not in repr(found) + caplog.text + everything_written(store.home, but=set())


def test_an_error_while_alerts_are_looked_for_is_logged_once_and_harms_nothing(
    store: RunStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_addresses(store.home, f"ntfy://{SECRET}")
    end(store)

    def fail(*_: object, **__: object) -> None:
        raise OSError(f"no process for {SECRET}")

    monkeypatch.setattr(subprocess, "Popen", fail)
    sender = Sender(store.alerts)
    with caplog.at_level(logging.WARNING):
        sender.look()
        sender.look()
    assert [record.getMessage() for record in caplog.records] == ["Alerts cannot be sent (OSError)."]


def test_waits_grow(store: RunStore, server: AlertServer, monkeypatch: pytest.MonkeyPatch) -> None:
    set_addresses(store.home, server.address("500"))
    end(store)
    store.alerts.settle()
    waited = []
    for _ in range(4):
        (delivery,) = store.alerts.claim()
        store.alerts.note(delivery, "it answered 500")
        waited.append(round((store.alerts.next_due() or time.time()) - time.time()))
        change(store, "UPDATE deliveries SET due = due - 100")
    assert waited == [2, 10, 60, 0]
    assert isinstance(store.alerts, RunAlerts)
