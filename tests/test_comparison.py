"""Comparing models: the table by hand, and the page with masks of another program in the real app."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from pages.comparison import Compared, Table, mask_photos, scores_csv
from pages.tables import pairing_table, score_table
from seg_core.comparison import Pairing, Row
from seg_core.complexity import Cost
from seg_core.config import Drawing
from seg_core.data.dataset import open_dataset
from seg_core.errors import InputError
from seg_core.evaluation import METRICS, Evaluation
from seg_core.home import SHIPPED_CHECKPOINTS
from seg_core.jobs.job import Request
from seg_core.jobs.kinds import KINDS
from seg_core.jobs.requests import SplitChoice, evaluation_request
from seg_core.jobs.results import result_folder
from seg_core.jobs.store import JobStore
from seg_core.jobs.worker import work_on
from seg_core.statistics import Interval, paired_difference
from tests.app_process import AppProcess
from tests.helpers import make_dataset, wait_until

SLOW = 90_000  # milliseconds that loading torch may take on a busy machine


def compared(label: str, found: dict[str, list[int]], own: float = 0.5) -> Compared:
    """A model on images of 16 pixels, 4 of them lesion: true positives at the thresholds 0.25, 0.5 and 0.75, no false ones."""
    evaluation = Evaluation(
        ids=tuple(found),
        thresholds=np.array([0.25, 0.5, 0.75]),
        own=own,
        true_positive=np.array(list(found.values())),
        false_positive=np.zeros((len(found), 3), int),
        lesion=np.full(len(found), 4),
        pixels=np.full(len(found), 16),
        probability=np.zeros((len(found), 4)),
        boundary_iou=np.full(len(found), 0.5),
        hausdorff_95=np.full(len(found), 0.1),
    )
    return Compared(label, "#000000", (Request("evaluate", label, {}),), evaluation)


ONE = compared("one", {"a": [4, 3, 1], "b": [4, 4, 4], "c": [2, 1, 0]})
TWO = compared("two", {"b": [4, 2, 0], "a": [4, 3, 3]}, own=0.75)


def test_scores_stand_beside_each_other_by_photograph_and_threshold() -> None:
    own = Table.of([ONE, TWO], None)
    assert own.ids == ["a", "b", "c"]
    np.testing.assert_array_equal(own.scores["iou"], [[3 / 4, 3 / 4], [1, 0], [1 / 4, np.nan]])
    low = Table.of([ONE, TWO], 0.25)
    np.testing.assert_array_equal(low.scores["sensitivity"], [[1, 1], [1, 1], [1 / 2, np.nan]])


def test_photographs_are_ordered_by_how_the_models_differ() -> None:
    table = Table.of([ONE, TWO], None)
    assert {order: table.in_order(order) for order in ("difference", "worst", "best", "name")} == {
        "difference": [1, 0, 2],  # b: 1 against 0
        "worst": [1, 2, 0],  # b: 0, c: 1/4, a: 3/4
        "best": [1, 0, 2],  # b: 1, a: 3/4, c: 1/4
        "name": [0, 1, 2],
    }


def test_pictures_are_those_of_each_models_own_evaluation() -> None:
    a, c = mask_photos([ONE, TWO], Table.of([ONE, TWO], None), [0, 2])
    assert (a.photo, a.masks) == (
        "/api/evaluations/one/1/photo.jpg",
        ["/api/evaluations/one/1/probability.png", "/api/evaluations/two/2/probability.png"],
    )
    assert (c.masks[1], c.scores) == (None, [0.25, None])


def test_the_csv_holds_every_metric_of_every_photograph() -> None:
    head, *rows = scores_csv([ONE, TWO], Table.of([ONE, TWO], None)).splitlines()
    assert head.split(",")[:2] == ["image", "one accuracy"]
    assert len(head.split(",")) == 1 + 2 * len(METRICS)
    values = dict(zip(head.split(","), rows[2].split(","), strict=True))
    assert (values["image"], values["one iou"], values["two iou"]) == ("c", "0.250000", "")


IDS = frozenset(f"photo{number}" for number in range(1200))


def test_the_best_of_several_is_bold() -> None:
    means = dict.fromkeys(METRICS, Interval(0.5, 0.4, 0.6))
    one, two = (
        Row("<one>", IDS, means, None),
        Row("two", IDS, means | {"iou": Interval(0.75, 0.7, 0.8)}, Cost(10**6, 10**9, 9.5)),
    )
    table = score_table([one, two])
    assert "&lt;one&gt;" in table
    assert "<td>1,200</td>" in table
    assert table.count("<b>0.7500</b><br><small>0.700–0.800</small>") == 1
    assert "<td>1.0 M</td><td>1.00</td><td>10</td>" in table
    assert "<b>" not in score_table([replace(one, ids=frozenset("abc")), two])  # means of other photographs
    assert "<b>" not in score_table([one])


def test_a_table_says_how_models_differ() -> None:
    iou = np.linspace(0.5, 0.9, 30)
    difference = paired_difference(iou + 0.01, iou)
    table = pairing_table([Pairing("<one>", "two", 30, difference, difference.p)])
    assert "&lt;one&gt; − two" in table
    assert "<td>+0.0100<br><small>+0.0100 to +0.0100</small></td><td>&lt; 0.0001</td><td>30</td><td>0</td><td>0</td>" in table


# Jobs


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("data") / "tiny", size=(80, 60), train=4, test=5)


@pytest.fixture(scope="module")
def masks(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What another program predicted: the truth, of one photograph nothing, and of one no mask."""
    folder = tmp_path_factory.mktemp("other") / "other-tool"
    folder.mkdir()
    first, second, *others = sorted((data / "test" / "masks").glob("*.png"))
    for mask in (second, *others):
        shutil.copy(mask, folder / f"{mask.stem}_pred.png")
    with Image.open(second) as size:
        Image.new("L", size.size).save(folder / f"{second.stem}_pred.png")
    assert first.stem not in {file.stem for file in folder.iterdir()}
    return folder


