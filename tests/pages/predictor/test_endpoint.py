"""The endpoint /predict, called as a function."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pages.predictor.photo import Photo
from pages.predictor.view import result_of
from seg_core.prediction.checkpoint import load_checkpoint
from tests.helpers import lesion
from tests.pages.predictor.helpers import EXPECTED_IOU, MakeModel, mask_of

pytestmark = pytest.mark.usefixtures("thin_network")


@pytest.fixture
def predict(make_model: MakeModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Call the endpoint for a file; returns its results, or the sentence of its error."""
    from gradio import Error

    from pages.predictor.api import predict as endpoint

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))

    def predict(file: Path, *arguments: Any) -> Any:
        try:
            return endpoint({"path": str(file), "orig_name": file.name}, *arguments)
        except Error as error:
            return error.message

    return predict


def test_a_damaged_model_goes_by_its_name_not_by_its_path(
    predict: Callable[..., Any], make_model: MakeModel, photo_file: Path
) -> None:
    model = make_model(run=3)
    size = model.stat().st_size
    os.truncate(model, size - 1000)
    (side,) = result_of(Photo.read(photo_file, "ISIC_1.jpg"), [str(model)], [None]).sides
    lengths = f"it has {size - 1000:,} bytes and should have {size:,}"
    sentence = f"best.safetensors of run 3 is damaged or does not fit this version ({lengths}); copy or train it again."
    assert side.problem == predict(photo_file, "run 3") == sentence


def test_endpoint_gives_both_masks_and_their_measures(
    predict: Callable[..., Any], make_model: MakeModel, photo_file: Path
) -> None:
    make_model(run=2, threshold=0.3)
    make_model(stem="fine-tune-best")
    first, second, measures = predict(photo_file)
    masks = [mask_of(first), mask_of(second)]
    assert [mask.shape for mask in masks] == [(90, 120), (90, 120)]
    assert Path(first).name == "ISIC_1_mask_model-2-fine-tuned.png"
    assert measures["models"] == ["Model 2 · fine-tuned", "Model 2 · fine-tuned, run 2"]
    assert measures["thresholds"] == [0.5, 0.3]
    assert measures["lesion_area"] == pytest.approx([mask.mean() for mask in masks])
    assert measures["lesion_pixels"] == [mask.sum() for mask in masks]
    both, either = (masks[0] & masks[1]).sum(), (masks[0] | masks[1]).sum()
    assert measures["agreement"] == (pytest.approx(both / either) if either else None)
    assert measures["size"] == [120, 90]
    assert len(measures["seconds"]) == 2


def test_endpoint_says_which_iou_to_expect_at_the_models_own_threshold(
    predict: Callable[..., Any], make_model: MakeModel, photo_file: Path
) -> None:
    make_model(run=1, threshold=0.3, expected_iou=EXPECTED_IOU)
    make_model(run=2)
    for threshold, tta, expected, bound in ((None, False, 0.8, 0.6049), (0.3, False, 0.8, 0.6049), (0.5, False, None, None)):
        *_, measures = predict(photo_file, "run 1", "run 2", threshold, tta)
        assert (measures["expected_iou"], measures["expected_iou_at_least"]) == ([expected, None], [bound, None])
    *_, measures = predict(photo_file, "run 1", None, None, True)
    assert (measures["expected_iou"], measures["expected_iou_at_least"], measures["unlike_training"]) == ([None], [None], [None])


def test_endpoint_decodes_a_large_photograph_as_the_page_and_the_command_line_do(
    predict: Callable[..., Any], make_model: MakeModel, tmp_path: Path
) -> None:
    model = make_model(run=1)
    large = tmp_path / "large.jpg"
    Image.fromarray(lesion((1200, 900))[0]).save(large, quality=95)
    expected = load_checkpoint(model).predict(large)
    with Image.open(large) as photo:
        assert not np.array_equal(load_checkpoint(model).predict(photo).probabilities, expected.probabilities)
    limit = float(np.median(expected.probability()))
    file, _, measures = predict(large, "run 1", None, limit)
    np.testing.assert_array_equal(mask_of(file), expected.mask(limit))
    assert measures["size"] == [1200, 900]


def test_two_empty_masks_have_no_agreement(predict: Callable[..., Any], make_model: MakeModel, photo_file: Path) -> None:
    for run in (1, 2):
        make_model(run=run)
    _, _, measures = predict(photo_file, "run 1", "run 2", 0.999)
    assert (measures["lesion_pixels"], measures["agreement"]) == ([0, 0], None)
    assert measures["note"] == "Both find no lesion."


def test_one_model_gives_one_mask(predict: Callable[..., Any], make_model: MakeModel, photo_file: Path) -> None:
    assert predict(photo_file) == "There is no trained model yet; train one first."
    make_model(run=6)
    make_model(run=7, label="Late")
    mask, none, measures = predict(photo_file, "run 7", "", 0.9)
    assert (Path(mask).name, none) == ("ISIC_1_mask_late-run-7.png", None)
    assert (measures["models"], measures["thresholds"], measures["agreement"]) == (["Late, run 7"], [0.9], None)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("run 9",), "There is no model 'run 9'; choose one of: Model 2 · fine-tuned, run 1."),
        (("", "", 2), "The threshold cannot be 2; give a number between 0 and 1."),
        (("", "", "half"), "The threshold cannot be 'half'; give a number between 0 and 1."),
    ],
)
def test_wrong_arguments_get_one_sentence(
    predict: Callable[..., Any], make_model: MakeModel, photo_file: Path, arguments: tuple[Any, ...], sentence: str
) -> None:
    make_model(run=1)
    assert predict(photo_file, *arguments) == sentence
