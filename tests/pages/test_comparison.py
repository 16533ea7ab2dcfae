"""Comparing models: the table by hand, and the evaluations that it asks for."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from pages.comparison.compared import Compared, on_shared_photographs
from pages.comparison.models import colour_key, members_of
from pages.comparison.pictures import mask_photos, viewed_photos
from pages.comparison.table import Table, scores_csv
from pages.shared.markdown import plain
from pages.shared.tables import pairing_table, score_table
from seg_core.common.home import PROJECT, SHIPPED_CHECKPOINTS
from seg_core.config import SplitSpec
from seg_core.data.dataset import ALL, SplitChoice, open_dataset
from seg_core.errors import InputError
from seg_core.evaluation.bootstrap import Interval
from seg_core.evaluation.comparison import Row
from seg_core.evaluation.confidence import paired_difference
from seg_core.evaluation.pairing import Pairing
from seg_core.evaluation.result import METRICS, Evaluation
from seg_core.jobs.job import Request
from seg_core.jobs.requests import evaluation_request
from seg_core.jobs.results import result_folder
from seg_core.jobs.store import JobStore
from seg_core.jobs.tasks import TASKS
from seg_core.jobs.worker import work_on
from seg_core.prediction.cost import Cost
from tests.evaluation.stub import per_image
from tests.helpers import make_dataset


def compared(label: str, found: dict[str, list[int]], own: float = 0.5) -> Compared:
    """A model on images of 16 pixels, 4 of them lesion: true positives at the thresholds 0.25, 0.5 and 0.75, no false ones."""
    evaluation = Evaluation(
        ids=tuple(found),
        thresholds=np.array([0.25, 0.5, 0.75]),
        model_threshold=own,
        true_positive=np.array(list(found.values())),
        false_positive=np.zeros((len(found), 3), int),
        lesion=np.full(len(found), 4),
        pixels=np.full(len(found), 16),
        probability=np.zeros((len(found), 4)),
        **per_image(len(found), boundary_iou=0.5, hausdorff_95=0.1),
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
    assert {order: table.rows_in(order) for order in ("difference", "worst", "best", "name")} == {
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


def test_where_nothing_is_marked_on_nothing_it_is_told() -> None:
    nothing = compared("nothing", {"a": [0, 0, 0], "b": [4, 4, 4]})
    assert isinstance(nothing.evaluation, Evaluation)
    nothing = replace(nothing, evaluation=replace(nothing.evaluation, lesion=np.array([0, 4])))
    table = Table.of([nothing, TWO], None)
    a, b = mask_photos([nothing, TWO], table, [0, 1])
    assert (a.scores, a.both_empty) == ([1, 0.75], [True, False])
    assert b.both_empty == [False, False]
    assert viewed_photos([nothing, TWO], table, [1, 0]).both_empty == [[False, False], [True, False]]


def test_the_csv_holds_every_metric_of_every_photograph() -> None:
    head, *rows = scores_csv([ONE, TWO], Table.of([ONE, TWO], None)).splitlines()
    assert head.split(",")[:2] == ["image", "one accuracy"]
    assert len(head.split(",")) == 1 + 2 * len(METRICS)
    values = dict(zip(head.split(","), rows[2].split(","), strict=True))
    assert (values["image"], values["one iou"], values["two iou"]) == ("c", "0.250000", "")


def test_models_are_shown_on_the_photographs_that_all_have_with_their_own_pictures() -> None:
    one, two = on_shared_photographs([ONE, TWO, Compared("three", "#000000", (), None)])  # the third is not evaluated yet
    assert Table.of([one, two], None).ids == ["a", "b"]
    assert scores_csv([one, two], Table.of([one, two], None)).count("\n") == 3
    (b,) = mask_photos([one, two], Table.of([one, two], None), [1])
    assert (b.id, b.masks) == ("b", ["/api/evaluations/one/2/probability.png", "/api/evaluations/two/1/probability.png"])


def test_a_colour_follows_from_the_run_the_group_or_the_file() -> None:
    assert colour_key(Path("/home/runs/3/best.safetensors")) == "3"
    assert colour_key(SHIPPED_CHECKPOINTS / "fine-tune-best.safetensors") == "fine-tune-best"
    assert colour_key(Path("/masks/3")) == "/masks/3"


def test_more_models_than_the_page_can_show_are_told(tmp_path: Path, lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pages.comparison.choices.MOST_COMPARED", 2)
    page = AppTest.from_file(str(PROJECT / "pages" / "compare.py"), default_timeout=60)
    page.query_params["data"] = str(make_dataset(tmp_path / "data", train=3, test=2))
    page.run()
    (models,) = [box for box in page.multiselect if box.label == "Models"]
    models.select("fine-tune-report").run()
    assert [warning.value for warning in page.warning][:1] == ["3 models are chosen; the first 2 are compared."]
    (evaluate,) = [button.label for button in page.button if button.label.startswith("Evaluate")]
    assert evaluate == "Evaluate 2 models on 2 photographs"


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


def test_all_photographs_are_the_same_ones_for_every_model(small_dataset: Path) -> None:
    everything = SplitChoice(open_dataset(small_dataset), ALL, SplitSpec())
    assert [pair.split for pair in everything.pairs] == ["train"] * 4 + ["test"] * 5
    ((_, scored_on),) = members_of(Path("model.safetensors"), everything)
    assert scored_on is everything
    assert not everything.is_drawn  # so that each run of a group is scored on them too, and not on its own fold


def test_an_evaluation_is_kept_by_model_and_data(
    small_dataset: Path, other_masks: Path, lab_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seg_core.jobs.worker.dispatch", lambda store: None)
    store, split = JobStore(), SplitChoice(open_dataset(small_dataset), "test", SplitSpec())
    request = evaluation_request(other_masks, split)
    job = store.submit(request)
    work_on(job.id, store, TASKS)
    assert store.get(job.id).message == "4 photographs evaluated."
    folder = result_folder(request)
    assert folder is not None
    evaluation = Evaluation.load(folder / "evaluation.npz")
    assert (evaluation.means["iou"], len(evaluation.missing)) == (3 / 4, 1)
    images = json.loads((folder / "images.json").read_text())
    assert [image["id"] for image in images] == list(evaluation.ids)
    with Image.open(folder / "00002.png") as picture, Image.open(images[1]["mask"]) as truth:
        assert picture.tobytes() == truth.tobytes()

    assert evaluation_request(other_masks, split).key == request.key
    assert evaluation_request(other_masks, SplitChoice(split.dataset, "train", SplitSpec())).key != request.key
    with Image.open(other_masks / f"{images[0]['id']}_pred.png") as picture:
        picture.rotate(90).save(other_masks / f"{images[0]['id']}_pred.png", compress_level=0)  # empty all the same
    assert evaluation_request(other_masks, split).key != request.key
    with pytest.raises(InputError, match="There is no split 'dev'"):
        evaluation_request(other_masks, SplitChoice(split.dataset, "dev", SplitSpec()))


@pytest.mark.usefixtures("lab_home")
def test_a_result_never_stands_under_the_key_of_older_files(
    small_dataset: Path, other_masks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seg_core.jobs.worker.dispatch", lambda store: None)
    store, split = JobStore(), SplitChoice(open_dataset(small_dataset), "test", SplitSpec())
    changing = Path(shutil.copytree(other_masks, tmp_path / "changing"))
    request = evaluation_request(changing, split)
    job = store.submit(request)
    next(changing.iterdir()).unlink()  # while the job waits for its turn
    work_on(job.id, store, TASKS)
    assert store.get(job.id).message == "The files have changed since this was requested; start it again."
    assert result_folder(request) is None

    edited = SplitChoice(open_dataset(shutil.copytree(small_dataset, tmp_path / "edited")), "test", SplitSpec())
    asked = evaluation_request(other_masks, edited)
    os.utime(edited.pairs[0].mask, (1, 1))
    assert evaluation_request(other_masks, edited).key == asked.key  # a page that opened the dataset before does not notice
    job = store.submit(asked)
    work_on(job.id, store, TASKS)
    assert store.get(job.id).message == "The files have changed since this was requested; start it again."
    assert result_folder(asked) is None

    there = shutil.copytree(small_dataset, tmp_path / "moved", copy_function=shutil.copy2)
    moved = SplitChoice(open_dataset(there), "test", SplitSpec())
    # The result names files by their place.
    assert evaluation_request(other_masks, moved).key != evaluation_request(other_masks, split).key


def masks_field() -> None:
    from pages.comparison.choices import choose_mask_folders

    choose_mask_folders()


@pytest.mark.parametrize(
    ("linked", "fields", "error"),
    [
        ("~nobody-of-this-name/x", ["~nobody-of-this-name/x", ""], "cannot be found"),
        ("/none here?lesion=2", ["/none here", "2"], "There is no folder"),
        ("", ["", ""], ""),
    ],
)
def test_a_link_to_masks_fills_the_fields_and_says_what_is_wrong(linked: str, fields: list[str], error: str) -> None:
    app = AppTest.from_function(masks_field)
    app.query_params["masks"] = linked
    app.run()
    assert not app.exception
    assert [app.text_area[0].value, app.text_input[0].value] == fields
    assert [error in each.value for each in app.error] == ([True] if error else [])


def calibrate_page() -> None:
    from pages.comparison.calibrating import calibrate_button
    from tests.pages.test_comparison import CALIBRATED

    calibrate_button(CALIBRATED, None)  # type: ignore[arg-type]


CALIBRATED: list[Compared] = []


def of(name: str, tta: bool = False) -> Compared:
    return replace(ONE, requests=(Request("evaluate", "", {"model": name, "tta": tta}),))


@pytest.mark.parametrize(
    ("model", "offered"),
    [
        (of("/runs/0001/best.safetensors"), True),
        (of("/runs/0001/best.safetensors", tta=True), False),
        (of("/models/of another program.onnx"), False),
        (of("/masks"), False),
        (replace(of("/runs/0001/best.safetensors"), evaluation=None), False),
        (replace(of("a.safetensors"), requests=of("a.safetensors").requests * 2), False),
    ],
)
def test_evaluated_checkpoints_can_be_calibrated_by_those_who_may_change_something(
    model: Compared, offered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.pages.test_comparison.CALIBRATED", [model])
    assert [button.label for button in AppTest.from_function(calibrate_page).run().button] == [
        "Calibrate the threshold"
    ] * offered
    monkeypatch.setenv("LESIONLAB_VIEWER_PASSWORD", "looks only")
    assert not AppTest.from_function(calibrate_page).run().button


def test_few_photographs_are_told_and_nothing_is_saved(lab_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.pages.test_comparison.CALIBRATED", [of(str(SHIPPED_CHECKPOINTS / "fine-tune-best.safetensors"))])
    page = AppTest.from_function(calibrate_page).run()
    page.button[0].click().run()
    few = "A calibration needs at least 10 photographs whose mask has a lesion, and there are 3; outline more."
    assert [info.value for info in page.info] == [plain(few)]
    assert len(page.button) == 1
