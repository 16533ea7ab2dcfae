"""The page Predict in the real app, with the models that ship."""

from __future__ import annotations

import csv
import io
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect

from tests.app_process import AppProcess
from tests.browser.test_journey import drop
from tests.helpers import choose, forget_leaving, go_to, lesion, wait_until
from tests.prediction.test_foreign import Threshold, exported, smp_unet

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppProcess]:
    app = AppProcess(tmp_path_factory.mktemp("predict-home"))
    yield app
    errors = app.stop()
    assert "Traceback" not in errors, errors


def test_photographs_and_settings_survive_a_look_at_another_page(
    page: Page, app: AppProcess, tmp_path: Path, problems: list[str]
) -> None:
    page.goto(f"{app.url}/predict?model=frozen-decoder-best")
    widget = page.frame_locator("iframe")
    drop(page, tmp_path)
    expect(widget.locator("#measures-2")).to_contain_text("esion")
    frozen = widget.locator("#model-1 input").input_value()
    assert frozen.startswith("Model 2b")
    threshold = widget.locator("#threshold-1 input[type=range]")
    own = float(threshold.input_value())
    before = widget.locator("#picture-1 img").get_attribute("src")
    threshold.press("ArrowRight")
    expect(widget.locator("#picture-1 img")).not_to_have_attribute("src", before or "")

    go_to(page, "Monitor")
    expect(page.get_by_role("heading", name="Monitor")).to_be_visible()
    go_to(page, "Predict")
    for _ in range(2):
        expect(widget.locator("#measures-2")).to_contain_text("esion")
        expect(widget.locator("#strip img")).to_have_attribute("alt", "lesion.jpg")
        expect(widget.locator("#model-1 input")).to_have_value(frozen)
        expect(threshold).to_have_value(f"{own + 0.01:.2f}")
        page.reload()
    forget_leaving(problems)

    stranger = page.context.new_page()  # a tab of its own
    stranger.goto(f"{app.url}/predict")
    expect(stranger.frame_locator("iframe").locator("#model-1 input")).not_to_have_value("")
    expect(stranger.frame_locator("iframe").locator("#strip img")).to_have_count(0)


def give(page: Page, files: list[Path]) -> None:
    page.frame_locator("iframe").locator("#photographs input[type=file]").set_input_files(files)


