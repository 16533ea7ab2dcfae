"""Many at once: predictions, readers of Monitor, people who press the same buttons. Everyone gets an answer, and a true one."""

from __future__ import annotations

import asyncio
import io
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import psutil
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from pages.shared.turns import AT_ONCE, MOST_WAITING, Turns, in_line
from seg_core.config import Config
from seg_core.errors import InputError
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess
from tests.helpers import lesion, wait_until

CONFIG = Config.of("report", epochs=3)


@pytest.fixture(scope="module")
def store(app_server: AppProcess) -> Iterator[RunStore]:
    """The app's store, with one slot, which a run of this process holds: queued runs wait."""
    store = RunStore(app_server.home / "lesionlab.db")
    store.queue.set_slots(1)
    assert store.claims.claim(store.queue.add("trains", CONFIG, "sample").id)
    yield store
    store.close()


# Predictions


@pytest.mark.parametrize("at_once", [1, 3])
def test_predictions_take_turns_in_the_order_in_which_they_came(at_once: int) -> None:
    turns, at_work, order, most = Turns(at_once), 0, list[int](), 0
    lock, go_on = threading.Lock(), threading.Event()

    def predict(number: int) -> None:
        nonlocal at_work, most
        with turns.turn():
            with lock:
                order.append(number)
                at_work += 1
                most = max(most, at_work)
            go_on.wait(60)
            with lock:
                at_work -= 1

    threads = []
    for number in range(20):
        threads.append(threading.Thread(target=predict, args=(number,)))
        threads[-1].start()
        place = max(0, number + 2 - at_once)  # of the next one
        wait_until(partial(_is, turns, place), what=f"the next one would have place {place}")
    go_on.set()
    for thread in threads:
        thread.join()
    assert (sorted(order), most, turns.place) == (list(range(20)), at_once, 0)
    if at_once == 1:  # of several that may begin, any notes its number first
        assert order == sorted(order)


def _is(turns: Turns, place: int) -> bool:
    return turns.place == place


def test_who_comes_to_a_full_line_is_told_the_place() -> None:
    begun: list[int] = []
    go_on = threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        go_on.wait(60)
        return number

    async def ask() -> list[Any]:
        asked = [asyncio.create_task(line(number)) for number in range(AT_ONCE + 13)]
        while len(begun) < AT_ONCE:
            await asyncio.sleep(0.01)
        go_on.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    line = in_line(work, InputError, most=11)
    with ThreadPoolExecutor(1) as pool:  # Playwright keeps a loop of its own running in this thread
        answers = pool.submit(lambda: asyncio.run(ask())).result()
    served, refused = (
        [each for each in answers if isinstance(each, int)],
        [each for each in answers if isinstance(each, InputError)],
    )
    assert served == list(range(AT_ONCE + 11))
    assert sorted(begun) == served
    assert [str(error) for error in refused] == [
        "LesionLab is busy, place 12: 11 requests wait already; try again in a minute."
    ] * 2


def ask_to_predict(app_server: AppProcess, count: int, photo: bytes) -> list[tuple[float, str]]:
    """Send requests for predictions, one after the other without waiting; return when each was answered, and the error if any."""
    calls = f"{app_server.url}/predictor/gradio_api"
    with httpx.Client(timeout=300, limits=httpx.Limits(max_connections=200)) as client:
        (path,) = client.post(f"{calls}/upload", files={"files": ("a.jpg", photo)}).json()
        file = {"path": path, "orig_name": "a.jpg", "meta": {"_type": "gradio.FileData"}}
        asked = {"data": [file, "fine-tune-best", None, None, False]}
        events = [client.post(f"{calls}/call/predict", json=asked).json()["event_id"] for _ in range(count)]

        def answer(event: str) -> tuple[float, str]:
            kind, content = re.findall(r"event: (\w+)\ndata: (.*)", client.get(f"{calls}/call/predict/{event}").text)[-1]
            return time.monotonic(), str(json.loads(content)["error"]) if kind == "error" else ""

        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(answer, events))


def memory(app_server: AppProcess) -> int:
    """Return the memory of the app and of its children, in MB."""
    processes = [psutil.Process(app_server.process.pid)]
    processes += processes[0].children(recursive=True)
    return sum(process.memory_info().rss for process in processes) // 2**20


