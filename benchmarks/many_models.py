"""Time that Compare takes to open many models on many photographs, once they are evaluated.

    python -m benchmarks.many_models [--models 30] [--photographs 1000]

Prints rows of docs/performance.md, in Markdown. The models are folders of masks: the truth, moved by a few pixels. They are
evaluated first, by `lesionlab compare`; then the real app is started and the page opened in Chromium.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks.measuring import head, row, timed
from seg_core.cli.named_models import evaluate_all
from seg_core.data.dataset import open_dataset
from tests.app_process import AppProcess
from tests.find_chromium import FLAGS, find_chromium

SIZE = 64, 48
OPENINGS = 5


def main() -> None:
    """Make photographs and masks, evaluate them, and time the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=30, metavar="N")
    parser.add_argument("--photographs", type=int, default=1000, metavar="N")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        home = Path(made, "home")
        home.mkdir()
        os.environ["LESIONLAB_HOME"] = str(home)
        data, folders = _make(Path(made), options.models, options.photographs)
        dataset = open_dataset(data)
        seconds = timed(lambda: evaluate_all({folder.name: [folder] for folder in folders}, dataset, "test", tta=False))
        head()
        what = f"{options.models} models on {options.photographs:,} photographs of {SIZE[0]} × {SIZE[1]} pixels"
        row(f"{what}: evaluated, s", [seconds])
        _time_page(home, data, folders)


def _make(folder: Path, models: int, photographs: int) -> tuple[Path, list[Path]]:
    """Write a dataset of ellipses, and masks that are moved further for each model; return its folder and theirs."""
    random, (width, height) = np.random.default_rng(0), SIZE
    data, y, x = folder / "data", *np.mgrid[:height, :width]
    masks = [folder / f"model {number:02d}" for number in range(models)]
    for place in (data / "test" / "images", data / "test" / "masks", *masks):
        place.mkdir(parents=True)
    for number in range(photographs):
        middle, radii = random.uniform((20, 15), (44, 33)), random.uniform(6, 14, 2)
        truth = ((x - middle[0]) / radii[0]) ** 2 + ((y - middle[1]) / radii[1]) ** 2 < 1
        name = f"photo {number:04d}"
        skin = (200 - 90 * truth[..., None] + random.integers(-9, 9, (height, width, 3))).astype(np.uint8)
        Image.fromarray(skin).save(data / "test" / "images" / f"{name}.jpg")
        Image.fromarray(truth).save(data / "test" / "masks" / f"{name}.png")
        for model, place in enumerate(masks):
            moved = np.roll(truth, int(random.integers(0, 2 + model // 4)), axis=1)
            Image.fromarray(moved).save(place / f"{name}.png")
    return data, masks


def _time_page(home: Path, data: Path, folders: list[Path]) -> None:
    """Open the comparison in two apps, one after the other: the second finds the statistics that the first has kept."""
    query = urlencode([("data", data), ("split", "test"), *(("masks", folder) for folder in folders)])
    for when in ("for the first time", "for the first time in another process"):
        app = AppProcess(home)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
                page = browser.new_page()
                page.set_default_timeout(120_000)
                page.goto(app.url)
                page.get_by_role("heading", level=1).wait_for()
                first, *others = (_opened(page, f"{app.url}/compare?{query}") for _ in range(1 + OPENINGS))
                row(f"opened {when}, at once after the app has started: ranks, s", [first[0]])
                row("the same: all charts, s", [first[1]])
                browser.close()
        finally:
            app.stop()
    row("opened again: all charts, s", [charts for _, charts in others])


def _opened(page: Page, address: str) -> tuple[float, float]:
    """Open a page; return the seconds until the ranks and until all charts are there."""
    started = time.perf_counter()
    page.goto(address)
    page.get_by_role("region", name="Ranks of the models").wait_for()
    ranks = time.perf_counter() - started
    page.get_by_role("tablist", name="Charts").wait_for()
    return ranks, time.perf_counter() - started


if __name__ == "__main__":
    main()
