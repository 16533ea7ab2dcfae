"""What journeys do on the page Correct: make a collection, draw on a photograph, and read what was saved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from playwright.sync_api import Locator, Page, expect

from seg_core.data.collection.collection import Collection
from tests.app_process import AppProcess
from tests.helpers import read_mask

SLOW = 60_000
SIDE = 64
"""Of the photographs, in pixels."""


def canvas(page: Page, photograph: str) -> Locator:
    """The canvas, once a photograph is open in it."""
    shown = page.locator(f".mask-canvas[data-opened='{photograph}']")
    expect(shown).to_be_visible(timeout=SLOW)
    return shown


def on_screen(shown: Locator, *points: tuple[float, float]) -> list[tuple[float, float]]:
    """Where points of the photograph, in pixels of it, are on the screen."""
    shown.scroll_into_view_if_needed()
    box = shown.bounding_box()
    assert box
    scale = min(box["width"], box["height"]) / SIDE
    left, top = box["x"] + (box["width"] - scale * SIDE) / 2, box["y"] + (box["height"] - scale * SIDE) / 2
    return [(left + x * scale, top + y * scale) for x, y in points]


def drag(page: Page, shown: Locator, *points: tuple[float, float]) -> None:
    """Draw a line through points of the photograph, in pixels of it."""
    for at, (x, y) in enumerate(on_screen(shown, *points)):
        page.mouse.move(x, y)
        if not at:
            page.mouse.down()
    page.mouse.up()


def saved(collection: Collection, photograph: str) -> np.ndarray:
    """The mask of a photograph as it is on the disk, (H, W) bool."""
    mask = collection.item(photograph).mask
    assert mask
    return read_mask(mask)[0]


def make(page: Page, app: AppProcess, name: str, folder: Path) -> None:
    """Make a collection of the photographs in a folder, on the page Correct."""
    page.goto(f"{app.url}/correct")
    new = page.locator("details", has_text="New collection")
    expect(new).to_be_visible(timeout=SLOW)
    if new.get_attribute("open") is None:  # there are other collections
        new.locator("summary").click()
    page.get_by_role("textbox", name="Name", exact=True).fill(name)
    page.get_by_role("textbox", name="Folder").first.fill(str(folder))
    page.get_by_role("button", name="Make the collection").click()


def shows(page: Page, name: str) -> None:
    """Wait until a collection that was made is shown, and no photograph of the one before, which may have the same name."""
    page.wait_for_url(f"**/correct?collection={name}", timeout=SLOW)
    expect(page.get_by_text(f"Add photographs to {name}")).to_be_visible(timeout=SLOW)
    expect(page.locator(f".mask-canvas[data-collection='{name}'][data-opened]")).to_be_visible(timeout=SLOW)
