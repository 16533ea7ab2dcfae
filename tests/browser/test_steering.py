"""Steering runs in the real app: the queue after the app is killed, clones, more epochs, tags."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from seg_core.runs.run import Run
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess
from tests.helpers import go_to, make_dataset, tiny_config, wait_until

pytestmark = pytest.mark.browser

SLOW = 60_000  # milliseconds that training and loading torch may take on a busy machine


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("data") / "tiny", train=20, test=4)


@pytest.fixture
def store(app_server: AppProcess) -> Iterator[RunStore]:
    store = RunStore(app_server.home / "lesionlab.db")
    yield store
    for run in store.queue.queued():
        store.queue.stop(run.id)
    for run in store.queue.running():
        store.queue.stop(run.id)
    wait_until(lambda: not store.queue.running(), what="the last run stops")
    store.close()


def add(store: RunStore, data: Path, name: str, epochs: int = 1) -> int:
    return store.queue.add(name, tiny_config(epochs=epochs, decoder="plain", variant="trainable-decoder"), data).id


def row(page: Page, run_id: int) -> Locator:
    return page.locator(".run-item", has_text=f"#{run_id} ")


def pressed(page: Page, run_id: int) -> Locator:
    return row(page, run_id).locator(".run-row")


def press(page: Page, name: str) -> None:
    page.get_by_test_id("stMain").get_by_role("button", name=re.compile(f"{name}$")).click()


def in_status(store: RunStore, run_id: int, status: str) -> Run:
    wait_until(lambda: store.get_run(run_id).status == status, what=f"run {run_id} is {status}")
    return store.get_run(run_id)


@pytest.mark.slow
def test_a_run_stops_after_its_epoch_and_is_told_to_go_on(
    page: Page, app_server: AppProcess, store: RunStore, data: Path
) -> None:
    run_id = add(store, data, "long", epochs=300)
    page.goto(f"{app_server.url}/monitor?run={run_id}")
    in_status(store, run_id, "running")
    press(page, "Stop after this epoch")
    stopped = in_status(store, run_id, "stopped")
    assert stopped.message == f"Stopped after epoch {stopped.epochs_done}, as asked; it can be resumed."
    press(page, "Resume")
    wait_until(lambda: store.get_run(run_id).epochs_done > stopped.epochs_done, what="it goes on")


@pytest.mark.slow
def test_a_finished_run_trains_more_and_a_clone_starts_afresh(
    page: Page, app_server: AppProcess, store: RunStore, data: Path
) -> None:
    run_id = add(store, data, "short", epochs=1)
    in_status(store, run_id, "finished")
    page.goto(f"{app_server.url}/monitor?run={run_id}")
    press(page, "Train more")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("spinbutton", name="More epochs").fill("2")
    dialog.get_by_role("spinbutton", name="More epochs").press("Tab")
    dialog.get_by_role("button", name="Continue").click()
    wait_until(lambda: store.get_run(run_id).config.epochs == 3, what="the epochs are added")
    assert in_status(store, run_id, "finished").epochs_done == 3
    assert [point.epoch for point in store.history.metrics(run_id) if (point.split, point.name) == ("val", "iou")] == [1, 2, 3]

    page.get_by_role("link", name="Clone this run").click()
    expect(page.get_by_text(f"Data and settings of #{run_id} short")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("textbox", name="Name")).to_have_value("short")
    expect(page.get_by_role("textbox", name="Folders")).to_have_value(str(data))
    expect(page.get_by_text("Every photograph has its mask")).to_be_visible(timeout=SLOW)
    page.get_by_text("Advanced settings").click()
    epochs = page.get_by_role("spinbutton", name="Epochs")
    expect(epochs).to_have_value("3")
    epochs.fill("1")
    epochs.press("Enter")
    expect(page.get_by_text("epochs 1").first).to_be_visible()
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_role("heading", name="Monitor")).to_be_visible(timeout=SLOW)
    clone = store.list_runs()[0]
    assert clone.id > run_id
    assert clone.config == store.get_run(run_id).config.model_copy(update={"epochs": 1, "schedule_from": 0})
    assert clone.sources == (str(data),)
    expect(pressed(page, clone.id)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("heading", name=f"#{clone.id} short")).to_be_visible()
    in_status(store, clone.id, "finished")


def look_elsewhere(page: Page) -> None:
    go_to(page, "Monitor")
    expect(page.get_by_role("heading", name="Monitor")).to_be_visible()
    go_to(page, "Train")
    expect(page.get_by_role("heading", name="Train")).to_be_visible()


def test_the_form_stays_while_another_page_is_looked_at(page: Page, app_server: AppProcess, data: Path) -> None:
    page.goto(f"{app_server.url}/train")
    name, epochs = page.get_by_role("textbox", name="Name"), page.get_by_role("spinbutton", name="Epochs")
    folders, variant = page.get_by_role("textbox", name="Folders"), page.get_by_role("radio", name="Model 1")
    page.get_by_role("radio", name="My folders").click()
    folders.fill(str(data))
    folders.press("Control+Enter")
    expect(page.get_by_text("20 train")).to_be_visible(timeout=SLOW)
    variant.check(force=True)
    name.fill("half done")
    name.press("Tab")
    page.get_by_text("Advanced settings").click()
    epochs.fill("3")
    epochs.press("Enter")
    expect(page.get_by_text("Changed from the recipe: epochs 3")).to_be_visible()

    look_elsewhere(page)
    expect(name).to_have_value("half done")
    expect(folders).to_have_value(str(data))
    expect(variant).to_be_checked()
    expect(page.get_by_text("Changed from the recipe: epochs 3")).to_be_visible()


def test_a_clone_begins_a_form_once_and_it_can_be_emptied(
    page: Page, app_server: AppProcess, store: RunStore, data: Path
) -> None:
    run_id = add(store, data, "cloned", epochs=7)
    store.queue.stop(run_id)
    name, said = page.get_by_role("textbox", name="Name"), page.get_by_text(f"Data and settings of #{run_id} cloned")

    def clone() -> None:
        go_to(page, "Monitor")  # which shows the newest
        page.get_by_role("link", name="Clone this run").click()
        expect(said).to_be_visible(timeout=SLOW)
        expect(name).to_have_value("cloned")

    page.goto(f"{app_server.url}/train")
    clone()
    name.fill("changed")
    name.press("Tab")
    expect(page.get_by_text("--name changed")).to_have_count(2)  # the commands of a training and of a sweep
    go_to(page, "Monitor")
    page.wait_for_url("**/monitor?run=*")  # Monitor has named its run in the address, which is no entry of the history
    page.go_back()
    expect(page.get_by_role("heading", name="Train")).to_be_visible()
    expect(name).to_have_value("changed")
    look_elsewhere(page)
    expect(said).to_be_visible()
    expect(name).to_have_value("changed")
    clone()
    page.get_by_role("button", name="Reset form").click()
    expect(page.get_by_role("textbox", name="Folders")).to_have_count(0)
    expect(page.get_by_text("Every photograph has its mask")).to_be_visible(timeout=SLOW)  # the sample is painted first
    expect(name).to_have_value("")
    expect(page.get_by_text("Changed from the recipe")).to_have_count(0)
    expect(page.get_by_text("Data and settings of")).to_have_count(0)


def test_notes_and_tags_are_kept_and_found(page: Page, app_server: AppProcess, store: RunStore, data: Path) -> None:
    runs = [add(store, data, f"one of {count}") for count in range(7)]
    for run_id in runs:
        store.queue.stop(run_id)
    page.goto(f"{app_server.url}/monitor?run={runs[2]}")
    page.get_by_text("Name, tags and notes").click()
    page.get_by_role("textbox", name="Name").fill("the good one")
    page.get_by_role("textbox", name="Name").press("Tab")
    page.get_by_role("textbox", name="Tags").fill("for the paper,, for the paper, night")
    page.get_by_role("textbox", name="Tags").press("Tab")
    page.get_by_role("textbox", name="Notes").fill("Seed 3 next.")
    page.get_by_role("textbox", name="Notes").press("Control+Enter")
    page.get_by_role("button", name="Save").click()
    expect(row(page, runs[2]).locator(".run-tag")).to_have_text(["for the paper", "night"])
    expect(row(page, runs[2]).locator(".run-name")).to_have_text(f"#{runs[2]}  the good one")
    expect(page.get_by_role("textbox", name="Tags")).to_have_value("for the paper, night")
    run = store.get_run(runs[2])
    assert (run.name, run.tags, run.notes) == ("the good one", ("for the paper", "night"), "Seed 3 next.")

    page.get_by_role("textbox", name="Tags").fill("much too long for a tag as anyone can see")
    page.get_by_role("textbox", name="Tags").press("Tab")
    page.get_by_role("textbox", name="Notes").fill("Seed 4 next.")
    page.get_by_role("textbox", name="Notes").press("Control+Enter")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("give it at most 30")).to_be_visible()
    expect(page.get_by_role("textbox", name="Notes")).to_have_value("Seed 4 next.")
    assert store.get_run(runs[2]).notes == "Seed 3 next."

    pressed(page, runs[1]).click()
    page.get_by_role("radio", name=f"#{runs[1]} one of 1").click()
    expect(page.get_by_role("heading", name=f"#{runs[1]} one of 1")).to_be_visible()
    go_to(page, "Train")
    expect(page.get_by_role("heading", name="Train")).to_be_visible()
    go_to(page, "Monitor")
    pressed(page, runs[2]).click()
    page.get_by_role("radio", name=f"#{runs[2]} the good one").click()
    expect(page.get_by_role("heading", name=f"#{runs[2]} the good one")).to_be_visible()
    expect(page.get_by_role("textbox", name="Name")).to_have_value("the good one")
    expect(page.get_by_role("textbox", name="Tags")).to_have_value("much too long for a tag as anyone can see")
    expect(page.get_by_role("textbox", name="Notes")).to_have_value("Seed 4 next.")
    expect(page.get_by_test_id("stApp")).to_have_attribute(
        "data-test-script-state", "notRunning"
    )  # else it may fill the fields again
    page.get_by_role("textbox", name="Tags").fill("night")
    page.get_by_role("textbox", name="Tags").press("Tab")
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.get_by_role("textbox", name="Tags")).to_have_value("night")
    page.get_by_role("button", name="Save").click()
    expect(row(page, runs[2]).locator(".run-tag")).to_have_text(["night"])
    assert store.get_run(runs[2]).notes == "Seed 4 next."

    page.get_by_role("searchbox", name="Filter the runs").fill("NIGHT good")
    expect(page.locator(".run-item:visible")).to_have_count(1)
    page.get_by_role("searchbox", name="Filter the runs").fill("nothing like it")
    expect(page.get_by_text("No run matches.")).to_be_visible()


@pytest.mark.slow
def test_what_is_being_typed_stays_when_the_run_ends(page: Page, app_server: AppProcess, store: RunStore, data: Path) -> None:
    run_id = add(store, data, "long", epochs=300)
    wait_until(lambda: store.get_run(run_id).epochs_done, what="a first epoch")
    page.goto(f"{app_server.url}/monitor?run={run_id}")
    page.get_by_text("Name, tags and notes").click()
    notes = page.get_by_role("textbox", name="Notes")
    notes.fill("In the middle of")
    store.queue.stop(run_id)
    for appears in ("Report on these runs", "Stopped in epoch", "Export", "Resume"):  # all of it stands above the notes
        expect(page.get_by_test_id("stMain").get_by_text(appears).first).to_be_visible(timeout=SLOW)
    expect(notes).to_have_value("In the middle of")
    expect(notes).to_be_focused()


@pytest.mark.slow
def test_a_dialog_stays_open_while_another_run_ends(page: Page, app_server: AppProcess, store: RunStore, data: Path) -> None:
    done = add(store, data, "done")
    in_status(store, done, "finished")
    long = add(store, data, "long", epochs=300)
    in_status(store, long, "running")
    page.goto(f"{app_server.url}/monitor?run={done}&run={long}")
    press(page, "Delete")
    expect(page.get_by_role("dialog")).to_be_visible()
    store.queue.stop(long)
    expect(row(page, long)).to_contain_text("stopped", timeout=SLOW)
    page.get_by_role("dialog").get_by_role("button", name="Keep").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert store.get_run(done).status == "finished"


def test_the_other_runs_stay_chosen_when_one_is_deleted(page: Page, app_server: AppProcess, store: RunStore, data: Path) -> None:
    gone, kept, newest = (add(store, data, name) for name in ("gone", "kept", "newest"))
    for run_id in (gone, kept, newest):
        store.queue.stop(run_id)
    wait_until(lambda: not store.queue.running(), what="none of them trains")
    page.goto(f"{app_server.url}/monitor?run={gone}&run={kept}")
    press(page, "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url(f"**/monitor?run={kept}")
    expect(pressed(page, kept)).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("heading", name=f"#{kept} kept")).to_be_visible()


def test_rows_are_chosen_and_let_go_one_after_the_other(page: Page, app_server: AppProcess, store: RunStore, data: Path) -> None:
    first, second, third = runs = [add(store, data, f"row {number}") for number in range(3)]
    for run_id in runs:
        store.queue.stop(run_id)
    page.goto(f"{app_server.url}/monitor?run={first}")
    for run_id, chosen in ((second, [first, second]), (third, [first, second, third]), (second, [first, third])):
        pressed(page, run_id).click()
        page.wait_for_url(f"**/monitor?{'&'.join(f'run={each}' for each in chosen)}")
        labels = ", ".join(store.get_run(each).label for each in chosen)
        expect(page.locator(".live-charts")).to_have_attribute("aria-label", re.compile(f"by epoch of {re.escape(labels)}$"))
        for each in runs:
            expect(pressed(page, each)).to_have_attribute("aria-pressed", str(each in chosen).lower())


def test_the_number_of_slots_is_a_setting(page: Page, app_server: AppProcess, store: RunStore, data: Path) -> None:
    runs = [add(store, data, "side by side", epochs=100) for _ in range(2)]
    page.goto(f"{app_server.url}/monitor?run={runs[0]}")
    in_status(store, runs[0], "running")
    page.get_by_test_id("stPopover").get_by_role("button", name="Queue").click()
    slots = page.get_by_role("spinbutton", name="Runs that train at a time")
    slots.fill("2")
    slots.press("Enter")
    in_status(store, runs[1], "running")
    assert store.get_run(runs[0]).status == "running"
    store.queue.set_slots(1)


@pytest.mark.slow
def test_the_queue_keeps_its_order_when_the_app_is_killed(page: Page, tmp_path: Path, data: Path, problems: list[str]) -> None:
    app = AppProcess(tmp_path / "home")
    store = RunStore(app.home / "lesionlab.db")
    first = add(store, data, "first", epochs=200)
    second, third = add(store, data, "second"), add(store, data, "third")
    page.goto(f"{app.url}/monitor?run={first}")
    expect(row(page, second).locator(".run-facts")).to_have_text("next in the queue", timeout=SLOW)
    row(page, third).get_by_role("button", name="forward in the queue").click()
    expect(row(page, third).locator(".run-facts")).to_have_text("next in the queue")
    expect(row(page, second).locator(".run-facts")).to_have_text("number 2 in the queue")
    expect(page.locator(".run-name").filter(has_text=re.compile("first|second|third"))).to_have_text(
        [f"#{first}  first", f"#{third}  third", f"#{second}  second"]
    )
    expect(row(page, third).get_by_role("button", name="forward in the queue")).to_be_disabled()
    in_status(store, first, "running")
    trained = wait_until(lambda: store.get_run(first).epochs_done, what="a first epoch")

    app.kill()
    wait_until(lambda: store.get_run(first).epochs_done > trained, what="the run goes on without the app")
    again = AppProcess(app.home)
    try:
        page.goto(f"{again.url}/monitor?run={first}")
        expect(row(page, third).locator(".run-facts")).to_have_text("next in the queue", timeout=SLOW)
        assert [run.id for run in store.queue.queued()] == [third, second]
        press(page, "Stop")
        expect(row(page, second).locator(".run-status")).to_have_text("finished", timeout=SLOW)
        ended = [store.get_run(run_id) for run_id in (first, third, second)]
        assert [run.status for run in ended] == ["stopped", "finished", "finished"]
        assert [run.finished for run in ended] == sorted(run.finished or 0 for run in ended)
    finally:
        page.goto("about:blank")
        assert "Traceback" not in again.stop() + app.stop()
        store.close()
    problems[:] = [each for each in problems if app.url not in each]  # the page of the killed app had reason to complain


def test_what_a_training_would_refuse_is_not_launched(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "flawed", train=6, test=2)
    (folder / "train" / "masks" / "ISIC_0000001.png").unlink()
    page.goto(f"{app_server.url}/train")
    page.get_by_text("My folders").click()
    folders = page.get_by_role("textbox", name="Folders")
    folders.fill(str(folder))
    folders.press("Control+Enter")
    expect(page.get_by_text("1 of the pairs cannot be trained on").first).to_be_visible(timeout=SLOW)
    launch = page.get_by_role("button", name="Launch")
    expect(launch).to_be_disabled()
    page.get_by_text("Advanced settings", exact=True).click()
    skip = page.get_by_role("checkbox", name="Skip pairs with problems")
    skip.press("Space")  # what opens is moving still, and the mouse would miss it
    expect(skip).to_be_checked()
    expect(launch).to_be_enabled()


def test_photographs_of_one_lesion_are_offered_to_stay_together(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "lesions", train=24, test=2)
    photos = sorted(path.stem for path in (folder / "train" / "images").iterdir())
    rows = [f"{name},{number // 2}" for number, name in enumerate(photos)]
    (folder / "lesions.csv").write_text("\n".join(["image,lesion_id", *rows]), encoding="utf-8")
    page.goto(f"{app_server.url}/train")
    page.get_by_text("My folders").click()
    folders = page.get_by_role("textbox", name="Folders")
    folders.fill(str(folder))
    folders.press("Control+Enter")
    warning = page.get_by_text("Photographs of the same lesions (lesions.csv:lesion_id) may train and validate")
    expect(warning).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Keep them on one side").click()
    expect(warning).to_have_count(0)
    expect(page.get_by_text("share a lesion_id; each group stays on one side of the split.")).to_be_visible()
    page.get_by_text("Command line", exact=True).click()
    expect(page.get_by_text("--groups lesions.csv:lesion_id")).to_be_visible()
