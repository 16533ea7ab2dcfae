"""The Compare page, with masks of another program, in the real app."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.request import urlopen

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image, ImageChops, ImageFilter
from playwright.sync_api import Locator, Page, expect

from seg_core.common.home import SHIPPED_CHECKPOINTS
from tests.app_process import AppProcess
from tests.helpers import choose, go_to, make_dataset, wait_until

pytestmark = pytest.mark.browser


SLOW = 90_000  # milliseconds that loading torch may take on a busy machine


def test_a_model_and_masks_of_another_program_are_compared(
    page: Page, app_server: AppProcess, small_dataset: Path, other_masks: Path
) -> None:
    page.goto(f"{app_server.url}/compare?data={small_dataset}&model=fine-tune-report&masks={other_masks}")
    page.get_by_role("button", name="Evaluate 2 models on 5 photographs").click()
    table = page.get_by_role("region", name="Mean scores of each model")
    expect(table.get_by_role("row", name="masks: other-tool")).to_contain_text("0.7500", timeout=SLOW)
    expect(table.get_by_role("row", name="Model 2")).to_be_visible(timeout=SLOW)
    shared = page.get_by_text("Scored on the 4 photographs that all have, of 5.")
    expect(shared).to_contain_text("masks: other-tool has no mask for 1 of the photographs")
    for name in ("Model 2", "masks: other-tool"):
        expect(table.get_by_role("row", name=name).get_by_role("cell").last).to_have_text("4")
    expect(page.get_by_role("group", name="One photograph, large")).to_contain_text("1 of 4")
    drawn = page.locator(".mask-group canvas[data-drawn]")
    expect(drawn).to_have_count(12)  # four photographs: the truth, the model, the folder
    expect(page.get_by_text("Largest difference")).to_be_visible()
    address = page.url
    assert "masks=" in address
    assert "model=fine-tune-report" in address

    before = pixels(page)
    page.get_by_role("slider", name="Threshold of all models").fill("0.9")
    wait_until(lambda: pixels(page) != before, what="the masks are drawn at the new threshold")
    expect(page.get_by_text("at threshold 0.90")).to_be_visible()
    expect(table.get_by_role("row", name="masks: other-tool")).to_contain_text("0.7500")  # black and white at every threshold
    page.get_by_role("button", name="Each model's own").click()
    expect(page.get_by_text("at each model's own threshold")).to_be_visible()
    for style in ("Fill", "Errors", "Probability"):
        page.get_by_role("button", name=style, exact=True).click()
        expect(page.locator(f'.mask-group canvas[data-drawn^="{style.lower()}"]').first).to_be_visible()

    page.get_by_role("tab", name="Calibration").click()
    expect(page.get_by_text("ECE 0.")).to_have_count(2)

    page.goto(address)  # kept: nothing is evaluated again
    expect(table.get_by_role("row", name="masks: other-tool")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("button", name="Evaluate")).to_have_count(0)

    page.get_by_text("Test-time augmentation", exact=True).click()
    page.get_by_role("button", name="Evaluate 1 model on 5 photographs").click()  # the folder of masks stays what it is
    expect(page.get_by_role("button", name="Evaluate")).to_have_count(0, timeout=SLOW)
    expect(table.get_by_role("row", name="Model 2")).to_be_visible(timeout=SLOW)
    assert "tta=1" in page.url


def test_a_point_opens_its_photograph_and_arrow_keys_step_on(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "of its own", size=(80, 60), train=4, test=5)
    page.goto(f"{app_server.url}/compare?data={data}&model=fine-tune-report&model=frozen-decoder-report")
    page.get_by_role("button", name="Evaluate").click(timeout=SLOW)
    answer = page.locator(".answer")
    expect(answer).to_contain_text("better on", timeout=SLOW)
    order = [answer, page.get_by_role("region", name="Mean scores of each model"), page.get_by_role("tablist", name="Charts")]
    tops = [part.evaluate("(one) => one.getBoundingClientRect().top") for part in order]
    assert tops == sorted(tops)  # the answer, the table, the charts
    viewer = page.get_by_role("group", name="One photograph, large")
    expect(viewer).to_contain_text("Model 2b")  # of both models: the order is another one then
    expect(viewer).to_contain_text("1 of 5")
    large = page.get_by_role("dialog", name="Photograph, large")
    page.get_by_role("tab", name="One against the other").click()
    chart = page.locator(".js-plotly-plot").first
    for point in (2, 0):
        chart.scroll_into_view_if_needed()
        expect(chart.locator(".points path").first).to_be_visible()
        spot, wanted = chart.evaluate(POINT, point)
        page.mouse.click(*spot)
        expect(large).to_contain_text(f"{wanted} · ")
        expect(large.locator(f"canvas[data-drawn='{wanted} outline']")).to_be_in_viewport()
        expect(viewer).to_be_focused()
        number = int(viewer.inner_text().split(" · ")[1].split(" of ")[0])
        page.keyboard.press("ArrowLeft" if number == 5 else "ArrowRight")
        expect(viewer).to_contain_text(f"{4 if number == 5 else number + 1} of 5")
        expect(page.get_by_role("tab", name="One against the other")).to_have_attribute("aria-selected", "true")
        page.keyboard.press("Escape")
        expect(large).to_be_hidden()
    page.locator(".mask-group").nth(1).click()
    expect(large).to_contain_text("2 of 5")
    large.get_by_role("button", name="Close").click()
    expect(viewer).to_contain_text("2 of 5")  # in the page again
    found = Axe().run(page).response["violations"]
    assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []

    viewer.focus()
    page.keyboard.press("Home")
    expect(viewer).to_contain_text("1 of 5")
    for number in (2, 3):
        page.keyboard.press("ArrowRight")
        expect(viewer).to_contain_text(f"{number} of 5")
    page.keyboard.press("ArrowLeft")
    expect(viewer).to_contain_text("2 of 5")
    page.keyboard.press("+")
    canvases = viewer.locator("canvas")
    expect(canvases).to_have_count(5)  # all outlines, and errors and probabilities of both models
    zoomed = {canvases.nth(place).evaluate("(one) => one.style.transform") for place in range(5)}
    assert zoomed == {"translate(-25%, -25%) scale(1.5)"}
    with page.expect_download() as download:
        viewer.get_by_role("button", name="Save as PNG").click()
    with Image.open(download.value.path()) as saved:
        assert saved.size == (3 * 90 + 10, 2 * (60 + 26 + 10) + 10)  # outlines, two models; errors above probabilities
    page.keyboard.press("0")
    assert canvases.first.evaluate("(one) => one.style.transform") == "translate(0%, 0%) scale(1)"


def test_file_names_that_are_no_text_are_shown(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "odd", size=(80, 60), train=4, test=2)
    for kind in ("images", "masks"):
        file = min((data / "test" / kind).iterdir())
        file.rename(file.with_stem("odd\udcff"))
    shutil.copy(data / "train" / "masks" / "ISIC_0000000.png", data / "train" / "masks" / "lonely\udcff.png")
    page.goto(f"{app_server.url}/data?data={data}")
    expect(page.get_by_text("1 mask belongs to no photograph")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("group", name="Photographs with their masks")).to_contain_text("odd?")
    expect(page.get_by_role("heading", name="Augmentation")).to_be_visible()  # the page goes on to its end

    page.goto(f"{app_server.url}/compare?data={data}&model=fine-tune-report")
    page.get_by_role("button", name="Evaluate 1 model on 2 photographs").click()
    expect(page.locator(".mask-group canvas[data-drawn]")).to_have_count(4, timeout=SLOW)
    expect(page.get_by_text("Scores of every photograph").last).to_be_visible()
    expect(page.get_by_text("Masks of all photographs")).to_be_visible()


def test_two_empty_masks_are_no_match(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    data, masks = make_dataset(tmp_path / "data", train=2, test=2), tmp_path / "masks"
    empty = data / "test" / "masks" / "ISIC_0000002.png"
    Image.new("L", (64, 64)).save(empty)
    shutil.copytree(empty.parent, masks)
    page.goto(f"{app_server.url}/compare?data={data}&masks={masks}")
    page.get_by_role("button", name="Evaluate").click(timeout=SLOW)
    scores = page.locator(".mask-group .compare-score")
    expect(scores.filter(has_text="both find no lesion")).to_have_count(1, timeout=SLOW)
    expect(scores.filter(has_text="IoU 1.000")).to_have_count(1)
    expect(page.get_by_text("each counts as 1 in its means")).to_be_visible()
    expect(page.locator(".image-viewer canvas[data-drawn]").first).to_be_attached()  # it opens what is clicked
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    page.get_by_role("button", name="ISIC_0000002").click()
    expect(page.get_by_role("dialog", name="Photograph, large")).to_contain_text("both find no lesion")


def test_a_group_that_is_chosen_is_shown_alone(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "diagnoses", size=(80, 60), train=4, test=5)
    diagnoses = {f"ISIC_{number:07d}": "mel" if number in (5, 7) else "nv" for number in range(4, 9)}
    (data / "metadata.csv").write_text("\n".join(["isic_id,dx", *map(",".join, diagnoses.items())]), encoding="utf-8")
    page.goto(f"{app_server.url}/compare?data={data}&model=fine-tune-report")
    page.get_by_role("button", name="Evaluate").click(timeout=SLOW)
    photographs = page.locator(".mask-group")
    expect(photographs).to_have_count(5, timeout=SLOW)
    groups_by = page.get_by_role("combobox", name="Groups by")
    expect(page.get_by_role("region", name="IoU by lesion size")).to_be_visible()  # it waits for no job

    choose(groups_by, "Diagnosis")
    table = page.get_by_role("region", name="IoU by diagnosis")
    expect(table.get_by_role("row", name="mel").get_by_role("cell").first).to_have_text("2")
    expect(page.get_by_text("Too small to say anything: mel (2), nv (3).")).to_be_visible()
    expect(page.get_by_text("No group is shown to be served worse.")).to_be_visible()
    page.get_by_role("button", name="mel", exact=True).or_(page.get_by_role("radio", name="mel", exact=True)).click()
    expect(photographs).to_have_count(2)
    expect(photographs.filter(has_text="ISIC_0000005")).to_have_count(1)
    expect(photographs.filter(has_text="ISIC_0000007")).to_have_count(1)
    page.mouse.move(0, 0)  # the colours of what is under it are Streamlit's
    assert [each["id"] for each in Axe().run(page).response["violations"] if each["impact"] in ("serious", "critical")] == []

    choose(groups_by, "Contrast to the skin")
    contrast = page.get_by_role("region", name="IoU by contrast to the skin")
    expect(contrast.get_by_role("row", name="high (above 25)").get_by_role("cell").first).to_have_text("5", timeout=SLOW)
    expect(photographs).to_have_count(5)  # another property, so no group is chosen
    page.get_by_role("button", name="Download", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Groups as CSV").click()
    rows = [line.split(",")[:2] for line in Path(download.value.path()).read_text(encoding="utf-8").splitlines()[1:]]
    assert ["Contrast to the skin", "high (above 25)"] in rows
    assert ["Diagnosis", "mel"] in rows


def test_photographs_of_one_lesion_count_together(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "lesions", size=(80, 60), train=2, test=22)
    photos = sorted(path.stem for path in (data / "test" / "images").iterdir())
    rows = [f"{name},L{number // 2}" for number, name in enumerate(photos)]
    (data / "lesions.csv").write_text("\n".join(["image,lesion_id", *rows]), encoding="utf-8")
    page.goto(f"{app_server.url}/compare?data={data}&model=fine-tune-report&model=frozen-decoder-report")
    page.get_by_role("button", name="Evaluate").click(timeout=SLOW)
    note = page.get_by_text("The 22 photographs are of 11 lesions (lesion_id in lesions.csv)")
    expect(note).to_be_visible(timeout=SLOW)
    scores = page.get_by_role("region", name="Mean scores of each model")
    by_lesion = scores.inner_text()
    page.get_by_role("button", name="What decides").click()
    choose(page.get_by_role("combobox", name="Count as one"), "each photograph by itself")
    expect(note).to_have_count(0)
    page.wait_for_url("**together=photographs**")
    expect(scores).not_to_have_text(by_lesion)
    page.reload()
    expect(scores).to_be_visible(timeout=SLOW)
    expect(note).to_have_count(0)  # the address kept it


def models_file(page: Page) -> Locator:
    return page.get_by_role("region", name="Model files").locator("input")


def test_what_is_open_stays_open_when_another_model_comes(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "of its own", size=(80, 60), train=4, test=5)
    page.goto(f"{app_server.url}/compare?data={data}&model=fine-tune-report")
    page.get_by_role("button", name="Evaluate").click(timeout=SLOW)
    expect(page.locator(".mask-group canvas[data-drawn]")).to_have_count(10, timeout=SLOW)
    page.get_by_text("Scores of every photograph").last.click()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    expect(page.locator(".answer")).to_contain_text("reaches a mean IoU of")
    page.get_by_role("radio", name="Highest IoU").click()
    page.get_by_text("Models and masks from elsewhere").click()
    models_file(page).set_input_files(SHIPPED_CHECKPOINTS / "frozen-decoder-report.safetensors")
    page.get_by_role("button", name="Evaluate 1 model").click()
    expect(page.get_by_role("heading", name="Differences")).to_be_visible(timeout=SLOW)
    by_size = page.get_by_role("region", name="IoU by lesion size")
    expect(by_size.get_by_role("columnheader")).to_have_count(4)  # the groups' names, photographs, two models
    assert "below 5 %" not in by_size.inner_text()  # no lesion is so small
    counts = [int(row.get_by_role("cell").first.inner_text()) for row in by_size.get_by_role("row").all()[1:]]
    assert sum(counts) == 5
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    expect(page.locator("input[type=file]")).to_have_count(2)  # what is elsewhere is still open
    expect(page.get_by_role("radio", name="Largest difference")).to_be_visible()
    expect(page.get_by_role("radio", name="Highest IoU")).to_be_checked()  # the order stays

    page.get_by_role("slider", name="Threshold of all models").fill("0.9")
    expect(page.get_by_text("at threshold 0.90")).to_be_visible()
    go_to(page, "Train")
    expect(page.get_by_role("heading", name="Train")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("at each model's own threshold")).to_be_visible(timeout=SLOW)


def test_an_uploaded_model_is_compared_and_what_is_none_is_refused(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "of its own", size=(80, 60), train=4, test=2)
    page.goto(f"{app_server.url}/compare?data={data}&model=fine-tune-report")
    page.get_by_text("Models and masks from elsewhere").click(timeout=SLOW)
    wrong = tmp_path / "notes.safetensors"
    wrong.write_text("some words", encoding="utf-8")
    models_file(page).set_input_files([wrong, SHIPPED_CHECKPOINTS / "frozen-decoder-report.safetensors"])
    expect(page.get_by_text("notes.safetensors is no checkpoint of LesionLab")).to_be_visible()
    page.get_by_role("button", name="Evaluate 2 models on 2 photographs").click()
    table = page.get_by_role("region", name="Mean scores of each model")
    expect(table.get_by_role("row", name="frozen-decoder-report.safetensors")).to_be_visible(timeout=SLOW)


def test_a_model_is_calibrated_to_narrow_outlines_and_kept_as_one_of_its_own(
    page: Page, app_server: AppProcess, tmp_path: Path
) -> None:
    data = make_dataset(tmp_path / "clinic", size=(80, 60), train=2, test=12)
    for mask in (data / "test" / "masks").iterdir():
        with Image.open(mask) as picture:
            narrow = picture.filter(ImageFilter.MinFilter(5))  # two pixels off all around
        narrow.save(mask)
    page.goto(f"{app_server.url}/compare?data={data}&model=fine-tune-report")
    page.get_by_role("button", name="Evaluate").click(timeout=SLOW)
    page.get_by_role("button", name="Calibrate the threshold").click(timeout=SLOW)
    dialog = page.get_by_role("dialog", name="Calibrate the threshold")
    found = dialog.get_by_text("worth it: better on 12, worse on 0, equal on 0; statistically significant.")
    threshold = float(found.inner_text().split("0.50 → ")[1].split()[0])
    assert threshold > 0.5
    name = dialog.get_by_role("textbox", name="Name of the new model")
    expect(name).to_have_value("Model 2 · fine-tuned (report), calibrated on clinic")
    name.fill("fine-tune report")
    name.press("Tab")
    save = dialog.get_by_role("button", name="Save as a new model")
    save.click()
    expect(dialog.get_by_text("There is a model 'fine-tune report' already; choose another name.")).to_be_visible()
    name.fill("Narrow")
    name.press("Tab")
    save.click()
    expect(dialog.get_by_text("Narrow is now among the models of Predict and Compare.")).to_be_visible()
    assert [each["id"] for each in Axe().run(page).response["violations"] if each["impact"] in ("serious", "critical")] == []
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()

    page.goto(f"{app_server.url}/compare?data={data}&model=fine-tune-report&model=narrow")
    expect(page.get_by_text("Narrow was calibrated on 12 of these 12 photographs")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Evaluate 1 model on 12 photographs").click()
    expect(page.locator(".answer")).to_contain_text("Narrow is better than Model 2", timeout=SLOW)
    page.get_by_text("Models and masks from elsewhere").click()
    remove = page.get_by_role("button", name="Remove", exact=True)
    remove.click()
    expect(remove).to_have_count(0)
    wait_until(lambda: not list((app_server.home / "models").iterdir()), what="the model is deleted, and its card with it")


POINT = """
(plot, number) => {
  const trace = plot.calcdata.findIndex((points) => points[0].trace.mode === "markers"), point = plot.calcdata[trace][number];
  const { xaxis, yaxis } = plot._fullLayout, box = plot.getBoundingClientRect();
  return [[box.left + xaxis._offset + xaxis.c2p(point.x), box.top + yaxis._offset + yaxis.c2p(point.y)], point.data];
}
"""
"""Of a scatter plot: where a point is on the page, and the id of its photograph."""


def pixels(page: Page) -> str:
    """Pixels of all pictures, as one text."""
    script = "(all) => all.map((one) => one.toDataURL()).join()"
    return str(page.locator(".mask-group canvas[data-drawn]").evaluate_all(script))


def test_an_evaluation_is_cancelled_and_a_folder_that_is_none_is_named(
    page: Page, app_server: AppProcess, other_masks: Path
) -> None:
    page.goto(f"{app_server.url}/compare?model=trainable-decoder-report&split=all&tta=1&masks=/nowhere/at/all")
    expect(page.get_by_text("There is no folder /nowhere/at/all; check the path.")).to_be_visible(timeout=SLOW)
    evaluate = page.get_by_role("button", name="Evaluate 1 model on")
    evaluate.click()  # eight times all photographs, which takes longer than the next click
    page.get_by_role("button", name="Cancel").last.click()  # the first may be that of the look for duplicates
    expect(page.get_by_text("Cancelled.")).to_be_visible(timeout=SLOW)
    expect(evaluate).to_be_visible()


def test_pictures_that_are_not_there_are_404(app_server: AppProcess) -> None:
    for path in ("0" * 24 + "/1/photo.jpg", "../../etc/1/photo.jpg"):
        with pytest.raises(OSError, match=r"404|422"):
            urlopen(f"{app_server.url}/api/evaluations/{path}", timeout=20)


def test_a_link_opens_the_split_of_its_seed(page: Page, app_server: AppProcess, small_dataset: Path) -> None:
    page.goto(f"{app_server.url}/compare?data={small_dataset}&split=val&seed=7&model=fine-tune-report")
    expect(page.get_by_role("spinbutton", name="Seed of the split")).to_have_value("7", timeout=SLOW)
    expect(page.get_by_text("may have trained on some of these photographs")).to_be_visible()
    page.wait_for_url("**seed=7**")
    page.reload()
    expect(page.get_by_role("spinbutton", name="Seed of the split")).to_have_value("7", timeout=SLOW)
    page.get_by_role("button", name="Evaluate 1 model").click()
    expect(page.get_by_text("Lowest IoU")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Largest difference")).to_have_count(0)  # there is none to another model


def test_five_models_are_ranked_by_any_score(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "ranked", size=(80, 60), train=1, test=25)
    folders = {"exact": 0, "near": 1, "off": 6, "far": 14, "farthest": 24}
    for name, by in folders.items():
        (tmp_path / name).mkdir()
        for place, file in enumerate(sorted((data / "test" / "masks").glob("*.png"))):
            with Image.open(file) as truth:
                ImageChops.offset(truth, by + (place % 3 if by else 0), 0).save(tmp_path / name / file.name)
    page.goto(f"{app_server.url}/compare?data={data}&masks={tmp_path / 'exact'}")
    typed = page.get_by_role("textbox", name="Folders of predicted masks")
    expect(typed).to_have_value(str(tmp_path / "exact"), timeout=SLOW)
    typed.fill("\n".join(f"{name.title()}={tmp_path / name}" for name in folders))
    typed.press("Control+Enter")
    page.get_by_role("button", name="Evaluate 5 models").click()
    answer = page.locator(".answer")
    expect(answer).to_contain_text("Exact leads: IoU 1.000", timeout=SLOW)
    expect(answer).to_contain_text("Worse: Near, Off, Far, Farthest.")
    ranks = page.get_by_role("region", name="Ranks of the models")
    expect(ranks.get_by_role("rowheader")).to_have_text(["Exact", "Near", "Off", "Far", "Farthest"])
    expect(ranks.get_by_role("row", name="Off").get_by_role("cell").nth(0)).to_have_text("3")

    page.get_by_role("button", name="What decides").click()
    choose(page.get_by_role("combobox", name="Score that decides"), "HD95")
    expect(answer).to_contain_text("Exact leads: HD95 0.000")
    within = page.get_by_role("spinbutton", name="As good within")
    within.fill("0.2")
    within.press("Enter")
    expect(answer).to_contain_text("by less than 0.2: Near")
    page.wait_for_url("**score=hausdorff_95**")
    assert "margin=0.2" in page.url
    page.keyboard.press("Escape")

    page.get_by_role("tab", name="How sure the places are").click()
    expect(page.get_by_text("Share of resamples of the photographs")).to_be_visible()
    expect(page.locator(".mask-group canvas[data-drawn]")).to_have_count(
        8 * 5
    )  # eight photographs: the truth and four of the models
    expect(page.get_by_role("combobox", name="Masks of up to 4 models")).to_be_visible()
    page.get_by_role("button", name="Download", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Leaderboard as CSV").click()
    assert Path(download.value.path()).read_text(encoding="utf-8").splitlines()[1].startswith("1,Exact,0.0")
    page.reload()
    expect(answer).to_contain_text("Exact leads: HD95 0.000", timeout=SLOW)
