"""What masks say: one rule for a folder, worked out by hand on tiny masks, and refused where they leave it open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from seg_core.data.check import load_pair
from seg_core.data.dataset import open_dataset
from seg_core.data.folders import Pair
from seg_core.data.masks.folder import MaskFolderRule
from seg_core.data.masks.rule import MaskRule
from seg_core.data.scan.dataset_scan import scan_dataset
from seg_core.data.truth import read_truth
from seg_core.errors import InputError
from seg_core.evaluation.evaluate import evaluate
from seg_core.prediction.mask_folder import open_predicted_masks
from seg_core.training.preparation import prepare
from tests.helpers import make_dataset, tiny_config

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"

SIDE = 96
LESION = np.zeros((SIDE, SIDE), bool)
LESION[24:72, 24:60] = True  # 1,728 of 9,216 pixels, no corner
OTHER = np.zeros((SIDE, SIDE), bool)
OTHER[78:93, 66:93] = True

BLACK, WHITE, RED, DARK_RED, GREEN, TEAL = (0, 0, 0), (255, 255, 255), (255, 0, 0), (128, 0, 0), (0, 128, 0), (52, 209, 183)

Painter = Callable[[], Image.Image]


def grey(lesion: int, background: int = 0, other: int | None = None, dtype: type = np.uint8) -> Painter:
    values = np.where(LESION, lesion, background)
    if other is not None:
        values[OTHER] = other
    return lambda: Image.fromarray(values.astype(dtype))


def colours(lesion: tuple[int, ...], background: tuple[int, ...], other: tuple[int, ...] | None = None) -> Painter:
    values = np.where(LESION[..., None], lesion, background)
    if other is not None:
        values[OTHER] = other
    return lambda: Image.fromarray(values.astype(np.uint8))


def palette(entries: list[tuple[int, int, int]], other: bool = False) -> Painter:
    def paint() -> Image.Image:
        image = Image.fromarray((LESION + 2 * (OTHER & other)).astype(np.uint8)).convert("P")
        image.putpalette([value for entry in entries for value in entry])
        return image

    return paint


def smooth(painter: Painter) -> Painter:
    return lambda: painter().filter(ImageFilter.GaussianBlur(1))


def photograph() -> Image.Image:
    noise = np.random.default_rng(0).normal(0, 6, (SIDE, SIDE, 3))
    return Image.fromarray((np.where(LESION[..., None], (110, 70, 50), (220, 180, 160)) + noise).astype(np.uint8))


def overlay() -> Image.Image:
    edge = LESION ^ np.roll(LESION, 1, axis=0)
    return Image.fromarray(np.where(edge[..., None], (0, 255, 0), np.asarray(photograph())).astype(np.uint8))


def write(folder: Path, *painters: Painter, ending: str = "png") -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number}.{ending}" for number in range(len(painters))]
    for file, paint in zip(files, painters, strict=True):
        paint().save(file, **({"quality": 90} if ending == "jpg" else {}))
    return files


READ: dict[str, tuple[list[Painter], str, str]] = {
    # name: masks of one folder, of which the first marks LESION; their ending; a piece of what is said
    "0 and 255": ([grey(255)], "png", ""),
    "0 and 1": ([grey(1)], "png", ""),
    "0 and 2": ([grey(2)], "png", "hold 0 and 2; 2 is read as lesion"),
    "0 and 100": ([grey(100)], "png", "100 is read as lesion"),
    "1 and 2": ([grey(2, 1)], "png", "hold 1 and 2; 2 is read as lesion"),
    "1 and 2, one file of background": ([grey(2, 1), grey(1, 1)], "png", "2 is read as lesion"),
    "200 and 255": ([grey(255, 200)], "png", "255 is read as lesion"),
    "16 bits": ([grey(65535, dtype=np.uint16)], "png", ""),
    "1 in 16 bits": ([grey(1, dtype=np.uint16)], "png", ""),
    "12 bits in 16": ([grey(4095, dtype=np.uint16)], "png", "4095 is read as lesion"),
    "0.0 and 1.0": ([grey(1, dtype=np.float32)], "tif", ""),
    "one odd file among usual ones": ([grey(255), grey(255), grey(200, 30)], "png", ""),
    "JPEG": ([grey(255)], "jpg", ""),
    "JPEG of 0 and 100": ([grey(100)], "jpg", "around 0 and 100"),
    "smooth edges": ([smooth(grey(255))], "png", ""),
    "dark with smooth edges": ([smooth(grey(60))], "png", "around 0 and 60"),
    "red on black": ([colours(RED, BLACK)], "png", "#ff0000 is read as lesion, #000000 as background"),
    "red on black, one empty": ([colours(RED, BLACK), colours(BLACK, BLACK)], "png", "#ff0000 is read as lesion"),
    "red on white": ([colours(RED, WHITE)], "png", "#ff0000 is read as lesion, #ffffff as background"),
    "teal on red": ([colours(TEAL, RED)], "png", "#34d1b7 is read as lesion, #ff0000 as background"),
    "red with smooth edges": ([smooth(colours(RED, BLACK))], "png", "#ff0000"),
    "red JPEG": ([colours(RED, BLACK)], "jpg", "0000 is read as lesion"),
    "palette of black and dark red": ([palette([BLACK, DARK_RED])], "png", "#800000 is read as lesion"),
    "palette that shows nothing": ([palette([BLACK, BLACK])], "png", "1 is read as lesion"),
    "red on clear": ([colours((255, 0, 0, 255), (0, 0, 0, 0))], "png", "by their transparency"),
    "black on clear": ([colours((0, 0, 0, 255), (0, 0, 0, 0))], "png", "by their transparency"),
    "half opaque on clear": ([colours((0, 0, 0, 100), (255, 255, 255, 0))], "png", "by their transparency"),
    "white on black, opaque": ([colours((255, 255, 255, 255), (0, 0, 0, 255))], "png", ""),
}


@pytest.mark.parametrize("kind", READ)
def test_what_is_read_as_lesion(kind: str, tmp_path: Path) -> None:
    painters, ending, said = READ[kind]
    files = write(tmp_path, *painters, ending=ending)
    rule = MaskFolderRule(files)
    mask, _ = rule.mask(files[0])
    if "JPEG" in kind or "smooth" in kind:
        assert np.count_nonzero(mask ^ LESION) <= (60 if "JPEG" in kind else 4)  # a corner, and what the compression moves
    else:
        np.testing.assert_array_equal(mask, LESION)
    assert said in rule.rule.note
    assert bool(rule.rule.note) == bool(said)
    # The rule survives as plain values, by which a page reads the mask later.
    np.testing.assert_array_equal(MaskFolderRule.known(MaskRule.from_json(rule.rule.to_json())).mask(files[0])[0], mask)


REFUSED: dict[str, tuple[list[Painter], str, str]] = {
    "class numbers": ([grey(1, other=2)], "png", "hold 0, 1 and 2"),
    "class numbers, in one file of two": ([grey(1), grey(1, other=2)], "png", "hold 0, 1 and 2"),
    "other classes in other files": ([grey(1), grey(2)], "png", "hold 0, 1 and 2"),
    "0/1 and 0/255": ([grey(1), grey(255)], "png", "hold 0, 1 and 255"),
    "with an ignored border": ([grey(1, other=255)], "png", "hold 0, 1 and 255"),
    "three greys": ([grey(128, other=255)], "png", "hold 0, 128 and 255"),
    "dark greys": ([grey(38, other=75)], "png", "hold 0, 38 and 75"),
    "palette of three": ([palette([BLACK, DARK_RED, GREEN], other=True)], "png", "hold #000000, #800000, #008000"),
    "two colours on black": ([colours(RED, BLACK, TEAL)], "png", "hold #000000, #ff0000, #34d1b7"),
    "two reds on black": ([colours(RED, BLACK, DARK_RED)], "png", "hold #000000, #ff0000, #800000"),
    "photograph with an outline": ([overlay], "png", "as photographs or drawings on photographs do"),
    "grey photograph": ([lambda: photograph().convert("L")], "png", "as a photograph does"),
    "below zero": ([grey(-1, dtype=np.float32)], "tif", "outside of 0 to 65535"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused_with_the_values_named(kind: str, tmp_path: Path) -> None:
    painters, ending, said = REFUSED[kind]
    files = write(tmp_path / "masks", *painters, ending=ending)
    with pytest.raises(InputError) as refused:
        MaskFolderRule(files).mask(files[0])
    assert said.replace("hold ", "") in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("painter", "ending", "lesion"),
    [
        (grey(1, other=2), "png", "1"),
        (grey(2, other=1), "png", "2"),
        (grey(38, other=75), "png", "38"),
        (grey(38, other=120), "jpg", "38"),
        (grey(0, 255), "png", "0"),
        (grey(0, 255), "png", "black"),
        (palette([BLACK, DARK_RED, GREEN], other=True), "png", "1"),
        (palette([BLACK, DARK_RED, GREEN], other=True), "png", "#800000"),
        (colours(RED, BLACK, TEAL), "png", "red"),
        (colours(TEAL, BLACK, RED), "png", "34d1b7"),
        (colours(BLACK, WHITE), "png", "0"),
        (colours(WHITE, RED), "png", "white"),
    ],
)
def test_the_lesion_is_the_value_that_the_user_names(painter: Painter, ending: str, lesion: str, tmp_path: Path) -> None:
    (file,) = write(tmp_path, painter, ending=ending)
    mask, _ = MaskFolderRule([file], lesion).mask(file)
    assert np.count_nonzero(mask ^ LESION) <= (60 if ending == "jpg" else 0)


@pytest.mark.parametrize(
    ("painter", "lesion", "said"),
    [
        (grey(1, other=2), "3", "hold 0, 1 and 2, and no 3; name one of these"),
        (grey(255), "red", "not 'red'; name one of these"),
        (colours(RED, BLACK), "blue", "hold #000000, #ff0000, and nothing like 'blue'"),
        (colours(RED, BLACK), "lesion", "'lesion' is neither a number nor a colour"),
    ],
)
def test_a_named_lesion_that_is_not_there_is_refused(painter: Painter, lesion: str, said: str, tmp_path: Path) -> None:
    files = write(tmp_path / "masks", painter, painter)
    with pytest.raises(InputError, match=said):
        MaskFolderRule(files, lesion).mask(files[0])


@pytest.mark.parametrize(
    ("usual", "odd", "said"),
    [
        (grey(255), grey(1), r"holds 0 and 1; the masks beside it hold 0 and 255\."),
        (grey(255), grey(128, other=255), "holds 0, 128 and 255"),
        (grey(2), grey(3), "holds 0 and 3; the masks beside it hold 0 and 2"),
        (grey(255), photograph, "is a picture with colours; the masks beside it are grey"),
        (colours(RED, BLACK), colours(TEAL, BLACK), "holds .*; the masks beside it hold #ff0000, #000000"),
        (colours((0, 0, 0, 255), (0, 0, 0, 0)), grey(255), "has no transparency"),
    ],
)
def test_a_file_that_was_not_looked_at_is_held_to_the_rule(usual: Painter, odd: Painter, said: str, tmp_path: Path) -> None:
    files = write(tmp_path, *[usual] * 50, odd)
    assert MaskFolderRule(files).mask(files[0])[0].tolist() == LESION.tolist()
    with pytest.raises(InputError, match=rf"^50\.png {said}"):
        MaskFolderRule(files).mask(files[50])


def pair_of(folder: Path, photo: Image.Image, mask: Image.Image, **saved: object) -> Pair:
    photo.save(folder / "a.jpg", **saved)
    mask.save(folder / "a.png")
    return Pair("a", folder / "a.jpg", folder / "a.png", "train")


@pytest.mark.parametrize(
    ("size", "mask_size", "fitted"),
    [
        ((64, 48), (64, 48), ""),
        ((64, 48), (32, 24), "scaled"),
        ((160, 120), (159, 120), "scaled"),
        ((64, 48), (128, 96), "scaled"),
    ],
)
def test_a_mask_of_the_same_shape_is_scaled(
    size: tuple[int, int], mask_size: tuple[int, int], fitted: str, tmp_path: Path
) -> None:
    mask = np.zeros(mask_size[::-1], np.uint8)
    mask[:, : mask_size[0] // 2] = 255
    truth = read_truth(pair_of(tmp_path, Image.new("RGB", size), Image.fromarray(mask)))
    assert (truth.fitted, truth.mask.shape, truth.stored_size) == (fitted, size[::-1], mask_size)
    assert abs(truth.mask.mean() - 0.5) < 0.01


def test_a_mask_of_another_shape_is_refused(tmp_path: Path) -> None:
    pair = pair_of(tmp_path, Image.new("RGB", (64, 48)), Image.new("L", (48, 48)))
    with pytest.raises(InputError, match=r"a\.jpg and a\.png differ in size \(64 × 48 and 48 × 48 pixels\); export the mask"):
        read_truth(pair)


@pytest.mark.parametrize("drawn_on", ["as stored", "upright"])
def test_a_mask_is_turned_with_a_photograph_on_its_side_where_only_that_fits(drawn_on: str, tmp_path: Path) -> None:
    upright = np.zeros((64, 48), np.uint8)
    upright[:10, :20] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # stored after a quarter turn to the left
    mask = np.rot90(upright) if drawn_on == "as stored" else upright
    pair = pair_of(tmp_path, Image.new("RGB", (64, 48)), Image.fromarray(np.ascontiguousarray(mask)), exif=exif)
    truth = read_truth(pair)
    assert truth.fitted == ("turned" if drawn_on == "as stored" else "")
    np.testing.assert_array_equal(truth.mask, upright > 0)
    assert [problem.kind for problem in load_pair(pair, 32).problems] == (["turned mask"] if drawn_on == "as stored" else [])


def folder_of(folder: Path, *painters: Painter) -> Path:
    make_dataset(folder, layout="flat", size=(SIDE, SIDE), train=len(painters))
    for mask, paint in zip(sorted((folder / "masks").iterdir()), painters, strict=True):
        paint().save(mask)
    return folder


@pytest.mark.parametrize(
    ("painter", "kind", "said"),
    [
        (grey(0), "no lesion", "marks no lesion"),
        (lambda: Image.new("L", (SIDE, SIDE), 255), "full mask", "marks 100% of the photograph"),
        (grey(0, 255), "marked corners", "marks all four corners and may be inverted"),
    ],
)
def test_doubtful_masks_are_warned_of(painter: Painter, kind: str, said: str, tmp_path: Path) -> None:
    problems = scan_dataset(open_dataset(folder_of(tmp_path, grey(255), painter, grey(255)))).problems
    assert [(problem.kind, problem.is_error) for problem in problems] == [(kind, False)]
    assert said in problems[0].message


def test_nothing_trains_on_nothing(tmp_path: Path) -> None:
    dataset = open_dataset(folder_of(tmp_path, *[grey(0)] * 4))
    problems = scan_dataset(dataset).problems
    assert [problem.kind for problem in problems if problem.is_error] == ["nothing to train on"]
    with pytest.raises(InputError, match="None of the 3 masks that were read for training marks a lesion"):
        prepare(dataset, tiny_config(), lambda *_: None)


def test_what_cannot_be_split_is_refused_by_the_check_too(tmp_path: Path) -> None:
    kinds = {
        count: [
            problem.kind
            for problem in scan_dataset(open_dataset(folder_of(tmp_path / str(count), *[grey(255)] * count))).problems
        ]
        for count in (1, 2, 3)
    }
    assert kinds == {1: ["nothing to train on"], 2: [], 3: []}


@pytest.mark.parametrize("kind", [*READ, *REFUSED])
def test_masks_scored_against_themselves_agree_or_are_refused(kind: str, tmp_path: Path) -> None:
    painters, ending, _ = {**READ, **REFUSED}[kind]
    write(tmp_path / "masks", *painters, ending=ending)
    (tmp_path / "images").mkdir()
    for number in range(len(painters)):
        Image.new("RGB", (SIDE, SIDE)).save(tmp_path / "images" / f"{number}.png")
    pairs = open_dataset(tmp_path).pairs
    try:
        scores = evaluate(open_predicted_masks(tmp_path / "masks", pairs), pairs)
    except InputError:
        assert kind in REFUSED
    else:
        assert scores.means["iou"] == 1
        assert kind in READ


EXPECTED = {
    "mask_classes_1_2": {"unclear mask"},
    "mask_classes_1_2_mixed": {"unclear mask"},
    "mask_dark_grey_levels": {"unclear mask"},
    "palette_three_classes": {"unclear mask"},
    "cvat_rgb_two_labels": {"unclear mask"},
    "rgb_overlay_photo": {"unclear mask"},
    "mask_jpeg_0_1": {"mask values"},
    "mask_value_100": {"mask values"},
    "mask_value_2": {"mask values"},
    "rgb_red_antialiased": {"mask values"},
    "rgb_red_jpeg": {"mask values"},
    "rgba_black_on_clear": {"mask values"},
    "rgba_red_on_clear": {"mask values"},
    "mask_inverted": {"marked corners"},
    "masks_all_full": {"full mask"},
    "mask_one_pixel_off": {"other size"},
    "mask_other_size": {"other size"},
    "photo_exif_6_mask_as_stored": {"turned mask"},
    "photo_truncated": {"unreadable"},
    "photo_16_bit_grey": set(),
    "end_jfif": set(),
    "end_jfif_some": set(),
}


@pytest.mark.skipif(not CASES.is_dir(), reason="the cases (../shared/cases) are not here")
def test_the_cases_of_people() -> None:
    found = {name: scan_dataset(open_dataset(CASES / name)) for name in EXPECTED}
    assert {name: {problem.kind for problem in scan.problems} for name, scan in found.items()} == EXPECTED
    # All of these have the same lesions.
    areas = found["photo_16_bit_grey"].areas
    same = ("mask_value_2", "mask_value_100", "rgba_black_on_clear", "rgba_red_on_clear", "end_jfif")
    for name in same:
        np.testing.assert_array_equal(found[name].areas, areas)
    for name in ("mask_jpeg_0_1", "rgb_red_antialiased", "rgb_red_jpeg", "mask_other_size", "mask_one_pixel_off"):
        np.testing.assert_allclose(found[name].areas, areas, atol=0.01)
    np.testing.assert_allclose(found["mask_inverted"].areas, 1 - areas)
    for name, lesion in (("mask_classes_1_2", "1"), ("palette_three_classes", "1"), ("cvat_rgb_two_labels", "#fa3253")):
        np.testing.assert_array_equal(scan_dataset(open_dataset(CASES / name, lesion=lesion)).areas, areas)
