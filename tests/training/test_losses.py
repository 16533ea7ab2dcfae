"""The loss functions, against values worked out by hand."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch

from seg_core.config import Config
from seg_core.training.losses import LOSSES, bce, bce_dice, bce_lovasz, lovasz, soft_dice


def masks(*images: list[list[int]]) -> torch.Tensor:
    return torch.tensor(images, dtype=torch.float32)[:, None]


HALF = masks([[1, 1], [0, 0]])


def test_bce_of_an_undecided_model_is_ln_2() -> None:
    assert bce(torch.zeros(1, 1, 2, 2), HALF).item() == pytest.approx(math.log(2))


def test_bce_by_hand() -> None:
    # Three pixels right and one wrong, all at probability 0.9: mean of 3 × -ln 0.9 and -ln 0.1.
    logits = torch.tensor([[[[1.0, 1.0], [-1.0, 1.0]]]]) * math.log(9)
    assert bce(logits, HALF).item() == pytest.approx((-3 * math.log(0.9) - math.log(0.1)) / 4)


def test_bce_of_a_confident_wrong_model_stays_finite() -> None:
    logits = torch.full((1, 1, 2, 2), -1e4, requires_grad=True)
    loss = bce_dice(logits, HALF)
    loss.backward()  # type: ignore[no-untyped-call]
    assert math.isfinite(loss.item())
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_soft_dice_of_a_perfect_model_is_0() -> None:
    certain = (HALF - 0.5) * 200
    assert soft_dice(certain, HALF).item() == pytest.approx(0, abs=1e-6)


def test_soft_dice_of_nothing_predicted_and_nothing_there_is_0() -> None:
    assert soft_dice(torch.full((1, 1, 2, 2), -100.0), torch.zeros(1, 1, 2, 2)).item() == pytest.approx(0, abs=1e-6)


def test_soft_dice_by_hand() -> None:
    # Probability 1/2 on 4 pixels, 2 of them lesion: 1 - (2·1 + 1) / (2 + 2 + 1).
    assert soft_dice(torch.zeros(1, 1, 2, 2), HALF).item() == pytest.approx(2 / 5)


def test_soft_dice_is_averaged_over_images_and_not_over_pixels() -> None:
    # The first image alone 2/5; the second has 1 pixel of lesion: 1 - (2·0.5 + 1) / (2 + 1 + 1) = 1/2.
    both = torch.cat([HALF, masks([[1, 0], [0, 0]])])
    assert soft_dice(torch.zeros(2, 1, 2, 2), both).item() == pytest.approx((2 / 5 + 1 / 2) / 2)


def test_bce_dice_is_the_sum() -> None:
    assert bce_dice(torch.zeros(1, 1, 2, 2), HALF).item() == pytest.approx(math.log(2) + 2 / 5)


@pytest.mark.parametrize(
    ("predicted", "iou"), [([[1, 1], [0, 0]], 1), ([[1, 0], [1, 0]], 1 / 3), ([[0, 0], [1, 1]], 0), ([[1, 1], [1, 1]], 1 / 2)]
)
def test_lovasz_of_a_certain_model_is_what_its_mask_lacks_in_iou(predicted: list[list[int]], iou: float) -> None:
    assert lovasz((masks(predicted) - 0.5) * 200, HALF).item() == pytest.approx(1 - iou, abs=1e-6)


def test_lovasz_by_hand() -> None:
    # Probabilities 0.9, 0.4 on the lesion and 0.3, 0.2 beside it: errors 0.6, 0.3, 0.2, 0.1 in this order. With the first of them
    # wrong, the IoU is 1/2; with the skin pixels too 1/3 and 1/4; with all four 0.
    logits = torch.logit(torch.tensor([[[[0.9, 0.4], [0.3, 0.2]]]]))
    expected = 0.6 * 1 / 2 + 0.3 * (1 / 2 - 1 / 3) + 0.2 * (1 / 3 - 1 / 4) + 0.1 * 1 / 4
    assert lovasz(logits, HALF).item() == pytest.approx(expected)


def test_lovasz_is_averaged_over_images_and_without_lesion_it_is_the_highest_probability() -> None:
    both = torch.cat([HALF, masks([[0, 0], [0, 0]])])
    logits = torch.cat([(HALF - 0.5) * 200, torch.logit(torch.tensor([[[[0.1, 0.7], [0.2, 0.3]]]]))])
    assert lovasz(logits, both).item() == pytest.approx((0 + 0.7) / 2, abs=1e-6)


def test_bce_lovasz_is_the_sum_and_has_a_gradient_everywhere() -> None:
    large = HALF.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    logits = torch.zeros(1, 1, 4, 4, requires_grad=True)
    loss = bce_lovasz(logits, large)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(math.log(2) + 1 / 2)  # all errors are 1/2, and all wrong is an IoU of 0
    assert logits.grad is not None
    assert (logits.grad.abs() > 0).all()


def test_bce_lovasz_looks_at_every_other_pixel_for_the_iou() -> None:
    large = HALF.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    logits = torch.randn(1, 1, 4, 4, generator=torch.manual_seed(0))
    expected = bce(logits, large) + lovasz(logits[:, :, ::2, ::2], HALF)
    assert bce_lovasz(logits, large).item() == pytest.approx(expected.item())


def test_there_is_a_loss_for_each_name_that_a_config_takes() -> None:
    assert set(LOSSES) == set(get_args(Config.model_fields["loss"].annotation))
