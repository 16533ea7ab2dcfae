"""Augmentation of photographs and masks, a whole batch at a time, on the device that trains.

A crop, a mirror image and turns are all affine, so they are multiplied to one map of the plane and each pixel is looked up once.
Brightness, contrast, saturation and hue are likewise one affine map of red, green and blue.

Coordinates are those of torch's ``grid_sample``: the photograph is the square [-1, 1]², x before y. A *grid* (B, S, S, 2) holds
for each pixel of the result the place in the photograph that it shows.

To add a kind of augmentation, add it to `AUGMENTATIONS` and its name to ``Config.augmentation``. The order of random draws is
part of the recipes: a new step draws only where its kind asks for it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch.nn import functional as F

from seg_core.config import Config
from seg_core.data.image import MEAN, STD
from seg_core.network.normalisation import normalise


class Steps(NamedTuple):
    """Steps of a kind of augmentation, in addition to crops, mirror images, small turns and colour jitter."""

    quarter_turns: bool = False
    bare_skin: bool = False
    blur: bool = False


AUGMENTATIONS: dict[str, Steps] = {"report": Steps(), "standard": Steps(quarter_turns=True, bare_skin=True, blur=True)}
"""The steps of each name that ``Config.augmentation`` takes."""

# The student report names its kinds of augmentation but no ranges; these are assumed (docs/report.md).
MIN_CROP_AREA = 0.6
"""Smallest share of the photograph that a crop keeps."""
MAX_STRETCH = 4 / 3
"""Largest ratio of a crop's width to its height, and of its height to its width, before both become the side of the square."""
MAX_TURN = math.radians(20)
COLOUR_JITTER = 0.2
"""Brightness, contrast and saturation are multiplied by a factor within 1 ± this."""
HUE_JITTER = 0.02
"""Largest shift of the hue, as a share of the colour circle."""

BARE_SKIN_SHARE = 0.06
"""Share of the photographs that show only a square without lesion, where there is one, so that models learn to mark nothing."""
BARE_SKIN_SIDE = (0.15, 0.5)
"""Smallest and largest side of such a square, as a share of the photograph's."""
BARE_SKIN_TRIES = 64
"""Squares drawn in search of one without lesion."""
BLUR_SHARE = 0.1
"""Share of the photographs that lose fine detail, as if they had been stored smaller."""
BLUR_MIN_SIDE = 0.4
"""Smallest side that these are shrunk to before they are enlarged again, as a share of the photograph's."""

_GREY = torch.tensor([0.299, 0.587, 0.114])  # luma (ITU-R BT.601)
# RGB to YIQ: luma, and the plane of the colours, in which a change of hue is a turn (NTSC, 1953).
_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])


