"""Live components: on Monitor one request serves all of them and asks only for what is new; a hidden tab asks nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Page, Request, Route, expect

from seg_core.common.colours import colours_of
from seg_core.config import Config
from seg_core.runs.run import BatchLosses
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess
from tests.helpers import wait_in_page, wait_until

pytestmark = pytest.mark.browser

CONFIG = Config.of("report", epochs=9)
VALUES = {"loss": 0.5, "accuracy": 0.9, "iou": 0.7, "dice": 0.8}


class Asked:
    """The requests of a page to the API, as paths with their queries."""

    def __init__(self, page: Page) -> None:
        self.paths: list[str] = []
        page.on("request", self._add)

    def _add(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.path.startswith("/api/"):
            self.paths.append(f"{address.path}?{address.query}")

    @property
    def polls(self) -> int:
        """Number of requests for the runs."""
        return sum(path.startswith("/api/runs?") for path in self.paths)

    def of(self, path: str) -> list[dict[str, list[str]]]:
        """Return the queries of one path."""
        return [parse_qs(each.split("?")[1]) for each in self.paths if each.split("?")[0] == path]


@pytest.fixture
def store(app_server: AppProcess) -> Iterator[RunStore]:
    """The app's store; this process works on a run of it, which never ends by itself."""
    store = RunStore(app_server.home / "lesionlab.db")
    yield store
    for run in store.queue.running():
        store.progress.finish(run.id, "stopped")
    for run in store.queue.queued():  # of a test that failed
        store.queue.stop(run.id)
    store.close()


@pytest.fixture
def run_id(store: RunStore) -> int:
    run_id = store.queue.add("watched", CONFIG, "sample", foreground=True).id
    assert store.claims.claim(run_id)
    store.progress.add_epoch(run_id, 1, VALUES, VALUES, line="Epoch 1.")
    return run_id


def open_monitor(page: Page, app: AppProcess, run_id: int) -> None:
    page.goto(f"{app.url}/monitor?run={run_id}")
    wait_until(lambda: epochs_drawn(page, run_id) == [1], what="the charts are drawn")
    expect(page.locator(".run-log")).to_contain_text("Epoch 1.")


def epochs_drawn(page: Page, run_id: int) -> list[int]:
    script = """(uid) => {
      const found = (document.querySelector(".live-charts")?.data ?? []).find((one) => one.uid === uid);
      return found ? Array.from(found.x) : [];
    }"""
    epochs: list[int] = page.evaluate(script, f"{run_id} val iou")
    return epochs


def test_one_question_for_all_and_further_ones_only_for_what_is_new(
    page: Page, app_server: AppProcess, store: RunStore, run_id: int
) -> None:
    asked = Asked(page)
    open_monitor(page, app_server, run_id)
    wait_until(lambda: page.evaluate("1") and asked.of(f"/api/runs/{run_id}/advice"), what="the last of its first questions")
    begin, polls = len(asked.paths), asked.polls
    wait_until(lambda: page.evaluate("1") and asked.polls >= polls + 4, what="it goes on asking")
    assert {path.split("?")[0] for path in asked.paths[begin:]} == {"/api/runs"}

    last = store.history.metrics(run_id)[-1].id
    store.progress.add_epoch(run_id, 2, VALUES, {**VALUES, "dice": 0.25}, line="Epoch 2.")
    wait_until(lambda: epochs_drawn(page, run_id) == [1, 2], what="the new point is drawn")
    expect(page.locator(".run-log")).to_contain_text("Epoch 2.")
    expect(page.locator(".figures")).to_contain_text("2 of 9")
    expect(page.locator(".figures")).to_contain_text("0.250")
    polls = asked.polls
    wait_until(lambda: page.evaluate("1") and asked.polls >= polls + 2, what="nothing more comes")
    assert [query["after"] for query in asked.of(f"/api/runs/{run_id}/metrics")] == [["0"], [str(last)]]
    assert len(asked.of(f"/api/runs/{run_id}/log")) == 2
    assert len(asked.of(f"/api/runs/{run_id}/masks")) == 2


