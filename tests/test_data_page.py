"""The Data page: what a survey saw, filtered by hand-worked rules, and a leak that the real app flags."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from pages.dataset_view import ANY, SOUND, TROUBLED, Filter, open_view
from pages.gallery import outlined
from seg_core.data.dataset import open_dataset
from seg_core.data.folders import Pair
from seg_core.jobs.kinds import KINDS
from seg_core.jobs.requests import survey_request
from seg_core.jobs.results import result_folder
from seg_core.jobs.store import JobStore
from seg_core.jobs.worker import work_on
from tests.app_process import AppProcess
from tests.helpers import make_dataset

SLOW = 60_000


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph that trains stands in the test part too, mirrored; another one cannot be read, and one has no mask."""
    folder = make_dataset(tmp_path_factory.mktemp("data") / "leaky", size=(96, 96), train=6, test=3)
    for kind, ending in (("images", "jpg"), ("masks", "png")):
        with Image.open(folder / "train" / kind / f"ISIC_0000002.{ending}") as picture:
            picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(folder / "test" / kind / f"copy.{ending}", quality=95)
    photo = folder / "train" / "images" / "ISIC_0000003.jpg"
    photo.write_bytes(photo.read_bytes()[:400])
    (folder / "train" / "masks" / "ISIC_0000004.png").unlink()
    return folder


