"""Seconds a mask on the page Correct: a model's mask that is corrected, against one that is drawn from nothing.

python -m benchmarks.correcting --data DIR [--split test] [--photographs 20] [--iou 0.95]

Drives the real page in Chromium: a simulated person (`benchmarks.drawing_person`) clicks the corners of polygons, and every mask
is saved. The seconds of the person are computed; those that the app takes to open a photograph and to save a mask are measured.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from playwright.sync_api import Locator, Page, sync_playwright

from benchmarks.drawing_person import BUTTON, CLICK, KEY, LOOK, Edit, plan
from benchmarks.measuring import timed
from seg_core.config import SplitSpec
from seg_core.data.collection.collection import Collection
from seg_core.data.collection.store import create_collection
from seg_core.data.collection.versions import read_saved_mask
from seg_core.data.dataset import open_dataset
from seg_core.data.truth import read_truth
from seg_core.metrics import iou
from tests.app_process import AppProcess
from tests.find_chromium import FLAGS, find_chromium

CLOSES = 10
"""Pixels of the screen around the first corner of a polygon in which a click closes it, as in `mask_canvas.js`."""


def main() -> None:
    """Print the seconds a mask and the IoU of both ways, as a table in Markdown."""
    parser = argparse.ArgumentParser(description="Measure what correcting a model's mask saves.")
    parser.add_argument("--data", required=True, help="a dataset folder")
    parser.add_argument("--split", default="test")
    parser.add_argument("--photographs", type=int, default=20)
    parser.add_argument("--iou", type=float, default=0.95, help="what the person is content with")
    options = parser.parse_args()
    pairs = open_dataset(options.data).pairs_of(options.split, SplitSpec())
    pairs = pairs[:: max(1, len(pairs) // options.photographs)][: options.photographs]
    rows, opening, saving = [], [], []
    with tempfile.TemporaryDirectory() as home:
        os.environ["LESIONLAB_HOME"] = home
        collection = create_collection("Measured")
        photographs = collection.add_photographs([pair.image for pair in pairs], copy=True)
        app = AppProcess(Path(home))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(find_chromium()), args=FLAGS)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(f"{app.url}/correct?collection=Measured")
            for id, pair in sorted(zip(photographs, pairs, strict=True), key=lambda each: each[0]):
                opening.append(timed(_canvas(page, id).wait_for))
                row, saves = _both_ways(page, collection, id, read_truth(pair).mask, options.iou)
                rows.append(row)
                saving += saves
                page.keyboard.press("PageDown")
            browser.close()
        app.stop()
    print(f"{len(rows)} photographs; content with an IoU of {options.iou:g}\n")
    print("| | seconds of the person | corners | IoU | lowest | reached |\n" + "| --- " * 6 + "|")
    for way, name in enumerate(("from nothing", "the model's mask, corrected", "the model's mask as it is")):
        seconds, corners, reached = (np.array([row[way][at] for row in rows]) for at in range(3))
        print(
            f"| {name} | {np.median(seconds):.1f} ({seconds.min():.1f} to {seconds.max():.1f}) | {np.median(corners):.0f} "
            f"| {reached.mean():.3f} | {reached.min():.3f} | {(reached >= options.iou).sum()} |"
        )
    drawing, correcting = (np.array([row[way][0] for row in rows]) for way in (0, 1))
    quicker = np.minimum(drawing, correcting)
    opens, saves_in = statistics.median(opening[1:]), statistics.median(saving)
    print(
        f"\nCorrecting is quicker for {(correcting < drawing).sum()} of them. Who begins anew where that is quicker takes "
        f"{np.median(quicker):.1f} s, {100 * (1 - quicker.sum() / drawing.sum()):.0f} % less than from nothing in all. "
        f"The app opens a photograph with the model's mask in {opens:.2f} s and saves in {saves_in:.2f} s."
    )


Way = tuple[float, int, float]
"""Seconds of the person, corners that were clicked, and the IoU of the mask that was saved."""


def _both_ways(page: Page, collection: Collection, id: str, truth: np.ndarray, wanted: float) -> tuple[list[Way], list[float]]:
    """Draw a mask from nothing, and the model's corrected; return these, the model's as it is, and the seconds of each save."""
    *_, scale = _place(page, id, truth.shape)
    closes = CLOSES / scale
    accepted, model = _save(page, collection, id, 1)
    seconds, edits = plan(model, truth, wanted, closes)
    _draw(page, id, truth.shape, edits)
    took, corrected = _save(page, collection, id, 2) if edits else (accepted, model)
    by_correcting = (LOOK + seconds + KEY, _corners(edits), float(iou(corrected, truth)))

    page.get_by_role("button", name="Empty").click()
    seconds, edits = plan(np.zeros_like(truth), truth, wanted, closes)
    _draw(page, id, truth.shape, edits)
    took_too, from_nothing = _save(page, collection, id, collection.item(id).versions + 1)
    by_drawing = (LOOK + BUTTON + CLICK + seconds + KEY, _corners(edits), float(iou(from_nothing, truth)))
    return [by_drawing, by_correcting, (LOOK + KEY, 0, float(iou(model, truth)))], [accepted, took, took_too]


def _canvas(page: Page, id: str) -> Locator:
    return page.locator(f".mask-canvas[data-opened='{id}']")


def _place(page: Page, id: str, shape: tuple[int, ...]) -> tuple[float, float, float]:
    """Return left and top of the photograph on the screen, and how many pixels of the screen one of its pixels is."""
    _canvas(page, id).scroll_into_view_if_needed()
    box = _canvas(page, id).bounding_box()
    assert box
    scale = min(box["width"] / shape[1], box["height"] / shape[0])
    return box["x"] + (box["width"] - scale * shape[1]) / 2, box["y"] + (box["height"] - scale * shape[0]) / 2, scale


def _draw(page: Page, id: str, shape: tuple[int, ...], edits: Sequence[Edit]) -> None:
    for key, corners in edits:
        left, top, scale = _place(page, id, shape)
        _canvas(page, id).press(key)
        within = np.clip(corners * scale, 1, np.array(shape[::-1]) * scale - 1)  # of those on the edge, a pixel of the screen
        for x, y in within.tolist():
            page.mouse.click(left + x, top + y)
        if len(corners):
            _canvas(page, id).press("Enter")


def _save(page: Page, collection: Collection, id: str, number: int) -> tuple[float, np.ndarray]:
    """Save the mask that is shown; return the seconds until the page says so, and the mask (H, W) bool as it was saved."""
    says = page.locator(".mask-note", has_text=f"{id}: saved as version {number}.")
    _canvas(page, id).press("s")
    return timed(says.wait_for), read_saved_mask(collection.version_mask(id, number))


def _corners(edits: Sequence[Edit]) -> int:
    return sum(len(corners) for _, corners in edits)


if __name__ == "__main__":
    main()