def test_a_hidden_tab_asks_nothing_and_at_once_when_it_is_seen_again(
    page: Page, app_server: AppProcess, store: RunStore, run_id: int
) -> None:
    asked = Asked(page)
    open_monitor(page, app_server, run_id)
    page.clock.install()
    polls = asked.polls
    wait_until(lambda: page.evaluate("1") and asked.polls >= polls + 2, what="the timers are those of the test")
    page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true, configurable: true })")
    page.clock.run_for(1000)  # to the end of what was on its way
    before = list(asked.paths)
    store.progress.add_epoch(run_id, 2, VALUES, VALUES)
    page.clock.run_for(60_000)
    assert asked.paths == before
    assert epochs_drawn(page, run_id) == [1]

    milliseconds = page.evaluate(
        """() => new Promise((done) => {
          const really = window.fetch, from = performance.now();
          window.fetch = (...all) => { done(performance.now() - from); window.fetch = really; return really(...all); };
          Object.defineProperty(document, "hidden", { get: () => false, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        })"""
    )
    assert milliseconds < 100
    wait_until(lambda: epochs_drawn(page, run_id) == [1, 2], what="what came meanwhile is drawn")


def test_a_page_is_not_drawn_anew_on_top_of_a_click(page: Page, app_server: AppProcess, store: RunStore, run_id: int) -> None:
    asked = Asked(page)
    open_monitor(page, app_server, run_id)
    delete = page.get_by_test_id("stMain").get_by_role("button", name=re.compile("Delete$"))
    page.evaluate("() => { window.clicking = setInterval(() => document.querySelector('.run-log').click(), 100); }")
    store.progress.finish(run_id, "stopped")
    expect(page.locator(f".run-row:has-text('#{run_id}') .run-status")).to_have_text("stopped")
    polls = asked.polls
    wait_until(lambda: page.evaluate("1") and asked.polls >= polls + 4, what="it would have been redrawn")
    expect(delete).to_have_count(0)
    page.evaluate("() => clearInterval(window.clicking)")
    expect(delete).to_be_visible()
    assert delete.evaluate("(button) => { button.click(); return button.dataset.pressed; }") == "yes"
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("[data-pressed]")).to_have_count(0)


def test_predict_looks_for_checkpoints_in_the_tab_that_is_seen(page: Page, app_server: AppProcess) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    page.clock.install()
    page.goto(f"{app_server.url}/predictor/")
    expect(page.locator("#photographs")).to_be_visible()

    def goes_on(beat: Callable[[], object]) -> bool:
        before = len(asked)
        beat()
        page.evaluate("1")
        return len(asked) > before

    wait_until(lambda: goes_on(lambda: page.clock.run_for(5000)), what="it looks every five seconds")
    page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true, configurable: true })")
    wait_until(lambda: not goes_on(lambda: page.clock.run_for(60_000)), what="a minute passes without a question")
    page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", { get: () => false, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    wait_until(lambda: goes_on(lambda: page.clock.run_for(100)), what="it looks again at once")


def test_rows_stay_what_they_are_until_their_run_changes(
    page: Page, app_server: AppProcess, store: RunStore, run_id: int
) -> None:
    others = [store.queue.add(f"other {number}", CONFIG, "sample", foreground=True).id for number in range(3)]
    for other in others:
        store.queue.stop(other)
    open_monitor(page, app_server, run_id)
    expect(page.locator(".run-item")).to_have_count(len(store.list_runs()))
    page.evaluate(
        """() => {
          window.touched = new Set();
          new MutationObserver((changes) => changes.forEach(({ target }) => {
            const row = (target.closest ? target : target.parentElement).closest(".run-item");
            window.touched.add(row ? row.querySelector(".run-name").textContent.split(" ")[0] : "the list");
          })).observe(
            document.querySelector(".run-rows"), { childList: true, subtree: true, characterData: true, attributes: true });
        }"""
    )
    store.annotate(others[0], name="renamed")
    store.progress.update(run_id, batch=1, batches=4, epoch=2, phase="training")
    expect(page.locator(".run-name", has_text="renamed")).to_have_count(1)
    expect(page.locator(".run-item", has_text=f"#{run_id} ").locator(".run-bar")).to_have_attribute("aria-valuenow", "14")
    assert sorted(page.evaluate("[...window.touched]")) == sorted([f"#{others[0]}", f"#{run_id}"])

    store.delete(others[1])
    expect(page.locator(".run-name", has_text=f"#{others[1]} ")).to_have_count(0)


