"""Colours, light, noise and sharpness of photographs in training, held against torchvision and values by hand."""

from __future__ import annotations

from collections.abc import Iterator
from colorsys import rgb_to_hsv

import pytest
import torch
from torchvision.transforms.v2 import functional as theirs

from seg_core.data.image import MEAN, STD
from seg_core.network.normalisation import to_uint8
from seg_core.training import appearance
from seg_core.training.part import Part

SHARES = ("SHADE_SHARE", "VIGNETTE_SHARE", "NOISE_SHARE", "SOFT_SHARE")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Values that stand in for what is drawn from ranges, in order; all have to be used."""
    values: list[float] = []

    def next_value(shape: int | tuple[int, ...], low: float, high: float) -> torch.Tensor:
        return torch.full((shape,) if isinstance(shape, int) else shape, values.pop(0))

    monkeypatch.setattr(appearance, "uniform", next_value)
    yield values
    assert not values


def recoloured(photos: torch.Tensor) -> torch.Tensor:
    """Return photographs (B, 3, S, S) in [0, 1] after colour jitter, without the normalisation."""
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    return appearance.jitter_colours(photos * 255, 0.2, Part.whole(len(photos))) * std + mean


def test_brightness_contrast_and_saturation_are_torchvisions(drawn: list[float]) -> None:
    torch.manual_seed(0)
    photos = 0.3 + 0.4 * torch.rand(2, 3, 16, 16)  # nothing that would be clipped on the way
    drawn += [1.1, 0.85, 1.15, 0]
    expected = theirs.adjust_saturation(theirs.adjust_contrast(theirs.adjust_brightness(photos, 1.1), 0.85), 1.15)
    assert torch.allclose(recoloured(photos), expected, atol=1e-3)


def test_a_change_of_hue_keeps_greys_and_brightness_and_turns_as_torchvision_does(drawn: list[float]) -> None:
    skin = torch.tensor([0.7, 0.5, 0.4])[None, :, None, None].expand(1, 3, 4, 4)
    grey = torch.full((1, 3, 4, 4), 0.5)
    drawn += [1, 1, 1, 0.02] * 2
    moved, same = recoloured(skin), recoloured(grey)
    assert torch.allclose(same, grey, atol=1e-3)
    luma = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    assert torch.allclose((moved * luma).sum(1), (skin * luma).sum(1), atol=1e-4)
    hues = [rgb_to_hsv(*photos[0, :, 0, 0].tolist())[0] for photos in (skin, moved, theirs.adjust_hue(skin, 0.02))]
    assert hues[1] - hues[0] == pytest.approx(0.02, abs=0.002)
    assert hues[2] - hues[0] == pytest.approx(0.02, abs=0.002)


def test_some_photographs_lose_detail_and_no_light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appearance, "uniform", lambda shape, low, high: torch.full((shape,), low))  # as much as can be
    torch.manual_seed(0)
    fine = torch.arange(64).bitwise_xor(torch.arange(64)[:, None]).bitwise_and(1) * 255.0  # a chessboard of pixels
    photos = fine.expand(400, 3, 64, 64).clone()
    appearance.blur(photos, Part.whole(len(photos)))
    softened = photos[(photos != fine).flatten(1).any(dim=1)]
    assert 22 < len(softened) < 58  # a tenth, within three standard deviations
    assert softened.std() < 0.5 * fine.std()
    torch.testing.assert_close(softened.mean(), fine.mean(), atol=1, rtol=0)


def test_colours_are_jittered_a_little() -> None:
    torch.manual_seed(0)
    means = to_uint8(appearance.jitter_colours(torch.full((40, 3, 8, 8), 128.0), 0.2, Part.whole(40))).float().mean(dim=(1, 2, 3))
    assert 100 < means.min() < 110 < 145 < means.max() < 156  # 128 × 0.8 and 128 × 1.2 at most


def changed(photos: torch.Tensor, monkeypatch: pytest.MonkeyPatch, share: str = "") -> torch.Tensor:
    """Return photographs after `change_light`, of whose parts for some photographs one happens to all, or none."""
    for each in SHARES:
        monkeypatch.setattr(appearance, each, 1.0 if each == share else 0.0)
    photos = photos.clone()
    appearance.change_light(photos, Part.whole(len(photos)))
    return photos


def test_white_balance_and_gamma(drawn: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    drawn += [0.1, 0.2]  # logarithms
    grey = changed(torch.full((2, 3, 4, 4), 100.0), monkeypatch)
    factor, power = 2.718281828**0.1, 2.718281828**0.2
    assert grey[0, 0, 0, 0].item() == pytest.approx(255 * (100 * factor / 255) ** power, rel=1e-4)
    drawn += [0, 0]
    ramp = torch.linspace(0, 255, 48).view(1, 3, 4, 4)
    torch.testing.assert_close(changed(ramp, monkeypatch), ramp, atol=1e-3, rtol=0)


def test_light_comes_from_one_side(drawn: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    drawn += [0, 0, 0, 0.4]  # from the right
    row = changed(torch.full((1, 3, 5, 5), 100.0), monkeypatch, "SHADE_SHARE")[0, 0, 2]
    assert row.tolist() == pytest.approx([60, 80, 100, 120, 140], abs=0.01)


def test_corners_are_dark(drawn: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    drawn += [0, 0, 1.2, 0.1]
    dark = changed(torch.full((1, 3, 65, 65), 200.0), monkeypatch, "VIGNETTE_SHARE")[0, 0]
    assert dark[32, 32] > 199
    assert dark[32, 0] > 199  # the edge's middle is at a radius of 1
    assert dark[0, 0] < 1  # a corner at 1.41


def test_noise_has_the_deviation_that_is_drawn(drawn: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    drawn += [0, 0, 8]
    noisy = changed(torch.full((4, 3, 64, 64), 128.0), monkeypatch, "NOISE_SHARE")
    assert noisy.std().item() == pytest.approx(8, rel=0.05)
    assert noisy.mean().item() == pytest.approx(128, abs=0.3)


def test_a_photograph_out_of_focus_is_blurred_by_a_gaussian(drawn: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    photos = torch.rand(2, 3, 24, 24) * 255
    drawn += [0, 0, 1.2]
    found = changed(photos, monkeypatch, "SOFT_SHARE")
    expected = theirs.gaussian_blur(photos, [9, 9], [1.2, 1.2])
    torch.testing.assert_close(found[..., 5:-5, 5:-5], expected[..., 5:-5, 5:-5], atol=0.02, rtol=0)


def test_values_stay_in_range_and_only_some_photographs_get_each_change() -> None:
    torch.manual_seed(0)
    photos = torch.full((400, 3, 16, 16), 250.0)
    appearance.change_light(photos, Part.whole(len(photos)))
    assert photos.min() >= 0
    assert photos.max() <= 255
    flat = (photos.amax(dim=(2, 3)) - photos.amin(dim=(2, 3)) < 0.5).all(dim=1).float().mean().item()
    assert 0.5 * 0.85 * 0.7 - 0.08 < flat < 0.5 * 0.85 * 0.7 + 0.2  # neither shade, nor corners, nor noise; bright ones are cut