def test_an_evaluation_is_kept_by_model_and_data(
    data: Path, masks: Path, lab_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seg_core.jobs.worker.dispatch_jobs", lambda store: None)
    store, split = JobStore(), SplitChoice(open_dataset(data), "test", Drawing())
    request = evaluation_request(masks, split)
    job = store.ask(request)
    store.start_next()
    work_on(job.id, store, KINDS)
    assert store.get(job.id).message == "4 photographs evaluated."
    folder = result_folder(request)
    assert folder is not None
    evaluation = Evaluation.load(folder / "evaluation.npz")
    assert (evaluation.means["iou"], len(evaluation.missing)) == (3 / 4, 1)
    images = json.loads((folder / "images.json").read_text())
    assert [image["id"] for image in images] == list(evaluation.ids)
    with Image.open(folder / "00002.png") as picture, Image.open(images[1]["mask"]) as truth:
        assert picture.tobytes() == truth.tobytes()

    assert evaluation_request(masks, split).key == request.key
    assert evaluation_request(masks, SplitChoice(split.dataset, "train", Drawing())).key != request.key
    with Image.open(masks / f"{images[0]['id']}_pred.png") as picture:
        picture.rotate(90).save(masks / f"{images[0]['id']}_pred.png", compress_level=0)  # empty all the same
    assert evaluation_request(masks, split).key != request.key
    with pytest.raises(InputError, match="There is no split 'dev'"):
        evaluation_request(masks, SplitChoice(split.dataset, "dev", Drawing()))


@pytest.mark.usefixtures("lab_home")
def test_a_result_never_stands_under_the_key_of_older_files(
    data: Path, masks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seg_core.jobs.worker.dispatch_jobs", lambda store: None)
    store, split = JobStore(), SplitChoice(open_dataset(data), "test", Drawing())
    changing = Path(shutil.copytree(masks, tmp_path / "changing"))
    request = evaluation_request(changing, split)
    job = store.ask(request)
    store.start_next()
    next(changing.iterdir()).unlink()  # while the job waits for its turn
    work_on(job.id, store, KINDS)
    assert store.get(job.id).message == "The files have changed since this was asked for; ask for it again."
    assert result_folder(request) is None

    there = shutil.copytree(data, tmp_path / "moved", copy_function=shutil.copy2)
    moved = SplitChoice(open_dataset(there), "test", Drawing())
    assert evaluation_request(masks, moved).key != evaluation_request(masks, split).key  # the result names files by their place


# In the browser


@pytest.mark.browser
def test_a_model_and_masks_of_another_program_are_compared(page: Page, app_server: AppProcess, data: Path, masks: Path) -> None:
    page.goto(f"{app_server.url}/compare?data={data}&model=fine-tune-report&masks={masks}")
    page.get_by_role("button", name="Evaluate 2 models on 5 photographs").click()
    table = page.get_by_role("region", name="Mean scores of each model")
    expect(table.get_by_role("row", name="masks: other-tool")).to_contain_text("0.7500", timeout=SLOW)
    expect(table.get_by_role("row", name="Model 2")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("masks: other-tool has no mask for 1 of the photographs")).to_be_visible()
    drawn = page.locator(".mask-group canvas[data-drawn]")
    expect(drawn).to_have_count(15)  # five photographs: the truth, the model, the folder
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


@pytest.mark.browser
def test_a_point_opens_its_photograph_and_arrow_keys_step_on(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "of its own", size=(80, 60), train=4, test=5)
    page.goto(f"{app_server.url}/compare?data={data}&model=fine-tune-report&model=frozen-decoder-report")
    page.get_by_role("button", name="Evaluate").click(timeout=SLOW)
    expect(page.get_by_text("of the images; the mean gain of")).to_be_visible(timeout=SLOW)
    viewer = page.get_by_role("group", name="One photograph, large")
    expect(viewer).to_contain_text("1 of 5")
    page.get_by_role("tab", name="One against the other").click()
    chart = page.locator(".js-plotly-plot").first
    expect(chart.locator(".points path").first).to_be_visible()
    spots = [chart.evaluate(POINT, point) for point in (2, 0, 3)]
    others = [point for point, (_, id) in zip((2, 0, 3), spots, strict=True) if id not in viewer.inner_text()]
    for point in others[:2]:  # what is shown already is no news
        chart.scroll_into_view_if_needed()
        spot, wanted = chart.evaluate(POINT, point)
        page.mouse.click(*spot)
        expect(viewer).to_contain_text(f"{wanted} · ")
        expect(viewer.locator(f"canvas[data-drawn='{wanted} outline']")).to_be_visible()

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


@pytest.mark.browser
def test_file_names_that_are_no_text_are_shown(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "odd", size=(80, 60), train=4, test=2)
    for kind in ("images", "masks"):
        file = min((data / "test" / kind).iterdir())
        file.rename(file.with_stem("odd\udcff"))
    shutil.copy(data / "train" / "masks" / "ISIC_0000000.png", data / "train" / "masks" / "lonely\udcff.png")
    page.goto(f"{app_server.url}/data?data={data}")
    expect(page.get_by_text("1 × orphan mask")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("group", name="Photographs with their masks")).to_contain_text("odd?")
    expect(page.get_by_role("heading", name="Augmentation")).to_be_visible()  # the page goes on to its end

    page.goto(f"{app_server.url}/compare?data={data}&model=fine-tune-report")
    page.get_by_role("button", name="Evaluate 1 model on 2 photographs").click()
    expect(page.locator(".mask-group canvas[data-drawn]")).to_have_count(4, timeout=SLOW)
    expect(page.get_by_text("Scores of every photograph").last).to_be_visible()
    expect(page.get_by_text("Masks of all photographs")).to_be_visible()


@pytest.mark.browser
def test_what_is_open_stays_open_when_another_model_comes(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "of its own", size=(80, 60), train=4, test=5)
    page.goto(f"{app_server.url}/compare?data={data}&model=fine-tune-report")
    page.get_by_role("button", name="Evaluate").click(timeout=SLOW)
    expect(page.locator(".mask-group canvas[data-drawn]")).to_have_count(10, timeout=SLOW)
    page.get_by_text("Scores of every photograph").last.click()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    page.get_by_text("Models and masks from elsewhere").click()
    page.locator("input[type=file]").set_input_files(SHIPPED_CHECKPOINTS / "frozen-decoder-report.safetensors")
    page.get_by_role("button", name="Evaluate 1 model").click()
    expect(page.get_by_text("Which one is better?")).to_be_visible(timeout=SLOW)
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    expect(page.locator("input[type=file]")).to_have_count(1)  # what is elsewhere is still open

    page.get_by_role("slider", name="Threshold of all models").fill("0.9")
    expect(page.get_by_text("at threshold 0.90")).to_be_visible()
    page.get_by_role("link", name="Train").click()
    expect(page.get_by_role("heading", name="Train")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("at each model's own threshold")).to_be_visible(timeout=SLOW)


@pytest.mark.browser
def test_an_uploaded_model_is_compared_and_what_is_none_is_refused(page: Page, app_server: AppProcess, tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "of its own", size=(80, 60), train=4, test=2)
    page.goto(f"{app_server.url}/compare?data={data}&model=fine-tune-report")
    page.get_by_text("Models and masks from elsewhere").click(timeout=SLOW)
    wrong = tmp_path / "notes.safetensors"
    wrong.write_text("some words", encoding="utf-8")
    page.locator("input[type=file]").set_input_files([wrong, SHIPPED_CHECKPOINTS / "frozen-decoder-report.safetensors"])
    expect(page.get_by_text("notes.safetensors is no checkpoint of LesionLab")).to_be_visible()
    page.get_by_role("button", name="Evaluate 2 models on 2 photographs").click()
    table = page.get_by_role("region", name="Mean scores of each model")
    expect(table.get_by_role("row", name="frozen-decoder-report.safetensors")).to_be_visible(timeout=SLOW)


POINT = """
(plot, number) => {
  const trace = plot.calcdata.findIndex((points) => points[0].trace.mode === "markers"), point = plot.calcdata[trace][number];
  const { xaxis, yaxis } = plot._fullLayout, box = plot.getBoundingClientRect();
  return [[box.left + xaxis._offset + xaxis.c2p(point.x), box.top + yaxis._offset + yaxis.c2p(point.y)], point.data];
}
"""
"""Of a scatter plot: where a point is on the page, and the id of its photograph."""


def pixels(page: Page) -> str:
    """What the pictures show."""
    script = "(all) => all.map((one) => one.toDataURL()).join()"
    return str(page.locator(".mask-group canvas[data-drawn]").evaluate_all(script))


@pytest.mark.browser
def test_an_evaluation_is_cancelled_and_a_folder_that_is_none_is_named(page: Page, app_server: AppProcess, masks: Path) -> None:
    page.goto(f"{app_server.url}/compare?model=trainable-decoder-report&masks=/nowhere/at/all")
    expect(page.get_by_text("There is no folder /nowhere/at/all; check the path.")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Evaluate 1 model on 40 photographs").click()
    page.get_by_role("button", name="Cancel").last.click()  # the first may be that of the look for duplicates
    expect(page.get_by_text("Cancelled.")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("button", name="Evaluate 1 model on 40 photographs")).to_be_visible()


@pytest.mark.browser
def test_pictures_that_are_not_there_are_404(app_server: AppProcess) -> None:
    for path in ("0" * 24 + "/1/photo.jpg", "../../etc/1/photo.jpg"):
        with pytest.raises(OSError, match=r"404|422"):
            urlopen(f"{app_server.url}/api/evaluations/{path}", timeout=20)


@pytest.mark.browser
def test_a_link_opens_the_split_of_its_seed(page: Page, app_server: AppProcess, data: Path) -> None:
    page.goto(f"{app_server.url}/compare?data={data}&split=val&seed=7&model=fine-tune-report")
    expect(page.get_by_role("spinbutton", name="Seed of the split")).to_have_value("7", timeout=SLOW)
    expect(page.get_by_text("may have trained on some of these photographs")).to_be_visible()
    page.wait_for_url("**seed=7**")
    page.reload()
    expect(page.get_by_role("spinbutton", name="Seed of the split")).to_have_value("7", timeout=SLOW)
    page.get_by_role("button", name="Evaluate 1 model").click()
    expect(page.get_by_text("Lowest IoU")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Largest difference")).to_have_count(0)  # there is none to another model
