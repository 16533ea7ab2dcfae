"""Take the README's pictures from the running app, on the built-in sample and on a folder of photographs with a test split.

    python -m scripts.screenshots --data DIR [--target docs/images]

Trains two models for eight epochs, evaluates two that ship on DIR's test split, and writes a PNG file of every page.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from seg_core.common.home import PROJECT
from tests.app_process import AppProcess
from tests.find_chromium import ADVICE, FLAGS, find_chromium
from tests.helpers import wait_in_page

WIDTH = 1280
SLOW = 600_000
"""Milliseconds that a training or an evaluation may take."""
AT_REST = """() => document.querySelector(".stApp").dataset.testScriptState === "notRunning"
    && !document.querySelector('[data-testid="stSkeleton"]')"""
"""True in a browser when Streamlit's script has ended and every part of the page is there."""
EXAMPLE = PROJECT / "pages" / "examples" / "hairs.jpg"


def train_page(page: Page, url: str, _data: Path) -> None:
    """Open Train on the sample."""
    page.goto(f"{url}/train")
    page.get_by_text("Every photograph has its mask").wait_for()


def monitor_page(page: Page, url: str, _data: Path) -> None:
    """Show both runs."""
    page.goto(f"{url}/monitor?run=1&run=2")
    page.locator(".live-charts .main-svg").first.wait_for()


def data_page(page: Page, url: str, data: Path) -> None:
    """Scan the folder and show its photographs."""
    page.goto(f"{url}/data?data={data}")
    page.locator(".gallery img").first.wait_for(timeout=SLOW)
    page.locator(".js-plotly-plot .main-svg:visible").first.wait_for()


def compare_page(page: Page, url: str, data: Path) -> None:
    """Evaluate two models that ship."""
    page.goto(f"{url}/compare?data={data}&model=fine-tune-best-plus&model=fine-tune-best")
    page.get_by_role("heading", name="Compare", exact=True).wait_for()
    evaluate = page.get_by_role("button", name="Evaluate ")
    evaluate.or_(page.get_by_role("heading", name="Result")).first.wait_for()
    if evaluate.is_visible():
        evaluate.click()
    page.get_by_role("heading", name="Differences").wait_for(timeout=SLOW)
    page.locator(".js-plotly-plot .main-svg:visible").first.wait_for()
    page.locator("canvas[data-drawn]").first.wait_for()


def large_picture(page: Page, url: str, data: Path) -> None:
    """Scroll Compare to the large photograph."""
    compare_page(page, url, data)
    heading = page.get_by_role("heading", name="One photograph, large")
    heading.evaluate("node => node.scrollIntoView()")
    page.locator(".image-viewer canvas").first.wait_for()


def predict_page(page: Page, url: str, _data: Path) -> None:
    """Predict an example."""
    page.goto(f"{url}/predict")
    widget = page.frame_locator("iframe")
    widget.locator("input[type=file]").first.set_input_files(EXAMPLE)
    widget.get_by_text("Lesion area").first.wait_for(timeout=SLOW)


def home_page(page: Page, url: str, _data: Path) -> None:
    """Open the first page."""
    page.goto(url)
    page.locator(".wipe canvas[data-drawn]").nth(1).wait_for(timeout=SLOW)


PICTURES: dict[str, tuple[Callable[[Page, str, Path], None], int]] = {
    "home": (home_page, 760),
    "train": (train_page, 980),
    "monitor": (monitor_page, 1560),
    "data": (data_page, 1400),
    "compare": (compare_page, 1690),
    "compare-large": (large_picture, 930),
    "predict": (predict_page, 1250),
}
"""How each page is brought to what its picture shows, and the picture's height in pixels."""


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description="Take the README's pictures.")
    parser.add_argument("--data", type=Path, required=True, help="a dataset with a test split")
    parser.add_argument("--target", type=Path, default=PROJECT / "docs" / "images", help="folder of the pictures")
    parser.add_argument("--only", nargs="*", choices=PICTURES, default=list(PICTURES), help="some of the pictures")
    options = parser.parse_args()
    if (chromium := find_chromium()) is None:
        raise SystemExit(ADVICE)
    options.target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, linked("isic2016", options.data) as data:
        home = Path(folder)
        if "monitor" in options.only:
            train_two(home)
        app = AppProcess(home)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
                for name in options.only:
                    prepare, height = PICTURES[name]
                    page = browser.new_page(viewport={"width": WIDTH, "height": height})
                    page.set_default_timeout(60_000)
                    prepare(page, app.url, data)
                    wait_in_page(page, AT_REST)
                    page.screenshot(path=options.target / f"{name}.png")
                    page.close()
        finally:
            app.stop()


@contextmanager
def linked(name: str, data: Path) -> Iterator[Path]:
    """Give a dataset a short path while the pictures are taken, since they show it."""
    link = Path(tempfile.gettempdir(), name)
    link.symlink_to(data.resolve())
    try:
        yield link
    finally:
        link.unlink()


def train_two(home: Path) -> None:
    """Train Model 1 and Model 2 for a few epochs on the sample."""
    for variant in ("trainable-decoder", "fine-tune"):
        command = [sys.executable, "-m", "seg_core", "train", "--data", "sample", "--variant", variant, "--epochs", "8"]
        environment = {"LESIONLAB_HOME": str(home)}
        subprocess.run([*command, "--name", f"quick {variant}"], cwd=PROJECT, env=os.environ | environment, check=True)


if __name__ == "__main__":
    main()