class Augment:
    """Augments photographs and their masks alike, then normalises the photographs. Draws from torch's global random numbers."""

    def __init__(self, config: Config) -> None:
        self.steps = AUGMENTATIONS[config.augmentation]

    def __call__(self, images: torch.Tensor, masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Augment a batch.

        Args:
            images: (B, S, S, 3) uint8.
            masks: (B, S, S) uint8, 0 and 255.

        Returns:
            Normalised photographs (B, 3, S, S) and masks (B, 1, S, S) of 0 and 1, both float32. Places that a turn brings in
            from beyond a photograph's edge are black and no lesion.
        """
        maps = _turn_and_mirror(*_draw_crops(len(images)), quarter_turns=self.steps.quarter_turns).to(images.device)
        grid = F.affine_grid(maps, [len(images), 4, *masks.shape[1:]], align_corners=False)
        if self.steps.bare_skin:
            _fold_onto_bare_skin(grid, masks)
        stacked = torch.cat([images, masks[..., None]], dim=3).permute(0, 3, 1, 2).float().contiguous()
        sampled = F.grid_sample(stacked, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        photos, truths = sampled[:, :3], sampled[:, 3:] >= 127.5
        if self.steps.blur:
            _blur(photos)
        return _jitter_colours(photos), truths.float()


def plain(images: torch.Tensor, masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Prepare a batch for validation: as `Augment.__call__`, without augmentation."""
    return normalise(images), (masks[:, None] > 127).float()


def _draw_crops(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw the half sizes (B, 2) and centres (B, 2) of crops."""
    area = _uniform(count, MIN_CROP_AREA, 1)
    # As `torchvision.transforms.v2.RandomResizedCrop`, but shapes that do not fit are never drawn.
    stretch = torch.exp(_uniform(count, -1, 1) * torch.minimum(torch.tensor(math.log(MAX_STRETCH)), -area.log()))
    half = torch.stack([(area * stretch).sqrt(), (area / stretch).sqrt()], dim=1)
    return half, (1 - half) * _uniform((count, 2), -1, 1)


def _turn_and_mirror(half: torch.Tensor, centre: torch.Tensor, *, quarter_turns: bool) -> torch.Tensor:
    """Return affine maps (B, 2, 3) from the result to crops, turned and mirrored at random.

    Args:
        half: half sizes of the crops, (B, 2).
        centre: their centres, (B, 2).
        quarter_turns: add 0, 90, 180 or 270 degrees to the small turn.
    """
    count = len(half)
    angle = _uniform(count, -MAX_TURN, MAX_TURN)
    mirror = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    if quarter_turns:  # with the mirror image, all eight symmetries of a square are equally likely
        angle = angle + torch.randint(4, (count,)) * (math.pi / 2)
    turn = torch.stack([mirror * angle.cos(), -angle.sin(), mirror * angle.sin(), angle.cos()], dim=1).view(count, 2, 2)
    return torch.cat([half[:, :, None] * turn, centre[:, :, None]], dim=2)


def _fold_onto_bare_skin(grid: torch.Tensor, masks: torch.Tensor) -> None:
    """Move some photographs' part of the grid (B, S, S, 2), in place, into a square without lesion, mirrored over and over.

    A small square that filled the frame would be blurred, and models would learn that blur means skin. Repeated as its own mirror
    image, it keeps the photograph's detail. Its enlargement is drawn, from none to filling the frame.
    """
    chosen, centre, half = (values.to(grid.device) for values in _draw_bare_squares(masks))
    centre, half = centre[:, None, None], half[:, None, None]
    enlargement = half ** -torch.rand(len(chosen), 1, 1, 1).to(half)
    along = (grid[chosen] / (half * enlargement) + 1).remainder(4)  # 0 to 2 runs across the square, 2 to 4 back again
    grid[chosen] = centre + half * (1 - (along - 2).abs())


def _draw_bare_squares(masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draw a square without lesion in some of the masks (B, S, S).

    Of `BARE_SKIN_TRIES` squares the first without lesion is taken; masks for which there is none are left out.

    Returns:
        The masks' indices (N,), and the centres (N, 2) and half sizes (N, 2) of the squares, measured between the centres of
        their outermost pixels.
    """
    chosen, side = (torch.rand(len(masks)) < BARE_SKIN_SHARE).nonzero()[:, 0], masks.shape[1]
    half = _uniform((len(chosen), BARE_SKIN_TRIES, 1), *BARE_SKIN_SIDE)
    centre = (1 - half) * _uniform((len(chosen), BARE_SKIN_TRIES, 2), -1, 1)
    low, high = (((edge + 1) / 2 * side).round().long() for edge in (centre - half, centre + half))
    (left, top), (right, bottom) = low.unbind(dim=2), high.unbind(dim=2)
    # Summed-area table (B, S + 1, S + 1): lesion pixels above and left of each place; four corners give those of a square.
    table = F.pad((masks[chosen.to(masks.device)] > 127).int().cumsum(1).cumsum(2), (1, 0, 1, 0)).cpu()
    row = torch.arange(len(chosen))[:, None]
    bare = table[row, bottom, right] - table[row, top, right] - table[row, bottom, left] + table[row, top, left] == 0
    found = bare.any(dim=1).nonzero()[:, 0]
    first = bare[found].int().argmax(dim=1)
    low, high = low[found, first], high[found, first]
    return chosen[found], (low + high) / side - 1, (high - low - 1) / side


def _blur(photos: torch.Tensor) -> None:
    """Shrink some of the photographs (B, 3, S, S), all to one size that is drawn, and enlarge them again, in place."""
    chosen = (torch.rand(len(photos)) < BLUR_SHARE).nonzero()[:, 0].to(photos.device)
    side = round(photos.shape[3] * float(_uniform(1, BLUR_MIN_SIDE, 1)))
    if len(chosen):
        small = F.interpolate(photos[chosen], size=(side, side), mode="bilinear", antialias=True)
        photos[chosen] = F.interpolate(small, size=photos.shape[2:], mode="bilinear")


def _jitter_colours(photos: torch.Tensor) -> torch.Tensor:
    """Jitter brightness, contrast, saturation and hue, in this order, of photographs (B, 3, S, S) in [0, 255], and normalise."""
    count, device = len(photos), photos.device
    brightness, contrast, saturation = (_uniform((count, 1, 1), 1 - COLOUR_JITTER, 1 + COLOUR_JITTER) for _ in range(3))
    hue = _hue_turns(_uniform(count, -HUE_JITTER, HUE_JITTER) * 2 * math.pi)
    colours = torch.linalg.inv(_YIQ) @ hue @ _YIQ @ (saturation * torch.eye(3) + (1 - saturation) * _GREY)
    # Contrast moves colours away from the photograph's mean grey; saturation and hue keep greys as they are.
    grey = (photos.mean(dim=(2, 3)).cpu() @ _GREY)[:, None, None] * brightness * (1 - contrast) / 255
    mean, std = torch.tensor(MEAN)[:, None], torch.tensor(STD)[:, None]
    gain, offset = brightness * contrast * colours / 255 / std, (grey - mean) / std
    lowest, highest = ((bound - mean) / std for bound in (0, 1))
    mixed = torch.baddbmm(offset.to(device), gain.to(device), photos.flatten(2))
    return mixed.clamp_(lowest.to(device), highest.to(device)).view_as(photos)


def _hue_turns(angle: torch.Tensor) -> torch.Tensor:
    """Return matrices (B, 3, 3) that turn colours in YIQ by angles (B,) in radians."""
    turns = torch.zeros(len(angle), 3, 3)
    turns[:, 0, 0] = 1
    turns[:, 1, 1] = turns[:, 2, 2] = angle.cos()
    turns[:, 1, 2], turns[:, 2, 1] = angle.sin(), -angle.sin()
    return turns


def _uniform(shape: int | tuple[int, ...], low: float, high: float) -> torch.Tensor:
    return low + (high - low) * torch.rand(shape)
