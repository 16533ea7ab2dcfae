"""The Correct page in the real app: a collection from a folder, masks drawn by mouse and by keys, versions, and two at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Route, expect
from scipy import ndimage

from seg_core.common.home import SHIPPED_CHECKPOINTS
from seg_core.data.collection.collection import Collection
from seg_core.data.collection.store import list_collections, open_collection
from seg_core.data.dataset import open_dataset
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.prediction.expected_iou import soft_iou
from tests.app_process import AppProcess
from tests.browser.test_journey import drop
from tests.helpers import forget_leaving, make_dataset, read_mask, wait_until

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
    """Wait until a collection that was made is shown, and no photograph of the one before, which may have the same name."""
    page.wait_for_url(f"**/correct?collection={name}", timeout=SLOW)
    expect(page.get_by_text(f"Add photographs to {name}")).to_be_visible(timeout=SLOW)
    expect(page.locator(f".mask-canvas[data-collection='{name}'][data-opened]")).to_be_visible(timeout=SLOW)


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


def test_what_is_not_shown_takes_no_edits_and_is_stepped_over(
    page: Page, app: AppProcess, photographs: Path, home: Path, problems: list[str]
) -> None:
    make(page, app, "Slow", photographs)
    shows(page, "Slow")
    first, second, third = sorted(file.stem for file in photographs.glob("*.jpg"))
    (home / "collections" / "Slow" / "images" / f"{third}.jpg").write_bytes(b"damaged")
    says, size = page.locator(".editor-name"), page.locator(".mask-says", has_text=re.compile(r"^Size \d"))
    shown = canvas(page, first)
    shown.focus()
    for key, pixels in (("]", 4), ("]", 6), ("[", 4)):
        shown.press(key)
        expect(size).to_have_text(f"Size {pixels} px")
    shown.hover()
    page.mouse.wheel(0, -100)
    expect(size).to_have_text("Size 6 px")

    held: list[Route] = []
    page.route(f"**/{second}/photo.jpg", lambda route: held.append(route))
    with page.expect_request(f"**/{second}/photo.jpg"):
        shown.press("PageDown")
    expect(says).to_contain_text(f"{second} · 2 of 3")
    drag(page, shown, (10, 20), (30, 20))
    for key in ("Space", "ArrowRight", "Space", "f", "]", "h", "h", "s", "Enter"):
        shown.press(key)
    page.get_by_role("button", name="Empty").click()
    page.get_by_role("slider", name="Threshold of the model").fill("0.3")
    expect(says).to_have_text(f"{second} · 2 of 3 · 0 with a saved mask · no mask yet")
    held[0].continue_()
    shown = canvas(page, second)
    expect(says).to_have_text(f"{second} · 2 of 3 · 0 with a saved mask · no mask yet")
    expect(page.get_by_role("button", name="Undo")).to_have_attribute("aria-disabled", "true")

    note = page.locator(".mask-note")
    shown.press("PageDown")
    expect(note).to_contain_text(f"{third} cannot be shown: {third}.jpg is not an image that can be read; use JPEG")
    expect(page.get_by_text(f"Versions of {third}: 0")).to_be_visible()  # where it can be left out
    shown.press("PageUp")
    canvas(page, second)
    expect(note).to_have_text("")
    assert not any(open_collection("Slow").history(each) for each in (first, second, third))
    wait_until(lambda: page.evaluate("true") and len(problems) == 3)  # its facts, the photograph and the model's mask
    assert all(f"/{third}" in each for each in problems)
    problems.clear()


def test_a_finger_draws_two_zoom_and_beside_a_pen_they_move(page: Page, app: AppProcess, photographs: Path) -> None:
    make(page, app, "Touched", photographs)
    shows(page, "Touched")
    first = min(file.stem for file in photographs.glob("*.jpg"))
    shown, devtools = canvas(page, first), page.context.new_cdp_session(page)
    collection, note = open_collection("Touched"), page.locator(".mask-note")

    def fingers(*steps: Sequence[tuple[float, float]]) -> None:
        """Put fingers down and move them, from step to step, in pixels of the photograph; lift them at the end."""
        for at, step in enumerate(steps):
            points = [{"x": x, "y": y, "id": id} for id, (x, y) in enumerate(on_screen(shown, *step))]
            for count in range(1, len(points) + 1) if not at else [len(points)]:  # one after the other
                kind = "touchMove" if at else "touchStart"
                devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points[:count]})
        devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    def pen(kind: str, place: tuple[float, float]) -> None:
        ((x, y),) = on_screen(shown, place)
        event = {"type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1, "pointerType": "pen"}
        devtools.send("Input.dispatchMouseEvent", event)

    def mask(version: int) -> np.ndarray:
        shown.press("s")
        expect(note).to_have_text(f"{first}: saved as version {version}.")
        return saved(collection, first)

    page.get_by_role("button", name="Empty").click()
    page.get_by_role("slider", name="Size of the brush").fill("0.5")  # 4 pixels
    fingers([(10, 20)], [(30, 20)])
    drawn = mask(1)
    assert drawn[20, 8:33].all()
    assert not drawn[25:].any()

    fingers([(28, 40), (36, 40)], [(20, 40), (44, 40)])  # three times as near, and the first finger's dab is taken back
    fingers([(26, 40)], [(38, 40)])  # 12 pixels of the photograph on the screen are 4 now
    zoomed = mask(2)
    added = np.flatnonzero((zoomed & ~drawn).any(axis=0))
    assert (zoomed & drawn).sum() == drawn.sum()
    assert 10 <= np.ptp(added) <= 13  # 4 pixels and the brush

    shown.press("0")
    pen("mousePressed", (10, 55))
    pen("mouseMoved", (50, 55))
    pen("mouseReleased", (50, 55))
    by_pen = mask(3)
    assert by_pen[55, 10:50].all()
    fingers([(10, 10)], [(40, 10)])
    shown.press("s")
    expect(note).to_have_text("Nothing has changed since it was saved.")


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


def test_a_collection_is_exported_and_deleted_while_another_has_it_open(
    page: Page, app: AppProcess, photographs: Path, tmp_path: Path, problems: list[str]
) -> None:
    make(page, app, "Brief", photographs)
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
    other.goto(f"{app.url}/correct?collection=Brief")
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
