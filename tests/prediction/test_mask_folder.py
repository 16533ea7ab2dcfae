"""Masks of another program as a model: matched by name, read in every format, and refused in one sentence."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from isic_challenge_scoring import metrics as challenge
from isic_challenge_scoring.confusion import create_binary_confusion_matrix
from PIL import Image

from seg_core.data.folders import Pair
from seg_core.data.image import write_mask
from seg_core.errors import InputError
from seg_core.evaluation.evaluate import evaluate
from seg_core.evaluation.key import mask_folder_digest
from seg_core.evaluation.result import Evaluation
from seg_core.prediction.mask_folder import MaskFolder, open_predicted_masks
from tests.helpers import find_pairs, lesion, make_dataset

A, B, C = (f"ISIC_000000{number}" for number in range(3))
SIZE = (8, 4)


@pytest.fixture
def pairs(tmp_path: Path) -> list[Pair]:
    """Three black photographs of 8 × 4 pixels, whose lesion is the left half."""
    truth = np.zeros(SIZE[::-1], bool)
    truth[:, :4] = True
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
    for id in (A, B, C):
        Image.new("RGB", SIZE).save(tmp_path / "data" / "images" / f"{id}.png")
        write_mask(truth, tmp_path / "data" / "masks" / f"{id}.png")
    return find_pairs(tmp_path / "data")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "other tool").mkdir()
    return tmp_path / "other tool"


def save(pixels: object, *files: Path, dtype: type = np.uint8) -> None:
    """Write the same pixels under each name."""
    for file in files:
        Image.fromarray(np.array(pixels, dtype)).save(file)


def half(value: int = 255) -> np.ndarray:
    """A mask of the left half but one column: 3 of 8."""
    pixels = np.zeros(SIZE[::-1], np.uint8)
    pixels[:, :3] = value
    return pixels


def score(folder: Path, pairs: list[Pair]) -> Evaluation:
    return evaluate(open_predicted_masks(folder, pairs), pairs)


def iou(evaluation: Evaluation, threshold: float) -> list[float]:
    values: list[float] = evaluation.scores(threshold)["iou"].tolist()
    return values


@pytest.mark.parametrize(
    "names",
    [
        (f"{A}.png", f"{B}.png", f"{C}.png"),
        (f"{A}_mask.png", f"{B}_MASK.PNG", f"{C}_Segmentation.png"),
        (f"{A}_pred.png", f"{B}_prediction.bmp", f"{C}_lesion.tif"),
        (f"{A}_segmentation_pred.png", f"{B}_mask_prediction.png", f"{C}_pred_mask.gif"),
        (f"{A}.webp", f"{B}.tiff", f"{C}.jpeg"),
    ],
)
def test_masks_are_found_by_name(names: tuple[str, ...], folder: Path, pairs: list[Pair]) -> None:
    for name in names:
        lossless = {"lossless": True} if name.endswith("webp") else {"quality": 100} if name.endswith("jpeg") else {}
        Image.fromarray(half()).save(folder / name, **lossless)
    (folder / "notes.txt").touch()
    (folder / f"._{A}.png").touch()
    masks = open_predicted_masks(folder, pairs)
    assert {id: file.name for id, file in masks.files.items()} == dict(zip((A, B, C), names, strict=True))
    assert (masks.label, masks.threshold, masks.notes, masks.missing(pairs)) == ("other tool", 0.5, (), [])
    # Three columns found of four.
    assert evaluate(masks, pairs).means["iou"] == 3 / 4


@pytest.mark.parametrize(
    ("name", "left_out"), [("seg-{}.png", "`seg-`"), ("{}.jpg.png", "`.jpg`"), ("out_{}_x.png", "`out_` and `_x`")]
)
def test_a_common_prefix_or_suffix_of_the_masks_is_found_and_told(
    name: str, left_out: str, folder: Path, pairs: list[Pair]
) -> None:
    for id in (A, B, C):
        Image.fromarray(half()).save(folder / name.format(id))
    Image.fromarray(half()).save(folder / f"{A}_7.png")  # of a photograph that is not scored
    masks = open_predicted_masks(folder, pairs)
    assert {id: file.name for id, file in masks.files.items()} == {id: name.format(id) for id in (A, B, C)}
    assert masks.notes[0] == f"Matched by name: masks without {left_out}."
    assert masks.notes[1].endswith(f"are left out: {A}_7.png.")


def test_masks_in_a_folder_below_are_found(folder: Path, pairs: list[Pair]) -> None:
    (folder / "submission").mkdir()
    for id in (A, B, C):
        Image.fromarray(half()).save(folder / "submission" / f"{id}.png")
    assert score(folder, pairs).means["iou"] == 3 / 4


def test_a_photograph_whose_name_ends_like_a_masks_keeps_its_mask(tmp_path: Path, folder: Path) -> None:
    for name in ("a.png", "a_mask.png"):
        for place in ("images", "masks"):
            (tmp_path / "two" / place).mkdir(parents=True, exist_ok=True)
            Image.fromarray(half()).save(tmp_path / "two" / place / name)
        save(half(), folder / name)
    masks = open_predicted_masks(folder, find_pairs(tmp_path / "two"))
    assert {id: file.name for id, file in masks.files.items()} == {"a": "a.png", "a_mask": "a_mask.png"}


@pytest.mark.parametrize("kind", ["0 and 255", "0 and 1", "boolean", "palette", "16 bits", "floats", "colours"])
def test_a_binary_mask_counts_the_same_at_every_threshold(kind: str, folder: Path, pairs: list[Pair]) -> None:
    mask = half() > 0
    images = {
        "0 and 255": Image.fromarray(half()),
        "0 and 1": Image.fromarray(half(1)),
        "boolean": Image.fromarray(mask),
        "palette": Image.fromarray(half(1)),
        "16 bits": Image.fromarray(mask.astype(np.uint16) * 65535),
        "floats": Image.fromarray(mask.astype(np.float32)),
        "colours": Image.fromarray(half()).convert("RGB"),
    }
    if kind == "palette":
        images[kind].putpalette([0, 0, 0, 128, 0, 0])
    for id in (A, B, C):
        images[kind].save(folder / f"{id}{'.tif' if kind == 'floats' else '.png'}")
    evaluation = score(folder, pairs)
    assert (evaluation.true_positive == 12).all()
    assert (evaluation.false_positive == 0).all()
    assert evaluation.curve("iou").tolist() == [3 / 4] * 99


GREY = [[0, 51, 52, 102, 127, 128, 204, 255]] * 4


@pytest.mark.parametrize("kind", ["8 bits", "16 bits", "floats"])
def test_grey_is_probability(kind: str, folder: Path, pairs: list[Pair]) -> None:
    files = [folder / f"{id}.{'tif' if kind == 'floats' else 'png'}" for id in (A, B, C)]
    if kind == "8 bits":
        save(GREY, *files)
    elif kind == "16 bits":
        save(np.array(GREY) * 257, *files, dtype=np.uint16)
    else:
        save(np.array(GREY) / 255, *files, dtype=np.float32)
    evaluation = score(folder, pairs)
    # 51 is exactly 0.2, 102 is 0.4, 204 is 0.8; one half lies between 127 and 128.
    for threshold, columns in ((0.01, 7), (0.2, 7), (0.21, 5), (0.4, 5), (0.41, 4), (0.5, 3), (0.51, 2), (0.8, 2), (0.81, 1)):
        marked = evaluation.true_positive + evaluation.false_positive
        assert marked[:, evaluation.index(threshold)].tolist() == [4 * columns] * 3, threshold
    assert evaluation.model_threshold == 0.5
    # Of four columns of lesion, 51, 52 and 102 are marked from 0.01 on, and all four others.
    assert iou(evaluation, 0.01) == [3 / 8] * 3


def test_a_nearly_empty_map_is_not_taken_for_a_mask_of_ones(folder: Path, pairs: list[Pair]) -> None:
    save(half(1), folder / f"{A}.png")
    save(half(0), folder / f"{B}.png")
    save(half(), folder / f"{C}.png")
    # One of 255 is a probability of 0.004, as the third mask tells.
    assert iou(score(folder, pairs), 0.01) == [0, 0, 3 / 4]


def test_a_nearly_empty_map_of_16_bits_is_read_as_the_others_of_its_folder(folder: Path, pairs: list[Pair]) -> None:
    save(half(255), folder / f"{A}.png", dtype=np.uint16)
    save(half(1), folder / f"{B}.png", dtype=np.uint16)
    save(half().astype(int) * 257, folder / f"{C}.png", dtype=np.uint16)
    assert iou(score(folder, pairs), 0.01) == [0, 0, 3 / 4]


def test_empty_masks_are_predictions_of_nothing(folder: Path, pairs: list[Pair]) -> None:
    save(half(0), *(folder / f"{id}.png" for id in (A, B, C)))
    assert score(folder, pairs).means["iou"] == 0


def test_masks_score_as_in_the_challenge(tmp_path: Path, folder: Path) -> None:
    pairs = find_pairs(make_dataset(tmp_path / "isic", layout="isic2016", size=(90, 60), test=3))
    for number, pair in enumerate(pairs):
        write_mask(np.roll(lesion((90, 60), number)[1], 7 * number, axis=1), folder / f"{pair.id}_mask.png")
    evaluation = score(folder, pairs)
    for pair in pairs:
        truth, prediction = (np.asarray(Image.open(file)) > 128 for file in (pair.mask, folder / f"{pair.id}_mask.png"))
        matrix = create_binary_confusion_matrix(truth, prediction)
        scores = evaluation.images[pair.id]
        assert scores["iou"] == pytest.approx(challenge.binary_jaccard(matrix))
        assert scores["dice"] == pytest.approx(challenge.binary_dice(matrix))
        assert scores["specificity"] == pytest.approx(challenge.binary_specificity(matrix))


def test_a_binary_mask_of_another_size_is_scaled_and_stays_binary(folder: Path, pairs: list[Pair]) -> None:
    save([[255, 255, 0, 0], [255, 0, 0, 0]], folder / f"{A}.png")
    save(half(), folder / f"{B}.png", folder / f"{C}.png")
    evaluation = score(folder, pairs)
    assert evaluation.notes == (
        f"Masks in other tool of another size than their photographs, 1, are scaled: {A}.png (4 × 2 for 8 × 4). "
        "Export masks at the photographs' size to have them scored as they are.",
    )
    # Each pixel becomes four: 12 of the lesion's 16.
    assert (evaluation.true_positive[0] == 12).all()
    assert (evaluation.false_positive[0] == 0).all()


def test_a_grey_mask_of_another_size_is_scaled_bilinearly(folder: Path, pairs: list[Pair]) -> None:
    save([[51, 204]], folder / f"{A}.png")
    save(half(), folder / f"{B}.png", folder / f"{C}.png")
    marked = score(folder, pairs)
    counted = (marked.true_positive + marked.false_positive)[0]
    # 0.2 to 0.8 over eight columns: 0.2, 0.2, 0.275, 0.425, 0.575, 0.725, 0.8, 0.8.
    expected = {0.2: 8, 0.21: 6, 0.28: 5, 0.5: 4, 0.7: 3, 0.73: 2}
    assert {threshold: counted[marked.index(threshold)] / 4 for threshold in expected} == expected


def test_a_photograph_that_lies_on_its_side_is_taken_upright(folder: Path, pairs: list[Pair]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    Image.new("RGB", SIZE[::-1]).save(pairs[0].image, exif=exif)
    save(half(), *(folder / f"{id}.png" for id in (A, B, C)))
    evaluation = score(folder, pairs)
    assert evaluation.notes == ()
    assert evaluation.means["iou"] == 3 / 4


def test_masks_of_other_photographs_are_left_out_and_named(folder: Path, pairs: list[Pair]) -> None:
    save(half(), *(folder / f"{name}.png" for name in (A, B, C, "x", "ISIC_1_mask")))
    masks = open_predicted_masks(folder, pairs)
    assert masks.notes == (
        "Masks in other tool that belong to none of the photographs, 2, are left out: ISIC_1_mask.png, x.png.",
    )
    assert evaluate(masks, pairs).ids == (A, B, C)


def test_missing_masks_are_named_or_left_out(folder: Path, pairs: list[Pair]) -> None:
    save(half(), folder / f"{B}.png")
    masks = open_predicted_masks(folder, pairs)
    assert masks.missing(pairs) == [A, C]
    with pytest.raises(InputError, match=rf"other tool has no prediction for 2 of the 3 photographs \({A}, {C}\); add them, or"):
        evaluate(masks, pairs)
    evaluation = evaluate(masks, pairs, allow_missing=True)
    assert (evaluation.ids, evaluation.missing, evaluation.means["iou"]) == ((B,), (A, C), 3 / 4)


def test_a_zip_archive_of_masks_is_a_model_too(folder: Path, pairs: list[Pair]) -> None:
    with ZipFile(folder / "submission.zip", "w") as archive:
        for id in (A, B, C):
            save(half(), folder / "mask.png")
            archive.write(folder / "mask.png", f"results/{id}_segmentation.png")
    masks = open_predicted_masks(folder / "submission.zip", pairs)
    assert (masks.label, evaluate(masks, pairs).means["iou"]) == ("submission.zip", 3 / 4)


def test_the_user_names_the_class_that_is_lesion(folder: Path, pairs: list[Pair]) -> None:
    classes = half(2)
    classes[:, 3:6] = 1
    save(classes, *(folder / f"{id}.png" for id in (A, B, C)))
    with pytest.raises(InputError, match="hold 0, 1 and 2, which are more than two kinds of marks"):
        open_predicted_masks(folder, pairs)
    for named in (open_predicted_masks(f"{folder}?lesion=2", pairs), open_predicted_masks(folder, pairs, "2")):
        assert evaluate(named, pairs).means["iou"] == 3 / 4
    assert mask_folder_digest(f"{folder}?lesion=2") != mask_folder_digest(folder)


def test_masks_that_seem_inverted_are_warned_of(folder: Path, pairs: list[Pair]) -> None:
    inverted = np.full(SIZE[::-1], 255, np.uint8)
    inverted[1:3, 2:6] = 0
    save(inverted, folder / f"{A}.png", folder / f"{B}.png")
    save(half(), folder / f"{C}.png")
    assert open_predicted_masks(folder, pairs).notes[0].startswith("Most masks in other tool mark all four corners")


def test_many_names_are_cut_short(folder: Path, tmp_path: Path) -> None:
    many = find_pairs(make_dataset(tmp_path / "many", size=SIZE, train=8))
    save(half(), folder / f"{many[7].id}.png")
    with pytest.raises(InputError, match=r"7 of the 8 photographs \((ISIC_000000\d, ){4}ISIC_0000004 and 2 more\)"):
        evaluate(open_predicted_masks(folder, many), many)


def no_folder(folder: Path) -> None:
    folder.rmdir()


def empty(folder: Path) -> None:
    """Leave the folder as it is."""


def none_matches(folder: Path) -> None:
    save(half(), folder / "x.png")


def duplicates(folder: Path) -> None:
    save(half(), *(folder / name for name in (f"{A}.png", f"{A}_mask.png", f"{B}.png", f"{B}.bmp", f"{C}.png")))


def unreadable(folder: Path) -> None:
    save(half(), folder / f"{A}.png")
    (folder / f"{B}.png").write_bytes(b"no image")
    (folder / f"{C}.png").touch()


NO_MASK = f"{{folder}} holds no mask of the 3 photographs; name masks as photographs, such as {A}.png or {A}_mask.png."


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (no_folder, "There is no folder {folder}; check the path."),
        (empty, NO_MASK),
        (none_matches, NO_MASK),
        (
            duplicates,
            f"Some photographs have two masks in {{folder}}: {A}.png and {A}_mask.png, {B}.bmp and {B}.png; keep one of each.",
        ),
        (
            unreadable,
            f"{B}.png is not an image that can be read; use JPEG, PNG, TIFF, BMP, WebP or HEIC. "
            f"{C}.png is an empty file; save or upload it again.",
        ),
    ],
)
def test_faults_are_named_before_anything_is_scored(
    fault: Callable[[Path], None], sentence: str, folder: Path, pairs: list[Pair]
) -> None:
    fault(folder)
    with pytest.raises(InputError) as refused:
        open_predicted_masks(folder, pairs)
    assert str(refused.value) == sentence.format(folder=folder)


def test_a_mask_that_is_cut_off_is_named(folder: Path, pairs: list[Pair]) -> None:
    save(half(), *(folder / f"{id}.png" for id in (A, B, C)))
    rows = np.random.default_rng(0).integers(0, 256, (400, 400))
    save(rows, folder / f"{B}.png")
    content = (folder / f"{B}.png").read_bytes()
    (folder / f"{B}.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=f"{B}.png is cut off before its end; save, copy or upload it again"):
        score(folder, pairs)


def test_a_photograph_among_the_masks_is_refused(folder: Path, pairs: list[Pair]) -> None:
    photo, _ = lesion(SIZE)
    photo[..., 2] = 0
    save(half(), *(folder / f"{id}.png" for id in (A, B)))
    save(photo, folder / f"{C}.png")
    with pytest.raises(InputError, match=f"{C}.png is a picture with colours; the masks beside it are grey. Save it as grey"):
        score(folder, pairs)


@pytest.mark.parametrize("value", [-0.5, 70000.0, float("nan")])
def test_values_that_are_no_probabilities_are_refused(value: float, folder: Path, pairs: list[Pair]) -> None:
    save(np.full(SIZE[::-1], value), *(folder / f"{id}.tif" for id in (A, B, C)), dtype=np.float32)
    with pytest.raises(InputError, match=r"The masks in other tool hold values outside of 0 to 65535; save masks as 0 and 255, "):
        score(folder, pairs)


def test_a_mask_that_went_away_is_named(folder: Path, pairs: list[Pair]) -> None:
    save(half(), *(folder / f"{id}.png" for id in (A, B, C)))
    masks: MaskFolder = open_predicted_masks(folder, pairs)
    shutil.rmtree(folder)
    with pytest.raises(InputError, match=f"{A}.png does not exist"):
        evaluate(masks, pairs)
