"""Collections on the page Correct in the real app: from a folder, a dataset or Predict, in order of doubt, exported, deleted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from scipy import ndimage

from seg_core.common.home import SHIPPED_CHECKPOINTS
from seg_core.data.collection.store import list_collections, open_collection
from seg_core.data.dataset import open_dataset
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.prediction.expected_iou import soft_iou
from tests.app_process import AppProcess
from tests.browser.editor import SIDE, SLOW, canvas, make, saved, shows
from tests.browser.test_journey import drop
from tests.helpers import forget_leaving, make_dataset, read_mask, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("home_of_the_app")]


def test_the_most_doubtful_masks_come_first(page: Page, app_server: AppProcess, photographs: Path) -> None:
    make(page, app_server, "Doubtful", photographs)
    shows(page, "Doubtful")
    model = load_checkpoint(SHIPPED_CHECKPOINTS / "fine-tune-best-plus.safetensors")
    expected = {file.stem: soft_iou(model.predict(file).probabilities, model.threshold) for file in photographs.glob("*.jpg")}
    first, second, *_ = sorted(expected, key=lambda photograph: expected[photograph])
    canvas(page, min(expected))
    page.get_by_role("button", name="Propose masks for 3 photographs").click()
    says, order = page.locator(".editor-name"), page.get_by_test_id("stButtonGroup").filter(has_text="Order")
    expect(order).to_be_visible(timeout=SLOW)
    page.goto(f"{app_server.url}/correct?collection=Doubtful&photograph={first}")
    canvas(page, first)
    expect(says).to_have_text(f"{first} · 1 of 3 · 0 with a saved mask · proposed by a model")
    page.get_by_role("button", name="Save and next").click()
    canvas(page, second)
    expect(says).to_contain_text("1 of 3 · 1 with a saved mask")  # what is saved goes to the end
    order.get_by_text("By name").click()
    place = sorted(expected).index(second) + 1
    expect(says).to_contain_text(f"{second} · {place} of 3")


@pytest.mark.slow
def test_the_masks_of_a_dataset_begin_as_its_truth(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "ward", size=(SIDE, SIDE), train=2)
    page.goto(f"{app_server.url}/data?data={folder}")
    page.get_by_role("link", name="Correct its masks").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("Ward")
    expect(page.get_by_role("textbox", name="Folder").first).to_have_value(str(folder))
    page.get_by_role("button", name="Make the collection").click()
    shows(page, "Ward")
    photograph = min(file.stem for file in (folder / "train" / "images").glob("*.jpg"))
    canvas(page, photograph)
    expect(page.locator(".editor-name")).to_have_text(f"{photograph} · 1 of 2 · 2 with a saved mask · saved")
    page.get_by_role("button", name="Fill holes").click()
    page.get_by_role("button", name="Grow").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".mask-note")).to_have_text(f"{photograph}: saved as version 2.")
    collection = open_collection("Ward")
    truth = read_mask(collection.version_mask(photograph, 1))[0]
    np.testing.assert_array_equal(saved(collection, photograph), ndimage.binary_dilation(ndimage.binary_fill_holes(truth)))

    page.get_by_role("link", name="Look through it").click()
    expect(page.get_by_text("2 of 2 pairs")).to_be_visible(timeout=SLOW)
    page.get_by_role("link", name="Correct its masks").click()
    canvas(page, photograph)  # it is a collection already


def test_a_collection_is_exported_and_deleted_while_another_has_it_open(
    page: Page, app_server: AppProcess, photographs: Path, tmp_path: Path, problems: list[str]
) -> None:
    make(page, app_server, "Brief", photographs)
    shows(page, "Brief")
    first = min(file.stem for file in photographs.glob("*.jpg"))
    canvas(page, first)
    expect(page.get_by_text(f"Versions of {first}: 0")).to_be_visible()
    page.get_by_text("Export", exact=True).click()
    expect(page.get_by_text("No photograph has a saved mask yet")).to_be_visible()
    page.get_by_role("button", name="Accept", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("link", name="COCO").click()
    download.value.save_as(tmp_path / "brief.zip")
    assert download.value.suggested_filename == "brief-coco.zip"
    assert [pair.id for pair in open_dataset(tmp_path / "brief.zip").pairs] == [first]

    other = page.context.new_page()
    other.goto(f"{app_server.url}/correct?collection=Brief")
    shown = canvas(other, first)
    page.get_by_role("button", name="Delete the collection").click()
    expect(page.get_by_role("dialog")).to_contain_text("This deletes Brief with 3 photographs and 1 version of masks.")
    page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_text("Brief is deleted.")).to_be_visible()
    assert "Brief" not in list_collections()

    other.bring_to_front()
    shown.press("f")
    shown.press("ArrowRight")
    other.get_by_role("button", name="Empty").click()
    shown.press("s")
    expect(other.locator(".mask-note")).to_contain_text(f"{first} is not saved: There is no collection Brief")
    assert "Brief" not in list_collections()
    for key in ("ArrowDown", "ArrowDown", "Enter"):  # as whatever draws the page again, and tries once more to save
        other.get_by_role("combobox", name="Model that proposes").press(key)
    expect(other.get_by_text("There is no collection Brief; choose another, or make it.")).to_be_visible()
    wait_until(lambda: page.evaluate("true") and len(problems) == 2)
    assert all(f"/Brief/{first}?base=1" in each for each in problems)
    problems.clear()


def test_what_cannot_be_a_collection_is_one_sentence(page: Page, app_server: AppProcess, photographs: Path) -> None:
    make(page, app_server, "../etc", photographs)
    expect(page.get_by_text("A collection cannot be called '../etc'")).to_be_visible()
    page.get_by_role("textbox", name="Name", exact=True).fill("Nowhere")
    page.get_by_role("textbox", name="Folder").first.fill("/no/such/folder")
    page.get_by_role("button", name="Make the collection").click()
    expect(page.get_by_test_id("stAlert")).to_contain_text("/no/such/folder")
    assert "Nowhere" not in list_collections()


def test_a_mask_on_predict_is_taken_to_be_corrected(
    page: Page, app_server: AppProcess, tmp_path: Path, problems: list[str]
) -> None:
    page.goto(f"{app_server.url}/predict?model=fine-tune-best")
    widget = page.frame_locator("iframe")
    drop(page, tmp_path)
    expect(widget.locator("#measures-1")).to_contain_text("esion", timeout=SLOW)
    widget.locator("#correct-1").click()
    page.wait_for_url("**/correct?collection=From+Predict&photograph=lesion")
    forget_leaving(problems)
    canvas(page, "lesion")
    expect(page.locator(".editor-name")).to_have_text("lesion · 1 of 1 · 0 with a saved mask · proposed by a model")
    page.get_by_role("button", name="Accept", exact=True).click()
    expect(page.locator(".mask-note")).to_have_text("lesion: saved as version 1.")
    collection = open_collection("From Predict")
    proposal, (version,) = collection.item("lesion").proposal, collection.history("lesion")
    assert proposal
    assert version.began_as.startswith("model fine-tune-best at 0.")
    np.testing.assert_array_equal(saved(collection, "lesion"), read_mask(proposal)[0])