def photograph(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(lesion((256, 256))[0]).resize((width, height)).save(file, "JPEG")
    return file.getvalue()


@pytest.mark.slow
def test_fifty_predictions_at_once(app_server: AppProcess, capsys: pytest.CaptureFixture[str]) -> None:
    """Of photographs of 12 megapixels: all are answered, in order, and the app takes no more memory than for a few."""
    photo = photograph(4000, 3000)
    ask_to_predict(app_server, 4, photo)
    before, most, over = memory(app_server), 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not over.wait(0.1):
            most = max(most, memory(app_server))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    answers = ask_to_predict(app_server, 50, photo)
    over.set()
    watcher.join()
    times = [at for at, _ in answers]
    # Two at a time end in the order in which they began, or change places with their neighbours.
    late = [max(times[:place], default=at) - at for place, at in enumerate(times)]
    with capsys.disabled():
        print(f"\n50 predictions: {max(times) - began:.1f} s, {before} MB before, {most} MB at most, late by {max(late):.1f} s")
    assert [error for _, error in answers if error] == []
    assert max(late) < (max(times) - began) / 4
    assert most < before + 500


@pytest.mark.slow
def test_more_than_can_wait_are_told_their_place(app_server: AppProcess) -> None:
    """150 at once: those beyond the line learn so at once, everyone else gets a mask, and the next one too."""
    errors = Counter(error for _, error in ask_to_predict(app_server, 150, photograph(1200, 900)))
    served = errors.pop("")
    assert served >= MOST_WAITING + AT_ONCE
    assert served + errors.total() == 150
    place = MOST_WAITING + 1
    assert set(errors) <= {f"LesionLab is busy, place {place}: {MOST_WAITING} requests wait already; try again in a minute."}
    assert [error for _, error in ask_to_predict(app_server, 1, photograph(300, 200))] == [""]


# Readers


@pytest.mark.parametrize("seconds", [2, pytest.param(60, marks=pytest.mark.slow)])
def test_ten_who_watch_runs_that_train(app_server: AppProcess, store: RunStore, seconds: int) -> None:
    """Ten read runs, metrics, log, health and figures as fast as they can, while a run writes its progress."""
    run, over = store.queue.running()[0].id, time.monotonic() + seconds
    paths = ["/api/runs", f"/api/runs/{run}/metrics", f"/api/runs/{run}/log", "/api/health", "/api/metrics", "/monitor"]

    def read(start: int) -> list[tuple[int, float]]:
        found: list[tuple[int, float]] = []
        with httpx.Client(base_url=app_server.url, timeout=30) as client:
            while time.monotonic() < over:
                path, began = paths[(start + len(found)) % len(paths)], time.monotonic()
                found.append((client.get(path).status_code, time.monotonic() - began))
        return found

    with ThreadPoolExecutor(10) as pool:
        readers = [pool.submit(read, start) for start in range(10)]
        epoch = 0
        while time.monotonic() < over:
            epoch += 1
            store.progress.add_epoch(run, epoch, {"loss": 1 / epoch}, {"iou": 0.5, "loss": 1.0}, line=f"epoch {epoch}")
            time.sleep(0.02)  # the pace of a writer, no synchronisation
    answers = [answer for reader in readers for answer in reader.result()]
    assert {status for status, _ in answers} == {200}
    assert len(answers) > 10 * seconds
    assert max(took for _, took in answers) < 5
    assert len({point.epoch for point in store.history.metrics(run)}) == epoch


@pytest.mark.slow
@pytest.mark.browser
def test_ten_browsers_on_monitor(app_server: AppProcess, store: RunStore, browser: Browser) -> None:
    run, wrong = store.queue.running()[0].id, list[str]()
    contexts = [browser.new_context() for _ in range(10)]
    pages = [context.new_page() for context in contexts]
    for page in pages:
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.goto(f"{app_server.url}/monitor?run={run}")
    for epoch in range(1, 4):
        store.progress.add_epoch(run, epoch, {"loss": 1 / epoch}, {"iou": 0.5, "loss": 1.0}, line=f"line of epoch {epoch}")
        for page in pages:
            expect(page.get_by_text(f"line of epoch {epoch}")).to_be_visible(timeout=120_000)
    for context in contexts:
        context.close()
    assert wrong == []


# Two people


@pytest.mark.parametrize("rounds", [5, pytest.param(200, marks=pytest.mark.slow)])
def test_two_people_press_stop_resume_and_delete_at_once(app_server: AppProcess, store: RunStore, rounds: int) -> None:
    """On the same queued run: each press is carried out or refused in a sentence, and the run ends where the answers say."""
    told: Counter[str] = Counter()

    def press(client: httpx.Client, run: int, button: str) -> str:
        if button == "delete":  # the page's button does this
            try:
                store.delete(run)
            except InputError as error:
                return f"refused: {error}"
            return "done"
        answer = client.post(f"/api/runs/{run}/{button}")
        detail = answer.json().get("detail")
        assert answer.status_code in (200, 404, 409), answer.text
        assert (answer.status_code == 200) == (detail is None)
        return f"refused: {detail}" if detail else "done"

    pairs = [("stop", "stop"), ("stop", "delete"), ("resume", "delete"), ("resume", "stop"), ("delete", "delete")]
    people = [httpx.Client(base_url=app_server.url, timeout=30) for _ in range(2)]
    with people[0], people[1], ThreadPoolExecutor(2) as pool:
        for number in range(rounds):
            buttons = pairs[number % len(pairs)]
            run = store.queue.add(f"round {number}", CONFIG, "sample").id
            if "stop" not in buttons or "resume" in buttons:
                store.queue.stop(run)
            answers = list(pool.map(press, people, [run, run], buttons))
            told.update(answers)
            _is_true(store, run, buttons, answers)
    assert told["done"] >= rounds
    assert not [sentence for sentence in told if "Error" in sentence or "  " in sentence]


def _is_true(store: RunStore, run: int, buttons: tuple[str, ...], answers: Sequence[str]) -> None:
    """Check what two people were told against what became of the run."""
    done = [button for place, button in enumerate(buttons) if answers[place] == "done"]
    status = next((each.status for each in store.list_runs() if each.id == run), "deleted")
    if "delete" in done:
        assert (status, done.count("delete")) == ("deleted", 1)
    elif "resume" in buttons:
        assert status in ("queued", "stopped")
        assert status == "queued" or done[-1:] == ["stop"] or not done
    else:
        assert status == "stopped"
    assert done, answers