def test_a_queued_run_says_that_the_one_before_it_has_ended(
    page: Page, app_server: AppProcess, store: RunStore, run_id: int
) -> None:
    waiting = store.queue.add("waiting", CONFIG, "sample", foreground=True).id
    page.goto(f"{app_server.url}/monitor?run={waiting}")
    said = page.locator(".run-says")
    expect(said).to_have_text(f"Next in the queue, after #{run_id} watched (epoch 2 of 9).")
    store.progress.finish(run_id, "finished")  # nothing of the run that is shown changes, and the page is not drawn again
    expect(said).to_have_text("Next in the queue, starts in a moment.")
    store.queue.stop(waiting)


def test_a_run_says_what_it_waits_for_and_its_axis_spans_the_planned_epochs(
    page: Page, app_server: AppProcess, store: RunStore, run_id: int
) -> None:
    first, second = (store.queue.add(name, CONFIG, "sample", foreground=True).id for name in ("first", "second"))
    page.goto(f"{app_server.url}/monitor?run={second}&run={first}")
    waiting, said = page.locator(".chart-waiting"), page.locator(".run-says")
    expect(waiting).to_have_text(
        f"#{second} second: number 2 in the queue, behind #{first} first\n"
        f"#{first} first: next in the queue, after #{run_id} watched (epoch 2 of 9)"
    )
    expect(said).to_have_text(f"Number 2 in the queue, behind #{first} first.")
    store.queue.stop(first)
    expect(waiting).to_contain_text(f"#{second} second: next in the queue, after #{run_id} watched (epoch 2 of 9)")
    store.progress.finish(run_id, "finished")
    expect(said).to_have_text("Next in the queue, starts in a moment.")
    assert store.claims.claim(second)
    store.progress.update(second, phase="preparing", batch=3, batches=7, message="Preparing photographs: 3 of 7")
    expect(waiting).to_contain_text("second: preparing photographs: 3 of 7")
    store.progress.update(second, phase="training", epoch=1, batch=2, batches=5, message="")
    expect(waiting).to_contain_text("second: first epoch, batch 2 of 5")
    expect(waiting).to_contain_text(f"#{first} first: ended before its first epoch")
    # The range keeps what a visitor has zoomed to, and nothing else.
    span = "() => document.querySelector('.live-charts')._fullLayout.xaxis.range.map((x) => Math.round(x * 100) / 100).join()"
    wait_in_page(page, f"({span})() === '0,9.27'")
    store.progress.add_epoch(second, 1, VALUES, VALUES)
    expect(said).to_be_hidden()
    wait_until(lambda: epochs_drawn(page, second) == [1], what="the first point is drawn")
    assert page.evaluate(span) == "0,9.27"
    box = page.locator(".live-charts .nsewdrag").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 2, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50, steps=5)
    page.mouse.up()
    wait_in_page(page, f"Number(({span})().split(',')[1]) < 6")
    zoomed = page.evaluate(span)
    store.progress.add_epoch(second, 2, VALUES, VALUES)
    wait_until(lambda: epochs_drawn(page, second) == [1, 2], what="the second point is drawn")
    assert page.evaluate(span) == zoomed


