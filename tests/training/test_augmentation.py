"""Augmentation: photographs and masks move together, by torch's seed, and evaluation changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import get_args

import numpy as np
import pytest
import torch
from torchvision.models import MobileNet_V2_Weights
from torchvision.transforms.v2 import functional as theirs

from seg_core.config import Config
from seg_core.data.image import MEAN, STD
from seg_core.network.normalisation import normalise, to_uint8
from seg_core.training import appearance
from seg_core.training import augmentation as augmentation_module
from seg_core.training.augmentation import AUGMENTATIONS, Augment, plain
from seg_core.training.part import Part
from tests.helpers import lesion

NAMES = tuple(AUGMENTATIONS)


def augment(augmentation: str) -> Augment:
    return Augment(Config.of("best", augmentation=augmentation, image_size=64))


def batch(*pairs: tuple[np.ndarray, np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Photographs and boolean masks as the cache gives them."""
    photos, masks = zip(*pairs, strict=True)
    return torch.from_numpy(np.stack(photos)), torch.from_numpy(np.stack(masks).astype(np.uint8) * 255)


def test_there_is_an_augmentation_for_each_name_that_a_config_takes() -> None:
    assert set(NAMES) == set(get_args(Config.model_fields["augmentation"].annotation))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Values that stand in for what is drawn from ranges, in order; all have to be used."""
    values: list[float] = []

    def next_value(shape: int | tuple[int, ...], low: float, high: float) -> torch.Tensor:
        return torch.full((shape,) if isinstance(shape, int) else shape, values.pop(0))

    for module in (augmentation_module, appearance):
        monkeypatch.setattr(module, "uniform", next_value)
    yield values
    assert not values


@pytest.mark.parametrize("augmentation", NAMES)
def test_photograph_and_mask_are_augmented_together(augmentation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmentation_module, "BARE_SKIN_SHARE", 0)  # one empty mask is like another
    # The photograph shows its own mask: after any turn, flip and crop, what is bright in it is what the mask says.
    _, mask = lesion((64, 64), seed=3)
    mask[:24, :24] = True  # no symmetry left
    shown = np.repeat(mask[..., None].astype(np.uint8) * 255, 3, axis=2)
    torch.manual_seed(0)
    photos, truths = augment(augmentation)(*batch(*[(shown, mask)] * 20))
    bright = to_uint8(photos).float().mean(dim=-1) >= 110
    # Only along the edges may they differ, where both are interpolated and only the mask is cut.
    assert ((bright == (truths[:, 0] > 0)).float().mean(dim=(1, 2)) > 0.97).all()
    assert not any(torch.equal(truth[0] > 0, torch.from_numpy(mask)) for truth in truths)
    assert len({tuple(truth.flatten().tolist()) for truth in truths}) == 20  # each drawn for itself


@pytest.mark.parametrize("augmentation", NAMES)
def test_masks_stay_binary_and_everything_has_the_shape_that_the_model_takes(augmentation: str) -> None:
    torch.manual_seed(1)
    for prepare in (augment(augmentation), plain):
        images, truths = prepare(*batch(lesion((64, 64), seed=1), lesion((64, 64), seed=2)))
        assert (images.shape, images.dtype) == ((2, 3, 64, 64), torch.float32)
        assert (truths.shape, truths.dtype) == ((2, 1, 64, 64), torch.float32)
        assert set(truths.flatten().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("augmentation", NAMES)
def test_torchs_seed_decides(augmentation: str) -> None:
    def of(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return torch.cat(augment(augmentation)(*batch(lesion((64, 64), seed=1))), dim=1)

    assert torch.equal(of(5), of(5))
    assert not torch.equal(of(5), of(6))


def without_crop_and_turn(drawn: list[float], augmentation: str, squares: torch.Tensor) -> torch.Tensor:
    """Return squares (B, S, S) changed by mirror images and quarter turns alone."""
    drawn += [1, 0, 0]  # all of the area, no stretch, the middle
    drawn += [0]  # no turn
    drawn += [1, 0, 1] if augmentation == "standard" else []  # no squares of bare skin, no loss of detail
    drawn += [1, 1, 1, 0]  # the colours as they are
    photos = squares[..., None].expand(-1, -1, -1, 3)
    return to_uint8(augment(augmentation)(photos, squares)[0])[..., 0]


@pytest.mark.parametrize(("augmentation", "symmetries"), [("report", 2), ("standard", 8)])
def test_mirror_images_and_quarter_turns_move_pixels_and_are_equally_likely(
    augmentation: str, symmetries: int, drawn: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(augmentation_module, "BARE_SKIN_SHARE", 0)
    monkeypatch.setattr(appearance, "BLUR_SHARE", 0)
    square = torch.arange(1, 65, dtype=torch.uint8).view(1, 8, 8) * 3
    torch.manual_seed(0)
    found = Counter(tuple(one.flatten().tolist()) for one in without_crop_and_turn(drawn, augmentation, square.repeat(800, 1, 1)))
    turned = [torch.rot90(one, turns, (1, 2)) for turns in range(4) for one in (square, square.flip(2))]
    assert set(found) == {tuple(one.flatten().tolist()) for one in turned[:symmetries]}
    expected = 800 / symmetries
    spread = 4 * (800 / symmetries * (1 - 1 / symmetries)) ** 0.5  # four standard deviations
    assert all(abs(count - expected) <= spread for count in found.values())


def test_a_turn_and_a_crop_are_torchvisions(drawn: list[float]) -> None:
    photo, mask = lesion((64, 64), seed=3)
    images, masks = batch((photo, mask))
    torch.manual_seed(1)  # no mirror image
    assert torch.rand(1) >= 0.5
    torch.manual_seed(1)
    drawn += [1, 0, 0, np.radians(10), 1, 1, 1, 0]
    turned = to_uint8(augment("report")(images, masks)[0])[0].permute(2, 0, 1).float()
    expected = theirs.rotate(images[0].permute(2, 0, 1), 10, interpolation=theirs.InterpolationMode.BILINEAR).float()
    inside = theirs.rotate(torch.ones(1, 64, 64), 10)[0] > 0
    assert (turned - expected)[:, inside].abs().mean() < 1

    torch.manual_seed(1)
    drawn += [0.5625, 0, 1, 0, 1, 1, 1, 0]  # three quarters of each side, as far right and down as can be
    cropped = to_uint8(augment("report")(images, masks)[0])[0].permute(2, 0, 1).float()
    expected = theirs.resized_crop(images[0].permute(2, 0, 1), 16, 16, 48, 48, [64, 64]).float()
    assert (cropped - expected).abs().mean() < 1


def test_crops_keep_between_60_and_100_percent_of_the_area_and_stay_within_the_photograph() -> None:
    torch.manual_seed(0)
    planes = augmentation_module._turn_and_mirror(*augmentation_module._draw_crops(2000, far=False), quarter_turns=False)
    sizes = planes[:, :, :2].norm(dim=2)  # the rows of a turned and mirrored unit square, stretched
    area, stretch = sizes.prod(dim=1), sizes[:, 0] / sizes[:, 1]
    assert 0.6 <= area.min() < 0.61 < 0.99 < area.max() <= 1.0001
    assert 3 / 4 - 1e-4 <= stretch.min() < 0.8 < 1.25 < stretch.max() <= 4 / 3 + 1e-4
    assert (planes[:, :, 2].abs() + sizes <= 1 + 1e-5).all()


def corner_lesions(count: int) -> torch.Tensor:
    """Masks (count, 64, 64) whose lesion is all but the upper left quarter."""
    masks = torch.full((count, 64, 64), 255, dtype=torch.uint8)
    masks[:, :32, :32] = 0
    return masks


def test_some_of_the_photographs_give_a_square_without_lesion() -> None:
    torch.manual_seed(0)
    chosen = torch.arange(0, 2000, 16)
    photos, middle, half = augmentation_module._draw_bare_squares(corner_lesions(2000), chosen)
    assert set(photos.tolist()) <= set(chosen.tolist())
    assert 100 < len(photos) == len(set(photos.tolist()))  # nearly all find a square
    pixels = half * 64 + 1  # from the middle of the first pixel to that of the last is one less than there are
    assert ((pixels[:, 0] - pixels[:, 1]).abs() <= 1).all()  # edges are rounded to pixels
    assert 9 <= pixels.min() < 11 < 26 < pixels.max() <= 32
    assert (middle - half >= -1 + 1 / 64 - 1e-6).all()
    assert (middle + half <= -1 / 64 + 1e-6).all()  # the middle of the last pixel of the upper left quarter


def test_where_all_is_lesion_there_is_no_square_without() -> None:
    masks = torch.full((200, 64, 64), 255, dtype=torch.uint8)
    assert len(augmentation_module._draw_bare_squares(masks, torch.arange(200))[0]) == 0


def test_bare_skin_is_shown_over_and_over_without_lesion_and_in_detail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmentation_module, "BARE_SKIN_SHARE", 1)
    torch.manual_seed(0)
    masks = corner_lesions(200)
    places = torch.nn.functional.affine_grid(torch.eye(2, 3).repeat(200, 1, 1), [200, 1, 64, 64], align_corners=False)
    straight = places[0].clone()
    augmentation_module._fold_onto_bare_skin(places, masks, Part.whole(200))
    folded = places[(places != straight).any(dim=-1).flatten(1).any(dim=1)]
    assert len(folded) > 150  # some find no square
    assert (folded >= -1 + 1 / 64 - 1e-6).all()
    assert (folded <= -1 / 64 + 1e-6).all()  # nowhere is lesion
    steps = (folded[:, 32, 1:, 0] - folded[:, 32, :-1, 0]).abs().amax(dim=1) * 32  # pixels from one place to the next
    assert 8 / 64 - 1e-4 <= steps.min() < 0.3  # a square has 9 pixels at least
    assert 0.9 < steps.max() <= 1 + 1e-4
    turns = ((folded[:, 32, 1:, 0] - folded[:, 32, :-1, 0]).sign().diff(dim=1) != 0).sum(dim=1)
    assert turns.min() <= 2
    assert turns.max() >= 4


@pytest.mark.parametrize(("augmentation", "some"), [("report", False), ("standard", True), ("strong", True)])
def test_what_the_model_learns_from_has_bare_skin_but_not_in_report(augmentation: str, some: bool) -> None:
    _, mask = lesion((64, 64), seed=3)
    torch.manual_seed(0)
    _, truths = augment(augmentation)(*batch(*[(np.repeat(mask[..., None].astype(np.uint8), 3, axis=2), mask)] * 100))
    assert (truths.sum(dim=(1, 2, 3)) == 0).any().item() is some


def test_far_crops_have_half_to_twice_the_area_and_hold_what_fits() -> None:
    torch.manual_seed(0)
    half, centre = augmentation_module._draw_crops(4000, far=True)
    area = half.prod(dim=1)
    assert 0.5 <= area.min() < 0.51 < 1.95 < area.max() <= 2.0001
    assert 0.45 < (area > 1).float().mean() < 0.55  # half and twice are equally likely
    assert (centre.abs() <= (1 - half).abs() + 1e-6).all()  # the photograph in the crop, or the crop in the photograph


def test_beyond_the_edge_is_skin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(augmentation_module, "BARE_SKIN_SHARE", 0)
    monkeypatch.setattr(augmentation_module, "FAR_AREA", (2.0, 2.0))
    monkeypatch.setattr(augmentation_module, "change_light", lambda photos, part: None)
    monkeypatch.setattr(appearance, "BLUR_SHARE", 0)
    mask = np.zeros((64, 64), bool)
    mask[:, :32] = True  # the lesion is cut by three edges; mirrored there, it would go on
    photo = np.where(mask[..., None], 40, 200).astype(np.uint8).repeat(3, axis=2)
    monkeypatch.setattr(augmentation_module, "jitter_colours", lambda photos, jitter, part: photos)
    torch.manual_seed(0)
    photos, truths = augment("strong")(*batch(*[(photo, mask)] * 40))
    dark = (photos[:, 0] < 120).float()
    assert ((dark == truths[:, 0]).float().mean(dim=(1, 2)) > 0.98).all()
    assert (truths.mean(dim=(1, 2, 3)) - 0.25).abs().max() < 0.06  # half of the photograph, which is half of the frame
    assert photos.amin() >= 39  # nothing is black


def test_without_bare_skin_the_photograph_is_mirrored_at_its_edge() -> None:
    masks = torch.full((1, 64, 64), 255, dtype=torch.uint8)
    grid = torch.tensor([[[[-1.5, 0.0], [0.25, 0.5], [1.25, -3.5]]]])
    augmentation_module._put_skin_beyond_the_edge(grid, masks, Part.whole(1))
    assert torch.allclose(grid, torch.tensor([[[[-0.5, 0.0], [0.25, 0.5], [0.75, 0.5]]]]))


def test_evaluation_only_normalises() -> None:
    photo, mask = lesion((64, 64), seed=2)
    images, truths = plain(*batch((photo, mask)))
    expected = (photo / 255 - np.array(MEAN)) / np.array(STD)
    np.testing.assert_allclose(images[0].permute(1, 2, 0).numpy(), expected, atol=1e-5)
    assert torch.equal(images, normalise(torch.from_numpy(photo)[None]))
    np.testing.assert_array_equal(truths[0, 0].numpy(), mask)


def test_normalisation_is_the_one_that_the_encoders_weights_expect() -> None:
    expected = MobileNet_V2_Weights.IMAGENET1K_V1.transforms()
    assert (list(MEAN), list(STD)) == (expected.mean, expected.std)


def test_normalised_photographs_come_back_to_be_looked_at() -> None:
    photos, _ = batch(lesion((64, 64), seed=2))
    assert torch.equal(to_uint8(normalise(photos)), photos)


def test_what_comes_from_the_cache_is_never_written_to() -> None:
    photos, masks = batch(lesion((64, 64), seed=2))
    before = photos.clone(), masks.clone()
    torch.manual_seed(0)
    for augmentation in ("standard", "strong"):
        augment(augmentation)(photos, masks)
    plain(photos, masks)
    assert torch.equal(photos, before[0])
    assert torch.equal(masks, before[1])