def photographs(folder: Path, count: int, width: int = 120) -> list[Path]:
    files = [folder / f"photo-{number:02d}.jpg" for number in range(count)]
    for number, file in enumerate(files):
        Image.fromarray(lesion((width, 90), seed=number)[0]).save(file)
    return files


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (420, 900)])
def test_the_result_is_on_the_first_screen(page: Page, app: AppProcess, tmp_path: Path, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.goto(f"{app.url}/predict")
    widget = page.frame_locator("iframe")
    expect(widget.locator("#model-1 input")).to_have_value(re.compile("Model 2"))
    expect(widget.locator("#model-2 input")).to_have_value(re.compile("Model 1"))
    give(page, photographs(tmp_path, 1, width=135))
    for part in ("#agreement", "#measures-1", "#measures-2", "#picture-1 img", "#picture-2 img"):
        expect(widget.locator(part)).to_be_visible()
    expect(widget.locator("#measures-1")).to_contain_text(re.compile("Lesion area .* px"))
    bottom = "(part) => part.getBoundingClientRect().bottom + window.frameElement.getBoundingClientRect().top"
    wait_until(lambda: widget.locator("#picture-1 img").evaluate(bottom) <= height, what="the picture fits the screen")

    widget.get_by_label("Wipe", exact=True).check()
    line = widget.get_by_label("Wipe between the masks of the two models")
    line.fill("20")
    expect(widget.locator("#picture-2")).to_have_css("clip-path", re.compile(r"20%"))
    left = "(part) => part.getBoundingClientRect().left"
    assert widget.locator("#picture-1").evaluate(left) == widget.locator("#picture-2").evaluate(left)

    widget.get_by_label("Scale, for areas in mm²").fill("0.1")
    expect(widget.locator("#measures-1")).to_contain_text("mm²")


def test_a_model_alone_has_the_whole_breadth(page: Page, app: AppProcess, tmp_path: Path) -> None:
    page.goto(f"{app.url}/predict")
    widget = page.frame_locator("iframe")
    expect(widget.locator("#model-2 input")).to_have_value(re.compile("Model 1"))
    give(page, photographs(tmp_path, 1, width=135))
    expect(widget.get_by_label("Wipe", exact=True)).to_be_visible()
    widget.get_by_label("Wipe", exact=True).check()
    expect(widget.locator("#wipe")).to_be_visible()
    widget.locator("#model-2 input").click()
    widget.get_by_role("option", name="No second model").click()
    expect(widget.locator("#picture-2")).to_be_hidden()
    expect(widget.locator("#wipe")).to_be_hidden()
    breadth = "(part) => part.offsetWidth / part.parentElement.parentElement.offsetWidth"
    assert widget.locator("#picture-1").evaluate(breadth) > 0.9, "a picture that is alone has the whole breadth"


def test_twenty_photographs(page: Page, app: AppProcess, tmp_path: Path) -> None:
    page.goto(f"{app.url}/predict")
    widget = page.frame_locator("iframe")
    rows = widget.locator("#rows tbody tr")
    expect(widget.locator("#model-1 input")).not_to_have_value("")
    give(page, photographs(tmp_path, 20))
    expect(widget.locator("#rows caption")).to_have_text("20 photographs")
    expect(rows).to_have_count(20)
    expect(rows.nth(19)).to_contain_text("px")
    expect(rows.nth(0)).to_have_class("shown")

    page.get_by_role("heading", name="Predict").click()
    for place in (1, 2):
        page.keyboard.press("ArrowRight")
        expect(rows.nth(place)).to_have_class("shown")
    expect(widget.locator("#strip button[aria-pressed=true] img")).to_have_attribute("alt", "photo-02.jpg")
    widget.get_by_role("button", name="Remove photo-02.jpg").click()
    expect(rows).to_have_count(19)
    expect(rows.nth(2)).to_contain_text("photo-03.jpg")
    expect(rows.nth(2)).to_have_class("shown")

    with page.expect_download() as told:
        widget.get_by_role("button", name="Download the table (CSV)").click()
    with told.value.path().open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0][0] == "photograph"
    assert [line[0] for line in lines[1:]] == [f"photo-{number:02d}.jpg" for number in range(20) if number != 2]
    with page.expect_download() as told:
        widget.get_by_role("button", name="Download all masks (ZIP)").click()
    with zipfile.ZipFile(told.value.path()) as archive:
        names = archive.namelist()
        with Image.open(io.BytesIO(archive.read(names[0]))) as mask:
            assert mask.size == (120, 90)
            assert str(np.count_nonzero(np.asarray(mask))) == lines[1][lines[0].index(next(h for h in lines[0] if "pixels" in h))]
    assert len(set(names)) == 38

    widget.get_by_role("button", name="Remove all photographs").click()
    expect(widget.locator("#rows")).to_have_count(0)
    expect(widget.locator("#photographs")).to_be_visible()


def test_a_model_of_another_program_is_added_and_predicts(
    page: Page, app: AppProcess, tmp_path: Path, problems: list[str]
) -> None:
    page.goto(f"{app.url}/predict")
    expect(page.frame_locator("iframe").locator("#model-1 input")).to_have_value(re.compile("Model 2"))  # it has its height
    page.get_by_text("Models of other programs").click()
    upload = page.get_by_test_id("stFileUploaderDropzoneInput")
    weights = tmp_path / "unet.pth"
    torch.save(smp_unet().state_dict(), weights)
    upload.set_input_files(weights)
    expect(page.get_by_text("holds the weights of a model of another program (segmentation-models-pytorch)")).to_be_visible()

    network = tmp_path / "dark-is-lesion.onnx"
    network.write_bytes(exported(Threshold(0.5, 0.05)))
    upload.set_input_files(network)
    expect(page.get_by_text("It takes colour photographs of 64 × 64 and gives one class.")).to_be_visible()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    choose(page.get_by_role("combobox").first, "0 to 1")
    page.get_by_role("button", name="Add this model").click()
    expect(page.get_by_text("dark-is-lesion is now among the models")).to_be_visible()

    page.goto(f"{app.url}/predict?model=dark-is-lesion")
    widget = page.frame_locator("iframe")
    expect(widget.locator("#model-1 input")).to_have_value("dark-is-lesion")
    (photo,) = photographs(tmp_path, 1)
    give(page, [photo])
    share = lesion((120, 90), seed=0)[1].mean()
    expect(widget.locator("#measures-1")).to_contain_text("Lesion area")
    shown = float(re.findall(r"([\d.]+) %", widget.locator("#measures-1").inner_text())[0])
    assert shown == pytest.approx(100 * share, abs=0.5)

    damaged = app.home / "0099" / "best.safetensors"
    damaged.parent.mkdir()
    damaged.write_bytes(b"half a file")
    page.goto(f"{app.url}/predict?model=dark-is-lesion")
    expect(page.get_by_text("best.safetensors of run 99 is no checkpoint of LesionLab")).to_be_visible()
    forget_leaving(problems)
    expect(widget.locator("#model-1 input")).to_have_value("dark-is-lesion")  # the others are offered all the same
    shutil.rmtree(damaged.parent)