def test_a_run_keeps_its_colour_when_others_are_chosen(page: Page, app_server: AppProcess, store: RunStore, run_id: int) -> None:
    other = store.queue.add("other", CONFIG, "sample", foreground=True).id
    store.queue.stop(other)
    mine, its = colours_of([str(run_id), str(other)]).values()
    script = """(colours) => {
      const lines = (document.querySelector(".live-charts")?.data ?? []).filter(({ uid }) => uid.endsWith("val iou"));
      return lines.map(({ line }) => line.color).join() === colours.join();
    }"""
    open_monitor(page, app_server, run_id)
    for chosen, colours in (([run_id, other], [mine, its]), ([other], [its]), ([other, run_id], [its, mine])):
        page.goto(f"{app_server.url}/monitor?{'&'.join(f'run={each}' for each in chosen)}")
        wait_in_page(page, script, colours)
        for each, colour in ((run_id, mine), (other, its)):  # chosen or not
            dot = page.locator(f".run-item:has-text('#{each} ') .run-dot")
            expect(dot).to_have_css("border-color", f"rgb({', '.join(str(part) for part in bytes.fromhex(colour[1:]))})")


PRESS = """([name, shows, words]) => new Promise((done, fail) => {
  const root = document.querySelector(shows), from = performance.now();
  setTimeout(() => fail(new Error(`${name}: ${root.textContent}`)), 20000);
  new MutationObserver(() => root.textContent.includes(words) && requestAnimationFrame(() => done(performance.now() - from)))
    .observe(root, { childList: true, subtree: true, characterData: true });
  [...document.querySelectorAll(".run-buttons button")].find((one) => (one.ariaLabel ?? one.textContent) === name).click();
})"""
"""Presses a button; gives the milliseconds until the page shows the words."""


def test_a_press_shows_before_the_app_has_answered(
    page: Page, app_server: AppProcess, store: RunStore, run_id: int, problems: list[str]
) -> None:
    held: list[Route] = []
    asked = Asked(page)
    page.route(re.compile(r"/api/runs/\d+/(stop|keep-going|resume)"), lambda route: held.append(route))
    open_monitor(page, app_server, run_id)
    store.progress.update(run_id, phase="training", epoch=2, batch=1, batches=4)
    row, figures = page.locator(".run-item", has_text=f"#{run_id} "), page.locator(".figures")

    def press(name: str, words: str) -> None:
        assert page.evaluate(PRESS, [name, ".figures", words]) < 300
        polls = asked.polls
        wait_until(lambda: page.evaluate("1") and held and asked.polls >= polls + 2, what="answers that know nothing of it")
        expect(figures).to_contain_text(words)

    press("Stop after this epoch", "stopping after this epoch")
    expect(row.locator(".run-status")).to_have_text("stopping")
    expect(row.locator(".run-facts")).to_contain_text("stopping after this one")
    assert not store.get_run(run_id).stop_after_epoch
    held.pop().continue_()
    wait_until(lambda: page.evaluate("1") and store.get_run(run_id).stop_after_epoch, what="it stops after its epoch")
    expect(figures).to_contain_text("stopping after this epoch")

    press(f"Keep run {run_id} going", "running, ")
    held.pop().continue_()
    wait_until(lambda: page.evaluate("1") and not store.get_run(run_id).stop_after_epoch, what="it goes on")
    press(f"Stop run {run_id}", "stopping, ")
    held.pop().continue_()
    wait_until(lambda: page.evaluate("1") and store.get_run(run_id).status == "stopping", what="it stops")
    expect(row.locator(".run-buttons")).to_be_hidden()
    store.progress.finish(run_id, "stopped")
    expect(row.locator(".run-status")).to_have_text("stopped")

    press(f"Resume run {run_id}", "queued")
    held.pop().fulfill(status=409, json={"detail": "It cannot be resumed now."})
    expect(page.locator(".run-list").get_by_role("alert")).to_have_text("It cannot be resumed now.")
    expect(row.locator(".run-status")).to_have_text("stopped")
    problems[:] = [each for each in problems if "409" not in each]


