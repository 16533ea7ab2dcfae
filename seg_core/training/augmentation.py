"""Augmentation of photographs and masks, a whole batch at a time, on the device that trains.

A crop, a mirror image and turns are all affine, so they are multiplied to one map of the plane and each pixel is looked up once.
What colours, light and sharpness become is in `seg_core.training.appearance`.

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
from seg_core.network.normalisation import normalise
from seg_core.training.appearance import blur, change_light, jitter_colours, uniform
from seg_core.training.part import Part


class Steps(NamedTuple):
    """Steps of a kind of augmentation, in addition to crops, mirror images, small turns and colour jitter."""

    quarter_turns: bool = False
    bare_skin: bool = False
    blur: bool = False
    far: bool = False
    light: bool = False
    colours: float = 0.2
    """Brightness, contrast and saturation are multiplied by a factor within 1 ± this."""


AUGMENTATIONS: dict[str, Steps] = {
    "report": Steps(),
    "standard": Steps(quarter_turns=True, bare_skin=True, blur=True),
    "strong": Steps(quarter_turns=True, bare_skin=True, blur=True, far=True, light=True, colours=0.3),
}
"""The steps of each name that ``Config.augmentation`` takes."""

# The student report names its kinds of augmentation but no ranges; these are assumed (docs/report.md).
CROP_AREA = (0.6, 1.0)
"""Smallest and largest area of a crop, as a share of the photograph's."""
FAR_AREA = (0.5, 2.0)
"""Likewise where photographs are also taken from farther away. The logarithm is drawn evenly."""
MAX_STRETCH = 4 / 3
"""Largest ratio of a crop's width to its height, and of its height to its width, before both become the side of the square."""
MAX_TURN = math.radians(20)

BARE_SKIN_SHARE = 0.06
"""Share of the photographs that show only a square without lesion, where there is one, so that models learn to mark nothing."""
BARE_SKIN_SIDE = (0.15, 0.5)
"""Smallest and largest side of such a square, as a share of the photograph's."""
BARE_SKIN_TRIES = 64
"""Squares drawn in search of one without lesion."""


