"""Every page in light and dark, wide and narrow: axe finds nothing serious, and nothing is wider than the screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from pages.shared.theme import DARK, LIGHT
from seg_core.config import Config
from seg_core.data.collection.store import create_collection
from seg_core.runs.store import RunStore
from seg_core.runs.worker import work
from seg_core.sweeps.stepping import step
from seg_core.sweeps.store import SweepStore
from seg_core.sweeps.sweep import Plan
from tests.app_process import AppProcess
from tests.fake_worker import fake_train
from tests.helpers import keep_sample, make_dataset, wait_in_page

pytestmark = pytest.mark.browser

# The address of each page, and what is there when it is complete.
PAGES = {
    "home": ("/", ".wipe canvas[data-drawn]"),
    "train": ("/train", "text=Every photograph has its mask"),
    "monitor": ("/monitor?run=1&run=2", ".mask-timeline canvas[aria-label]"),
    "wall": ("/monitor?wall=1", ".wall-figures dd"),
    "sweeps": ("/sweeps", ".sweep-plot svg path"),
    "data": ("/data?data={data}", ".gallery img"),
    "report": ("/report", ".live-charts .main-svg"),
    "compare": ("/compare?data={data}", "text=Evaluate"),
    "predict": ("/predict", "iframe"),
    "correct": ("/correct?collection=Clinic", ".mask-canvas[data-opened]"),
    "about": ("/about?doc=docs/models.md", "text=The models that ship"),
}

# While its script runs, Streamlit may show parts of the page pale.
AT_REST = """() => document.querySelector(".stApp").dataset.testScriptState === "notRunning" && document.getAnimations().every(
    (each) => each.playState !== "running" || each.effect.getComputedTiming().iterations === Infinity)"""


COUNT_DRAWINGS = """() => {
  window.drawings = 0;
  const watch = new MutationObserver(() => { window.drawings += 1; });
  watch.observe(document.querySelector(".stApp"), { attributes: true, attributeFilter: ["data-test-script-state"] });
}"""


def violations(page: Page) -> list[Any]:
    """Findings of axe on a page that is not redrawn meanwhile."""
    while True:
        wait_in_page(page, AT_REST)
        before = page.evaluate("window.drawings")
        found: list[Any] = Axe().run(page).response["violations"]
        if page.evaluate("window.drawings") == before:
            return found


def sweep(store: RunStore) -> None:
    """Keep a sweep of three trials, which has ended."""
    sweeps, config = SweepStore(store.at), Config.of("report", epochs=3)
    plan = Plan.of(config, space=["learning_rate=1e-4..1e-2 log", "loss=bce,bce-dice"], runs=3)
    number = sweeps.add("two settings", config, "sample", plan).id
    for _ in range(3):
        assert step(sweeps, number)
        work(store.queue.queued()[0].id, store, fake_train)
    sweeps.stop(number)
    sweeps.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, sample_dataset: Path) -> Iterator[AppProcess]:
    """The app with eleven runs, one of each way to end among them, a sweep and a collection."""
    home = tmp_path_factory.mktemp("accessible-home")
    keep_sample(home, sample_dataset)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seg_core.runs.worker.dispatch", lambda store: [])
        store = RunStore(home / "lesionlab.db")
        for number in range(1, 8):
            work(store.queue.add(f"run {number}", Config.of("report", epochs=3), "sample", tags=["night"]).id, store, fake_train)
        store.queue.stop(store.queue.add("", Config.of("best"), "sample").id)
        sweep(store)
        store.close()
        patch.setenv("LESIONLAB_HOME", str(home))
        photographs = make_dataset(tmp_path_factory.mktemp("clinic") / "tiny", train=2) / "train" / "images"
        create_collection("Clinic").add_photographs(sorted(photographs.iterdir()), copy=True)
    app = AppProcess(home)
    yield app
    errors = app.stop()
    assert "Traceback" not in errors, errors


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("data") / "tiny", train=6, test=3)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_by_everyone(name: str, scheme: str, page: Page, app: AppProcess, data: Path) -> None:
    address, complete = PAGES[name]
    page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
    page.goto(app.url + address.format(data=data))
    page.locator(complete).first.wait_for(timeout=60_000)
    page.evaluate(COUNT_DRAWINGS)
    found = violations(page)
    background = {"light": LIGHT, "dark": DARK}[scheme].background
    assert page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor") == rgb(background)

    serious = [
        f"{each['id']}: {node['html'][:200]}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
    assert not serious, "\n".join(serious)

    page.set_viewport_size({"width": 420, "height": 900})
    page.locator(complete).first.wait_for()
    wait_in_page(page, "() => { const main = document.querySelector('.stMain'); return main.scrollWidth <= main.clientWidth; }")
    of_page = "monitor" if name == "wall" else name
    assert page.title() == f"{of_page.capitalize()} · LesionLab"


def rgb(colour: str) -> str:
    """``#rrggbb`` as browsers give it back."""
    return f"rgb({', '.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))})"


@pytest.mark.slow
def test_a_new_home_says_on_every_page_what_to_do(browser: Browser, page: Page, tmp_path: Path) -> None:
    app = AppProcess(tmp_path)
    try:
        for address, sentence in (
            ("/monitor", "No runs yet. Start one, and watch it train here."),
            ("/sweeps", "No sweeps yet. A sweep tries many settings of one model"),
            ("/report", "These are the three models that ship with LesionLab"),
            ("/compare", "Evaluate 2 models on 40 photographs"),
            ("/compare?model=none", "There is no model none; choose from the list."),
            ("/data", "No test or validation photograph looks like a training photograph."),
        ):
            page.goto(app.url + address)
            page.get_by_text(sentence).first.wait_for(timeout=60_000)
        page.goto("about:blank")
    finally:
        assert "Traceback" not in app.stop()