@pytest.mark.usefixtures("lab_home")
def test_rows_are_filtered_by_part_problem_and_lesion_area(leaky: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seg_core.jobs.worker.dispatch_jobs", lambda store: None)
    dataset, store = open_dataset(leaky), JobStore()
    request = survey_request(dataset)
    job = store.ask(request)
    store.start_next()
    work_on(job.id, store, KINDS)
    assert store.get(job.id).message == "9 pairs seen."
    folder = result_folder(request)
    assert folder is not None
    view = open_view(dataset, folder)

    ids = [pair.id for pair in view.pairs]
    assert [ids[row] for row in view.rows(Filter("test", ANY, 0, 1))] == [pair.id for pair in dataset.test]
    assert [ids[row] for row in view.rows(Filter(None, TROUBLED, 0, 1))] == ["ISIC_0000003"]
    assert [ids[row] for row in view.rows(Filter(None, "unreadable", 0, 1))] == ["ISIC_0000003"]
    assert len(view.rows(Filter(None, SOUND, 0, 1))) == 8
    areas = {pair.id: np.mean(np.asarray(Image.open(pair.mask)) > 127) for pair in view.pairs}
    wanted = [id for id in ids if id == "ISIC_0000003" or 0.1 <= areas[id] <= 0.2]
    assert [ids[row] for row in view.rows(Filter(None, ANY, 0.1, 0.2))] == wanted
    assert sum(len(values) for values in view.by_part(view.areas).values()) == 8
    copy = ids.index("copy")
    assert view.caption(copy) == f"test · 96 × 96 · lesion {areas['copy'] * 100:.1f} %"
    assert {(d.first.id, d.second.id, d.is_leakage) for d in view.duplicates} == {("ISIC_0000002", "copy", True)}

    (leaky / "train" / "masks" / "ISIC_0000004.png").write_bytes(b"new")
    assert survey_request(open_dataset(leaky)).key != request.key
    (leaky / "train" / "masks" / "ISIC_0000004.png").unlink()


def test_the_outline_follows_the_mask(tmp_path: Path) -> None:
    Image.new("RGB", (200, 100), "#804020").save(tmp_path / "photo.png")
    mask = np.zeros((100, 200), np.uint8)
    mask[20:80, 40:160] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    pair = Pair("photo", tmp_path / "photo.png", tmp_path / "mask.png", "train")
    drawn = np.asarray(outlined(pair, side=100)).astype(int)
    assert drawn.shape == (50, 100, 3)
    white: np.ndarray = drawn.min(axis=2) > 250
    assert white[10:40, 20:80].sum() == white.sum() == 30 * 60 - 26 * 56  # two pixels wide, within the mask's edge
    (tmp_path / "photo.png").write_bytes(b"")
    assert outlined(pair, side=100).size == (100, 100)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    app = AppProcess(tmp_path_factory.mktemp("data-home"), LESIONLAB_ISIC_URL="http://127.0.0.1:9")
    yield app
    errors = app.stop()
    assert "Traceback" not in errors, errors


@pytest.mark.browser
def test_what_validates_and_tests_is_told_from_what_is_repeated(page: Page, app: AppProcess, tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "twins", size=(96, 96), train=3, val=2, test=2)
    for kind, ending in (("images", "jpg"), ("masks", "png")):
        shutil.copy(folder / "val" / kind / f"ISIC_0000003.{ending}", folder / "test" / kind / f"twin.{ending}")
        shutil.copy(folder / "train" / kind / f"ISIC_0000001.{ending}", folder / "train" / kind / f"again.{ending}")
    page.goto(f"{app.url}/data?data={folder}")
    expect(page.get_by_text("Some photographs validate and test")).to_be_visible(timeout=SLOW)
    page.get_by_text("1 in validation and in test").click()
    two = page.get_by_role("group", name="Photographs in validation and in test")
    expect(two.locator("figcaption")).to_have_text([re.compile("ISIC_0000003.*val"), re.compile("twin.*test")])
    expect(page.get_by_text("1 repeated within a part")).to_be_visible()


@pytest.mark.browser
def test_a_leak_is_flagged_with_the_pair_and_problems_are_named(page: Page, app: AppProcess, leaky: Path) -> None:
    page.goto(f"{app.url}/data?data={leaky}")
    expect(page.get_by_text("Leakage: 1 photograph that tests or validates trains too")).to_be_visible(timeout=SLOW)
    two = page.get_by_role("group", name="Photographs in training and in test or validation")
    expect(two.locator("figcaption")).to_have_text(
        [re.compile("ISIC_0000002.*train"), re.compile("copy.*mirrored left to right")]
    )
    expect(page.get_by_text("1 × missing mask")).to_be_visible()
    expect(page.get_by_text("9 of 9 pairs")).to_be_visible()

    page.get_by_test_id("stButtonGroup").filter(has_text="Part").get_by_text("test", exact=True).click()
    expect(page.get_by_text("4 of 9 pairs")).to_be_visible()
    gallery = page.get_by_role("group", name="Photographs with their masks")
    expect(gallery.locator("img")).to_have_count(4)
    page.reload()
    expect(page.get_by_text("Leakage: 1 photograph")).to_be_visible(timeout=SLOW)


@pytest.mark.browser
def test_datasets_that_are_known_are_chosen_one_after_the_other(page: Page, app: AppProcess, leaky: Path) -> None:
    for query, said in ((f"?data={leaky}", "9 pairs"), ("", "200 pairs")):  # surveyed, so that nothing draws the page once more
        page.goto(f"{app.url}/data{query}")
        expect(page.get_by_text(f"of {said}")).to_be_visible(timeout=SLOW)
    page.goto(f"{app.url}/data?data={leaky}")
    expect(page.get_by_text("of 9 pairs")).to_be_visible(timeout=SLOW)
    page.get_by_text("Sample photographs", exact=True).click()
    expect(page.get_by_text("of 200 pairs")).to_be_visible(timeout=SLOW)
    page.get_by_text("My folders", exact=True).click()
    folders = page.get_by_role("textbox", name="Folders")
    folders.fill(str(leaky))
    folders.press("Control+Enter")
    expect(page.get_by_text("of 9 pairs")).to_be_visible(timeout=SLOW)


@pytest.mark.browser
def test_without_a_network_the_official_data_say_so_and_can_be_tried_again(page: Page, app: AppProcess, tmp_path: Path) -> None:
    page.goto(f"{app.url}/data")
    page.get_by_text("Get the official ISIC 2016 data").click()
    folder = page.get_by_role("textbox", name="Folder for the data")
    folder.fill(str(tmp_path / "isic"))
    folder.press("Enter")
    page.get_by_role("button", name="Fetch", exact=True).click()
    expect(page.get_by_test_id("stAlertContentError").get_by_text("cannot be reached")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("button", name="Fetch what is missing")).to_be_visible()
    shutil.rmtree(tmp_path / "isic", ignore_errors=True)