class Augment:
    """Augments photographs and their masks alike, then normalises the photographs. Draws from torch's global random numbers."""

    def __init__(self, config: Config) -> None:
        self.steps = AUGMENTATIONS[config.augmentation]

    def __call__(self, images: torch.Tensor, masks: torch.Tensor, part: Part | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Augment a batch, or a part of it.

        Args:
            images: (B, S, S, 3) uint8.
            masks: (B, S, S) uint8, 0 and 255.
            part: by default the whole batch.

        Returns:
            Normalised photographs (P, 3, S, S) and masks (P, 1, S, S) of 0 and 1, both float32, of the part. Places from beyond a
            photograph's edge are no lesion: they are black, and with ``far`` the photograph's own skin.
        """
        steps, part = self.steps, part or Part.whole(len(images))
        maps = _turn_and_mirror(*_draw_crops(len(images), far=steps.far), quarter_turns=steps.quarter_turns)
        maps = part.of(maps).to(images.device)
        grid = F.affine_grid(maps, [len(maps), 4, *masks.shape[1:]], align_corners=False)
        if steps.far:
            _put_skin_beyond_the_edge(grid, masks, part)
        if steps.bare_skin:
            _fold_onto_bare_skin(grid, masks, part)
        stacked = torch.cat([part.of(images), part.of(masks)[..., None]], dim=3).permute(0, 3, 1, 2).float().contiguous()
        beyond = "border" if steps.far else "zeros"
        sampled = F.grid_sample(stacked, grid, mode="bilinear", padding_mode=beyond, align_corners=False)
        photos, truths = sampled[:, :3], sampled[:, 3:] >= 127.5
        if steps.blur:
            blur(photos, part)
        if steps.light:
            change_light(photos, part)
        return jitter_colours(photos, steps.colours, part), truths.float()


def plain(images: torch.Tensor, masks: torch.Tensor, part: Part | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Prepare a batch for validation: as `Augment.__call__`, without augmentation."""
    part = part or Part.whole(len(images))
    return normalise(part.of(images)), (part.of(masks)[:, None] > 127).float()


def _draw_crops(count: int, *, far: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw the half sizes (B, 2) and centres (B, 2) of crops; a ``far`` one may be larger than the photograph, and holds it."""
    area = torch.exp(uniform(count, *map(math.log, FAR_AREA))) if far else uniform(count, *CROP_AREA)
    most = torch.tensor(math.log(MAX_STRETCH))
    # As `torchvision.transforms.v2.RandomResizedCrop`, but shapes that do not fit are never drawn.
    stretch = torch.exp(uniform(count, -1, 1) * torch.where(area > 1, most, torch.minimum(most, -area.log())))
    half = torch.stack([(area * stretch).sqrt(), (area / stretch).sqrt()], dim=1)
    return half, (1 - half).abs() * uniform((count, 2), -1, 1)


def _turn_and_mirror(half: torch.Tensor, centre: torch.Tensor, *, quarter_turns: bool) -> torch.Tensor:
    """Return affine maps (B, 2, 3) from the result to crops, turned and mirrored at random.

    Args:
        half: half sizes of the crops, (B, 2).
        centre: their centres, (B, 2).
        quarter_turns: add 0, 90, 180 or 270 degrees to the small turn.
    """
    count = len(half)
    angle = uniform(count, -MAX_TURN, MAX_TURN)
    mirror = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    if quarter_turns:  # with the mirror image, all eight symmetries of a square are equally likely
        angle = angle + torch.randint(4, (count,)) * (math.pi / 2)
    turn = torch.stack([mirror * angle.cos(), -angle.sin(), mirror * angle.sin(), angle.cos()], dim=1).view(count, 2, 2)
    return torch.cat([half[:, :, None] * turn, centre[:, :, None]], dim=2)


def _fold_onto_bare_skin(grid: torch.Tensor, masks: torch.Tensor, part: Part) -> None:
    """Move some photographs' places in the grid (P, S, S, 2), in place, into a square without lesion, mirrored over and over.

    A small square that filled the frame would be blurred, and models would learn that blur means skin. Repeated as its own mirror
    image, it keeps the photograph's detail. Its enlargement is drawn, from none to filling the frame.
    """
    some = (torch.rand(len(masks)) < BARE_SKIN_SHARE).nonzero()[:, 0]
    chosen, centre, half = _draw_bare_squares(masks, some)
    enlargement = half ** -torch.rand(len(chosen), 1)
    chosen, centre, half, enlargement = (values.to(grid.device) for values in part.among(chosen, centre, half, enlargement))
    grid[chosen] = _folded(grid[chosen], centre, half, enlargement)


def _put_skin_beyond_the_edge(grid: torch.Tensor, masks: torch.Tensor, part: Part) -> None:
    """Move what lies beyond a photograph's edge in the grid (P, S, S, 2), in place, into a square of it without lesion.

    So a lesion that is photographed from farther away has skin around it. Where there is no such square, the photograph is
    mirrored at its edge.
    """
    squares = _draw_bare_squares(masks, torch.arange(len(masks)))
    chosen, centre, half = (values.to(grid.device) for values in part.among(*squares))
    whole = torch.ones(len(grid), 1).to(grid)
    inner = _folded(grid, torch.zeros_like(whole), whole)
    inner[chosen] = _folded(grid[chosen], centre, half)
    beyond = (grid.abs() > 1).any(dim=3)
    grid[beyond] = inner[beyond]


def _folded(
    grid: torch.Tensor, centre: torch.Tensor, half: torch.Tensor, enlargement: torch.Tensor | float = 1.0
) -> torch.Tensor:
    """Return a grid (N, S, S, 2) that shows squares, given by centres and half sizes (N, 1 or 2), mirrored over and over."""
    centre, half, size = (values[:, None, None] for values in (centre, half, half * enlargement))
    along = (grid / size + 1).remainder(4)  # 0 to 2 runs across the square, 2 to 4 back again
    return centre + half * (1 - (along - 2).abs())


def _draw_bare_squares(masks: torch.Tensor, chosen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draw a square without lesion in some of the masks (B, S, S), given by their indices.

    Of `BARE_SKIN_TRIES` squares the first without lesion is taken; masks for which there is none are left out.

    Returns:
        The masks' indices (N,), and the centres (N, 2) and half sizes (N, 2) of the squares, measured between the centres of
        their outermost pixels.
    """
    side = masks.shape[1]
    half = uniform((len(chosen), BARE_SKIN_TRIES, 1), *BARE_SKIN_SIDE)
    centre = (1 - half) * uniform((len(chosen), BARE_SKIN_TRIES, 2), -1, 1)
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
