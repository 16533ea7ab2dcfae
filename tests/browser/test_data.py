"""The Data page in the real app: filters, and a leak that it flags."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.app_process import AppProcess
from tests.helpers import keep_sample, make_dataset

pytestmark = pytest.mark.browser


SLOW = 60_000


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, sample_dataset: Path) -> Iterator[AppProcess]:
    home = tmp_path_factory.mktemp("data-home")
    keep_sample(home, sample_dataset)
    app = AppProcess(home, LESIONLAB_ISIC_URL="http://127.0.0.1:9")
    yield app
    errors = app.stop()
    assert "Traceback" not in errors, errors


def test_what_validates_and_tests_is_told_from_what_is_repeated(page: Page, app: AppProcess, tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "twins", size=(96, 96), train=3, val=2, test=2)
    for kind, ending in (("images", "jpg"), ("masks", "png")):
        shutil.copy(folder / "val" / kind / f"ISIC_0000003.{ending}", folder / "test" / kind / f"twin.{ending}")
        shutil.copy(folder / "train" / kind / f"ISIC_0000001.{ending}", folder / "train" / kind / f"again.{ending}")
    page.goto(f"{app.url}/data?data={folder}")
    expect(page.get_by_text("Some photographs are in both validation and test")).to_be_visible(timeout=SLOW)
    page.get_by_text("1 in validation and in test").click()
    two = page.get_by_role("group", name="Photographs in validation and in test")
    expect(two.locator("figcaption")).to_have_text([re.compile("ISIC_0000003.*val"), re.compile("twin.*test")])
    expect(page.get_by_text("1 repeated within a split")).to_be_visible()


def test_a_leak_is_flagged_with_the_pair_and_problems_are_named(page: Page, app: AppProcess, leaky_dataset: Path) -> None:
    page.goto(f"{app.url}/data?data={leaky_dataset}")
    expect(page.get_by_text("1 test or validation photograph also appears in training")).to_be_visible(timeout=SLOW)
    two = page.get_by_role("group", name="Photographs in training and in test or validation")
    expect(two.locator("figcaption")).to_have_text(
        [re.compile("ISIC_0000002.*train"), re.compile("copy.*mirrored left to right")]
    )
    expect(page.get_by_text("1 photograph has no mask")).to_be_visible()
    expect(page.get_by_text("9 of 9 pairs")).to_be_visible()

    page.get_by_test_id("stButtonGroup").filter(has_text="Split").get_by_text("test", exact=True).click()
    expect(page.get_by_text("4 of 9 pairs")).to_be_visible()
    gallery = page.get_by_role("group", name="Photographs with their masks")
    expect(gallery.locator("img")).to_have_count(4)
    page.reload()
    expect(page.get_by_text("1 test or validation photograph also appears")).to_be_visible(timeout=SLOW)


def test_a_pasted_folder_is_checked_at_once_and_pairs_with_errors_are_skipped(
    page: Page, app: AppProcess, leaky_dataset: Path
) -> None:
    page.goto(f"{app.url}/train")
    page.get_by_text("My folders", exact=True).click()
    folders = page.get_by_role("textbox", name="Folders")
    folders.fill(str(leaky_dataset)[:-2])
    folders.dispatch_event("paste")  # no key is pressed
    expect(page.get_by_text("There is no folder")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name=re.compile(rf"Did you mean .*{leaky_dataset.name}\?")).click()
    expect(folders).to_have_value(str(leaky_dataset))
    expect(page.get_by_text("5 training, 4 test photographs")).to_be_visible()
    expect(page.get_by_text("1 test photograph also appears in training. You can still train.")).to_be_visible(timeout=SLOW)
    box = page.locator(".st-key-errors-of-data")
    expect(box).to_contain_text("ISIC_0000004.jpg")
    launch = page.get_by_role("button", name="Launch")
    expect(launch).to_be_disabled()
    box.get_by_role("button", name="Skip these 2 pairs").click()
    expect(page.get_by_text("Training leaves out 2 pairs")).to_be_visible()
    expect(launch).to_be_enabled()
    expect(page.get_by_text(re.compile(r"^(About \d|Less than)"))).to_be_visible()
    expect(page.locator("code").first).to_contain_text("--skip-problems")


@pytest.mark.slow
def test_datasets_that_are_known_are_chosen_one_after_the_other(page: Page, app: AppProcess, leaky_dataset: Path) -> None:
    for query, said in (
        (f"?data={leaky_dataset}", "9 pairs"),
        ("", "200 pairs"),
    ):  # scanned, so that nothing draws the page once more
        page.goto(f"{app.url}/data{query}")
        expect(page.get_by_text(f"of {said}")).to_be_visible(timeout=SLOW)
    page.goto(f"{app.url}/data?data={leaky_dataset}")
    expect(page.get_by_text("of 9 pairs")).to_be_visible(timeout=SLOW)
    page.get_by_text("Sample photographs", exact=True).click()
    expect(page.get_by_text("of 200 pairs")).to_be_visible(timeout=SLOW)
    page.get_by_text("My folders", exact=True).click()
    folders = page.get_by_role("textbox", name="Folders")
    folders.fill(str(leaky_dataset))
    folders.press("Control+Enter")
    expect(page.get_by_text("of 9 pairs")).to_be_visible(timeout=SLOW)


def test_folders_whose_names_tell_nothing_are_named_on_the_page(page: Page, app: AppProcess, tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "own", layout="flat", train=4)
    for name, new in (("images", "first"), ("masks", "second")):
        (folder / name).rename(folder / new)
    for mask in (folder / "second").iterdir():
        mask.rename(mask.with_name(f"{mask.stem}_seg.png"))
    page.goto(f"{app.url}/data?data={folder}")
    expect(page.get_by_text("it holds first/ (4 images), second/ (4 images): name the folders")).to_be_visible(timeout=SLOW)
    for box, choice in (("Photographs", "first"), ("Masks", "second")):
        page.get_by_role("combobox", name=box).click()
        page.get_by_role("option", name=f"{choice} (4 images)").click()
    page.get_by_role("button", name="Use these").click()
    expect(page.get_by_text("Matched by name: masks without `_seg`.")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("4 of 4 pairs")).to_be_visible()
    expect(page).to_have_url(re.compile(r"images%3Dfirst%26masks%3Dsecond$"))


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
