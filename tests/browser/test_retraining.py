"""Corrections saved, a model retrained with them on the page Correct, and the verdict read there."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from seg_core.data.collection.store import create_collection
from seg_core.jobs.proof import proof_of
from seg_core.runs.retraining import last_retraining
from seg_core.runs.store import RunStore
from tests.app_process import AppProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.usefixtures("home_of_the_app")]

SLOW = 240_000
SIDE = 96


def photograph(file: Path, seed: int) -> np.ndarray:
    """Write a photograph of a dark lesion on skin whose patches tell it from others; return its mask (H, W) bool."""
    random = np.random.default_rng(seed)
    patches = random.integers(-45, 46, (4, 4)).repeat(SIDE // 4, 0).repeat(SIDE // 4, 1)[..., None]
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    (cx, cy), (rx, ry) = random.uniform(0.35, 0.65, 2), random.uniform(0.15, 0.3, 2)
    mask: np.ndarray = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1
    pixels = np.where(mask[..., None], (90, 60, 45), (205, 165, 145)) + patches
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, quality=95)
    return mask


def png(mask: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(file, "PNG")
    return file.getvalue()


def test_a_model_is_retrained_with_corrections_and_judged(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    masks = {f"mole-{number:02d}": photograph(tmp_path / f"mole-{number:02d}.jpg", number) for number in range(14)}
    collection = create_collection("Clinic")
    collection.add_photographs(sorted(tmp_path.glob("*.jpg")), copy=True)

    def correct(ids: list[str]) -> None:
        for id in ids:
            answer = page.request.post(f"{app_server.url}/api/collections/Clinic/{id}?author=Ada", data=png(masks[id]))
            assert answer.ok, answer.text()

    correct(list(masks)[:11])
    page.goto(f"{app_server.url}/correct?collection=Clinic")
    page.get_by_text("Retrain a model").click()
    expect(page.get_by_text("There are 11; correct 1 more.")).to_be_visible()
    correct(list(masks)[11:])
    page.reload()
    page.locator("summary", has_text="Retrain with 8 corrections").click()
    expect(page.get_by_text("judged by 6 others that never train")).to_be_visible()
    epochs = page.get_by_role("spinbutton", name="Epochs")
    expect(epochs).to_have_value("20")
    epochs.fill("40")
    epochs.press("Tab")
    margin = page.get_by_role("spinbutton", name="Margin")
    margin.fill("0.05")
    margin.press("Tab")
    page.get_by_role("button", name="Retrain with 8 corrections").click()
    heading = page.get_by_role("heading", name="trained further with 8 corrections")
    expect(heading).to_be_visible(timeout=SLOW)

    page.reload()  # what is shown follows from the runs
    expect(heading).to_be_visible(timeout=SLOW)
    verdict = page.get_by_test_id("stAlert").filter(has_text="on 6 held-out photographs")
    expect(verdict).to_be_visible(timeout=SLOW)
    store = RunStore()
    last = last_retraining(store.list_runs(), collection)
    assert last
    run, retraining = last
    found = proof_of(store, run, retraining).found
    assert found
    expect(verdict).to_have_text(found.sentence)
    assert (run.config.epochs, retraining.margin, retraining.before.stem) == (40, 0.05, "fine-tune-best-plus")
    assert found.after > found.before + 0.1  # the model sees nothing in these painted photographs until it has learned them

    page.get_by_role("link", name="Compare before and after").click()
    expect(page.get_by_text("6 photographs, scored at their stored resolution")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Clinic, 8 corrections, run 1").first).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("heading", name="Result")).to_be_visible(timeout=SLOW)  # nothing is evaluated again
    page.goto(f"{app_server.url}/correct?collection=Clinic")
    expect(verdict).to_have_text(found.sentence, timeout=SLOW)
    page.get_by_role("link", name="Watch the training").click()
    page.wait_for_url("**/monitor?run=1")
