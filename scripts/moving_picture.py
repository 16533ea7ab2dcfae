"""Take the README's moving picture from the running app, on the built-in sample.

    python -m scripts.moving_picture [--target docs/images/tour.webp]

Wipes the masks of the first page, drops a photograph, trains a small model and watches it, and compares two that ship.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

from scripts.screenshots import AT_REST, EXAMPLE, SLOW
from seg_core.common.home import PROJECT
from tests.app_process import AppProcess
from tests.find_chromium import ADVICE, FLAGS, find_chromium
from tests.helpers import wait_in_page

VIEW: ViewportSize = {"width": 1200, "height": 750}
WIDTH = 900
"""Of the picture, in pixels."""
LONGEST = 3_000_000
"""Bytes that the file may have."""


class Film:
    """The pictures taken so far, and for how long each is shown, in milliseconds."""

    def __init__(self) -> None:
        self.frames: list[Image.Image] = []
        self.durations: list[int] = []

    def take(self, page: Page, milliseconds: int) -> None:
        """Take a picture of a page."""
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        self.frames.append(picture.resize((WIDTH, WIDTH * picture.height // picture.width), Image.Resampling.LANCZOS))
        self.durations.append(milliseconds)

    def save(self, target: Path) -> None:
        """Write the film as WebP, as sharp as the limit allows."""
        first, *others = self.frames
        for quality in (80, 65, 50, 35):
            first.save(target, save_all=True, append_images=others, duration=self.durations, loop=0, quality=quality, method=6)
            if target.stat().st_size < LONGEST:
                return
        raise SystemExit(f"The film has {target.stat().st_size:,} bytes; leave scenes out.")


def first_page(page: Page, film: Film) -> None:
    """Wipe one mask against the other."""
    page.locator(".wipe canvas[data-drawn]").nth(1).wait_for()
    wait_in_page(page, AT_REST)
    line = page.locator(".wipe input")
    film.take(page, 1200)
    for value in [*range(56, 86, 6), *range(80, 14, -6), *range(20, 51, 6)]:
        line.evaluate("(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }", value)
        film.take(page, 90)


def dropped_photograph(page: Page, film: Film) -> None:
    """Predict an example."""
    page.get_by_role("link", name="Try a photograph").click()
    widget = page.frame_locator("iframe")
    upload = widget.locator("#photographs input[type=file]")
    upload.wait_for(state="attached")
    wait_in_page(page, AT_REST)
    film.take(page, 1000)
    upload.set_input_files(EXAMPLE)
    widget.get_by_text("Lesion area").nth(1).wait_for()
    for side in (1, 2):
        widget.locator(f"#picture-{side} img").evaluate("image => image.decode()")
    film.take(page, 2500)


def training(page: Page, film: Film) -> None:
    """Launch a training on the sample, and watch its first epochs."""
    top_link(page, "Train")
    page.get_by_text("Every photograph has its mask").wait_for()
    wait_in_page(page, AT_REST)
    film.take(page, 1500)
    page.get_by_role("button", name="Launch").click()
    page.locator(".live-charts .main-svg").first.wait_for()
    for epoch in range(1, EPOCHS + 1):
        page.get_by_text(f"epoch {epoch}/").first.wait_for()
        film.take(page, 500)
    film.durations[-1] = 2000


def comparison(page: Page, film: Film) -> None:
    """Evaluate the two models that Compare begins with."""
    top_link(page, "Compare")
    evaluate = page.get_by_role("button", name="Evaluate ")
    evaluate.click()
    result = page.get_by_role("heading", name="Result", exact=True)
    page.get_by_text("statistically significant").first.wait_for()  # once both models are scored
    page.locator(".js-plotly-plot .main-svg:visible").first.wait_for()
    wait_in_page(page, AT_REST)
    result.evaluate("node => node.scrollIntoView()")
    film.take(page, 3000)


EPOCHS = 6
SCENES: tuple[Callable[[Page, Film], None], ...] = (first_page, dropped_photograph, training, comparison)


def top_link(page: Page, name: str) -> None:
    """Open a page from the top of another."""
    page.get_by_test_id("stTopNavLinkContainer").get_by_role("link", name=name).click()
    page.get_by_role("heading", name=name, exact=True).wait_for()


def main() -> None:
    """Take the moving picture."""
    parser = argparse.ArgumentParser(description="Take the README's moving picture.")
    parser.add_argument("--target", type=Path, default=PROJECT / "docs" / "images" / "tour.webp", help="the file to write")
    options = parser.parse_args()
    if (chromium := find_chromium()) is None:
        raise SystemExit(ADVICE)
    film = Film()
    with tempfile.TemporaryDirectory() as home:
        app = AppProcess(Path(home))
        try:
            with sync_playwright() as playwright:
                page = playwright.chromium.launch(executable_path=chromium, args=FLAGS).new_page(viewport=VIEW)
                page.set_default_timeout(SLOW)
                page.goto(app.url)
                for scene in SCENES:
                    scene(page, film)
        finally:
            app.stop()
    film.save(options.target)


if __name__ == "__main__":
    main()