def test_what_is_chosen_is_in_view_and_a_run_that_is_gone_leaves_no_trace(
    page: Page, app_server: AppProcess, store: RunStore, run_id: int
) -> None:
    for number in range(12):
        store.queue.stop(store.queue.add(f"later {number}", CONFIG, "sample", foreground=True).id)
    store.progress.finish(run_id, "stopped")
    newest = store.list_runs()[0].id
    page.set_viewport_size({"width": 1024, "height": 900})
    page.goto(f"{app_server.url}/monitor?run={run_id}&run={newest}")

    def shows(row: int) -> bool:
        script = """(start) => {
          const list = document.querySelector(".run-rows")?.getBoundingClientRect();
          const name = [...document.querySelectorAll(".run-name")].find((one) => one.textContent.startsWith(start));
          const box = name?.getBoundingClientRect();
          return Boolean(box && box.top >= list.top && box.bottom <= list.bottom);
        }"""
        return bool(page.evaluate(script, f"#{row} "))

    wait_until(lambda: shows(run_id), what="the first chosen row is in view")
    assert not shows(newest)
    page.get_by_role("group", name="Chosen").get_by_role("button", name=f"#{newest} ").click()
    wait_until(lambda: shows(newest), what="the other row is in view")

    page.goto(f"{app_server.url}/monitor?run=999")
    expect(page.get_by_text("There is no run 999")).to_be_visible()
    page.wait_for_url("**/monitor")


def test_every_batch_is_shown_when_asked_for(page: Page, app_server: AppProcess, store: RunStore, run_id: int) -> None:
    losses = np.linspace(0.9, 0.1, 5000, dtype=np.float32)
    losses[2500] = 3
    store.progress.update(run_id, losses=BatchLosses(1, 5000, losses))
    asked = Asked(page)
    open_monitor(page, app_server, run_id)
    box = page.get_by_label("Training loss of every batch")
    expect(box).not_to_be_checked()
    assert batch_trace(page, run_id) is None
    box.check()
    wait_until(lambda: batch_trace(page, run_id), what="the line is drawn")
    line = batch_trace(page, run_id)
    assert line is not None
    assert len(line["x"]) == 2000
    expect(page.get_by_text("mean over 25 batches")).to_be_visible()
    assert (line["axis"], line["highest"]) == ("x", pytest.approx(3))  # the chart of the loss is the first

    zoomed = "document.querySelector('.live-charts').layout && Plotly.relayout(document.querySelector('.live-charts'), {range})"
    page.evaluate(zoomed.replace("{range}", "{ 'xaxis.range': [0.4, 0.6] }"))
    wait_until(lambda: len((batch_trace(page, run_id) or line)["x"]) < 2000, what="the part is drawn in full")
    part = batch_trace(page, run_id)
    assert part is not None
    assert (len(part["x"]), part["x"][0], part["x"][-1]) == (1001, 0.4, 0.6)

    page.evaluate(zoomed.replace("{range}", "{ 'xaxis.autorange': true }"))
    wait_until(lambda: len((batch_trace(page, run_id) or part)["x"]) == 2000, what="all of it is drawn again")
    box.uncheck()
    wait_until(lambda: batch_trace(page, run_id) is None, what="the line goes")
    expect(page.get_by_text("mean over 25 batches")).to_have_count(0)
    assert len(asked.of(f"/api/runs/{run_id}/batches")) == 3


def batch_trace(page: Page, run_id: int) -> dict[str, Any] | None:
    """Return the line of single batches, and the highest value of its band."""
    script = """(id) => {
      const find = (uid) => document.querySelector(".live-charts").data.find((one) => one.uid === uid);
      const line = find(`${id} batches`), band = find(`${id} batches band`);
      return line ? { x: Array.from(line.x), axis: line.xaxis, highest: Math.max(...band.y) } : null;
    }"""
    found: dict[str, Any] | None = page.evaluate(script, run_id)
    return found
