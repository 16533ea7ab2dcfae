"""The Correct page in the real app: a collection from a folder, masks drawn by mouse and by keys, versions, and two at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect
from scipy import ndimage

from seg_core.common.home import SHIPPED_CHECKPOINTS
from seg_core.data.collection.collection import Collection
from seg_core.data.collection.store import list_collections, open_collection
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.prediction.expected_iou import soft_iou
from tests.app_process import AppProcess
from tests.browser.test_journey import drop
from tests.helpers import forget_leaving, make_dataset, read_mask

pytestmark = pytest.mark.browser

SLOW = 60_000
SIDE = 64


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("correct-home")


@pytest.fixture(scope="module")
def app(home: Path) -> Iterator[AppProcess]:
    app = AppProcess(home)
    yield app
    errors = app.stop()
    assert "Traceback" not in errors, errors


@pytest.fixture(autouse=True)
def same_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test read the app's collections."""
    monkeypatch.setenv("LESIONLAB_HOME", str(home))


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Three photographs of 64 × 64 pixels without masks."""
    return make_dataset(tmp_path / "clinic", size=(SIDE, SIDE), train=3) / "train" / "images"


def canvas(page: Page, photograph: str) -> Locator:
    """The canvas, once a photograph is open in it."""
    shown = page.locator(f".mask-canvas[data-opened='{photograph}']")
    expect(shown).to_be_visible(timeout=SLOW)
    return shown


def drag(page: Page, shown: Locator, *points: tuple[float, float]) -> None:
    """Draw a line through points of the photograph, in pixels of it."""
    shown.scroll_into_view_if_needed()
    box = shown.bounding_box()
    assert box
    scale = min(box["width"], box["height"]) / SIDE
    left, top = box["x"] + (box["width"] - scale * SIDE) / 2, box["y"] + (box["height"] - scale * SIDE) / 2
    for at, (x, y) in enumerate(points):
        page.mouse.move(left + x * scale, top + y * scale)
        if not at:
            page.mouse.down()
    page.mouse.up()


def saved(collection: Collection, photograph: str) -> np.ndarray:
    mask = collection.item(photograph).mask
    assert mask
    return read_mask(mask)[0]


def make(page: Page, app: AppProcess, name: str, folder: Path) -> None:
    page.goto(f"{app.url}/correct")
    new = page.locator("details", has_text="New collection")
    expect(new).to_be_visible(timeout=SLOW)
    if new.get_attribute("open") is None:  # there are other collections
        new.locator("summary").click()
    page.get_by_role("textbox", name="Name", exact=True).fill(name)
    page.get_by_role("textbox", name="Folder").first.fill(str(folder))
    page.get_by_role("button", name="Make the collection").click()


def shows(page: Page, name: str) -> None:
    """Wait until a collection that was made is shown, and not the one before."""
    page.wait_for_url(f"**/correct?collection={name}", timeout=SLOW)


def test_masks_are_drawn_saved_and_gone_back_to(page: Page, app: AppProcess, photographs: Path, home: Path) -> None:
    make(page, app, "Clinic", photographs)
    shows(page, "Clinic")
    first, second, third = sorted(file.stem for file in photographs.glob("*.jpg"))
    shown = canvas(page, first)
    says, note = page.locator(".editor-name"), page.locator(".mask-note")
    expect(says).to_have_text(f"{first} · 1 of 3 · 0 with a saved mask · no mask yet")
    page.get_by_role("textbox", name="Your name").fill("Ada")
    page.get_by_role("textbox", name="Your name").press("Tab")

    page.get_by_role("button", name="Empty").click()
    page.get_by_role("slider", name="Size of the brush").fill("0.5")  # 4 pixels
    drag(page, shown, (10, 20), (30, 20))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(note).to_have_text(f"{first}: saved as version 1.")
    collection = open_collection("Clinic")
    drawn = saved(collection, first)
    assert drawn[20, 8:33].all()
    assert not drawn[:, 40:].any()
    assert not drawn[30:].any()
    assert [(each.author, each.began_as) for each in collection.history(first)] == [("Ada", "empty")]

    shown.press("p")  # by keys: a square from the middle, without the mouse
    page.mouse.move(0, 0)
    for keys in (["ArrowRight"] * 4, ["ArrowDown"] * 4, ["ArrowLeft"] * 4):
        shown.press("Space")
        for key in keys:
            shown.press(key)
    shown.press("Space")
    shown.press("Enter")
    expect(says).to_contain_text("changed")
    shown.press("Control+z")
    shown.press("Control+y")
    shown.press("PageDown")  # saves before it goes on
    shown = canvas(page, second)
    by_keys = saved(collection, first)
    assert by_keys[33:39, 33:39].all()
    assert by_keys.sum() > drawn.sum() + 30

    page.get_by_role("button", name="Save and next").click()  # accepts the model's mask
    canvas(page, third)
    expect(says).to_contain_text("3 of 3 · 2 with a saved mask")
    assert collection.history(second)[0].began_as.startswith("model fine-tune-best-plus at 0.")

    page.goto(f"{app.url}/correct?collection=Clinic&photograph={first}")
    canvas(page, first)
    page.get_by_text(f"Versions of {first}: 2").click()
    page.get_by_role("button", name="Go back to it").click()
    expect(page.get_by_text(f"Versions of {first}: 3")).to_be_visible()
    np.testing.assert_array_equal(saved(collection, first), drawn)
    expect(says).to_have_attribute("data-version", "3")
    shown = canvas(page, first)
    shown.press("e")  # what is erased now is erased from the version that was gone back to
    drag(page, shown, (0, 20), (64, 20))
    shown.press("s")
    expect(note).to_have_text(f"{first}: saved as version 4.")
    assert not saved(collection, first)[20].any()


@pytest.mark.slow
def test_two_people_lose_nothing(page: Page, app: AppProcess, photographs: Path) -> None:
    make(page, app, "Shared", photographs)
    shows(page, "Shared")
    first = min(file.stem for file in photographs.glob("*.jpg"))
    canvas(page, first)
    other = page.context.new_page()
    other.goto(f"{app.url}/correct?collection=Shared&photograph={first}")
    for each, row in ((page, 10), (other, 50)):
        shown = canvas(each, first)
        each.get_by_role("button", name="Empty").click()
        drag(each, shown, (10, row), (50, row))
    for each in (page, other):
        each.bring_to_front()
        each.get_by_role("button", name="Save", exact=True).click()
        expect(each.locator(".mask-note")).to_contain_text("saved as version")
    expect(other.locator(".mask-note")).to_contain_text("Meanwhile someone saved another; both are kept")
    collection = open_collection("Shared")
    rows = [np.flatnonzero(read_mask(collection.version_mask(first, number))[0][:, 30]).mean() for number in (1, 2)]
    assert rows == pytest.approx([9.5, 49.5], abs=1)


def test_the_most_doubtful_masks_come_first(page: Page, app: AppProcess, photographs: Path) -> None:
    make(page, app, "Doubtful", photographs)
    shows(page, "Doubtful")
    model = load_checkpoint(SHIPPED_CHECKPOINTS / "fine-tune-best-plus.safetensors")
    expected = {file.stem: soft_iou(model.predict(file).probabilities, model.threshold) for file in photographs.glob("*.jpg")}
    first, second, *_ = sorted(expected, key=lambda photograph: expected[photograph])
    canvas(page, min(expected))
    page.get_by_role("button", name="Propose masks for 3 photographs").click()
    says, order = page.locator(".editor-name"), page.get_by_test_id("stButtonGroup").filter(has_text="Order")
    expect(order).to_be_visible(timeout=SLOW)
    page.goto(f"{app.url}/correct?collection=Doubtful&photograph={first}")
    canvas(page, first)
    expect(says).to_have_text(f"{first} · 1 of 3 · 0 with a saved mask · proposed by a model")
    page.get_by_role("button", name="Save and next").click()
    canvas(page, second)
    expect(says).to_contain_text("1 of 3 · 1 with a saved mask")  # what is saved goes to the end
    order.get_by_text("By name").click()
    place = sorted(expected).index(second) + 1
    expect(says).to_contain_text(f"{second} · {place} of 3")


@pytest.mark.slow
def test_the_masks_of_a_dataset_begin_as_its_truth(page: Page, app: AppProcess, tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "ward", size=(SIDE, SIDE), train=2)
    page.goto(f"{app.url}/data?data={folder}")
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


def test_what_cannot_be_a_collection_is_one_sentence(page: Page, app: AppProcess, photographs: Path) -> None:
    make(page, app, "../etc", photographs)
    expect(page.get_by_text("A collection cannot be called '../etc'")).to_be_visible()
    page.get_by_role("textbox", name="Name", exact=True).fill("Nowhere")
    page.get_by_role("textbox", name="Folder").first.fill("/no/such/folder")
    page.get_by_role("button", name="Make the collection").click()
    expect(page.get_by_test_id("stAlert")).to_contain_text("/no/such/folder")
    assert "Nowhere" not in list_collections()


def test_a_mask_on_predict_is_taken_to_be_corrected(page: Page, app: AppProcess, tmp_path: Path, problems: list[str]) -> None:
    page.goto(f"{app.url}/predict?model=fine-tune-best")
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
