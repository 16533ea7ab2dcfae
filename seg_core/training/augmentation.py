"""What happens to photographs and their masks on the way into the model, a whole batch at a time, on the device that trains.

Augmenting is one map of the plane and one of the colours per photograph: a crop, a mirror image and turns are all affine, so they
are multiplied and the pixels are looked up once; brightness, contrast, saturation and hue are affine in red, green and blue too.
`standard` folds the plane of some photographs onto a square of bare skin, and takes fine detail from some.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from seg_core.config import Config
from seg_core.data.image import MEAN, STD
from seg_core.network.normalisation import normalise

# The kinds are the student report's; it names no ranges, so these are assumed (docs/report.md, "Its settings").
AREA = 0.6
"""Least share of the photograph that a crop keeps."""
STRETCH = 4 / 3
"""Most that a crop's width and height differ by, as a factor either way, before both become the side of the square."""
TURN = math.radians(20)
JITTER = 0.2
"""Brightness, contrast and saturation are multiplied by 1 ± this at most."""
HUE = 0.02
"""Most that the hue moves, as a share of the colour circle."""

BARE_SKIN = 0.06
"""Share of the photographs of which a square without lesion is shown alone, where there is one, so that models learn to mark
nothing there."""
BARE_SKIN_SIDE = (0.15, 0.5)
"""Least and largest side of such a square, as a share of the photograph's."""
TRIES = 64
"""Squares among which one without lesion is looked for."""
SOFT = 0.1
"""Share of the photographs that lose fine detail, as if they had been stored smaller."""
SOFTEST = 0.4
"""Least side that these are shrunk to before they are enlarged again, as a share of the photograph's."""

_GREY = torch.tensor([0.299, 0.587, 0.114])  # luma (ITU-R BT.601)
# RGB to YIQ: luma, and the plane of the colours, in which a change of hue is a turn (NTSC, 1953).
_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])


class Augment:
    """Augments photographs and their masks alike, then normalises the photographs. Draws from torch's global random numbers."""

    def __init__(self, config: Config) -> None:
        self.standard = config.augmentation == "standard"

    def __call__(self, images: torch.Tensor, masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Augment a batch.

        Args:
            images: (B, S, S, 3) uint8.
            masks: (B, S, S) uint8, 0 and 255.

        Returns:
            Normalised photographs (B, 3, S, S) and masks (B, 1, S, S) of 0 and 1, both float32. What a turn brings in from
            beyond a photograph's edge is black and no lesion.
        """
        planes = _planes(*_crops(len(images)), quarter_turns=self.standard).to(images.device)
        places = F.affine_grid(planes, [len(images), 4, *masks.shape[1:]], align_corners=False)
        if self.standard:
            _fold_onto_bare_skin(places, masks)
        stacked = torch.cat([images, masks[..., None]], dim=3).permute(0, 3, 1, 2).float().contiguous()
        moved = F.grid_sample(stacked, places, mode="bilinear", padding_mode="zeros", align_corners=False)
        photos, truths = moved[:, :3], moved[:, 3:] >= 127.5
        if self.standard:
            _soften(photos)
        return _recoloured(photos), truths.float()


def plain(images: torch.Tensor, masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """As `Augment.__call__`, without augmentation: what validation uses."""
    return normalise(images), (masks[:, None] > 127).float()


def _crops(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Half sizes (B, 2) and centres (B, 2) of crops, in the square [-1, 1]² of the photograph."""
    area = _uniform(count, AREA, 1)
    # As `torchvision.transforms.v2.RandomResizedCrop`, but the shapes that would not fit are never drawn.
    stretch = torch.exp(_uniform(count, -1, 1) * torch.minimum(torch.tensor(math.log(STRETCH)), -area.log()))
    size = torch.stack([(area * stretch).sqrt(), (area / stretch).sqrt()], dim=1)
    return size, (1 - size) * _uniform((count, 2), -1, 1)


def _fold_onto_bare_skin(places: torch.Tensor, masks: torch.Tensor) -> None:
    """Have the places (B, S, S, 2) of some photographs lie in a square without lesion, over and over, mirrored at its edges.

    A small square that filled the frame would be blurred, and models would learn that what is blurred is skin. Folded, it keeps
    the photograph's detail; how far it is enlarged is drawn, from not at all to all of the frame.
    """
    photos, middle, half = (values.to(places.device) for values in _bare_squares(masks))
    middle, half = middle[:, None, None], half[:, None, None]
    enlarged = half ** -torch.rand(len(photos), 1, 1, 1).to(half)
    along = (places[photos] / (half * enlarged) + 1).remainder(4)  # from 0 to 2 across the square, then back
    places[photos] = middle + half * (1 - (along - 2).abs())


def _bare_squares(masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Squares without lesion in some of the masks (B, S, S), each the first of `TRIES`; masks where none is found are left out.

    Returns:
        Which masks (N,), and the middles (N, 2) and half sizes (N, 2) of the squares in [-1, 1]², from the middle of their first
        pixels to the middle of their last.
    """
    chosen, side = (torch.rand(len(masks)) < BARE_SKIN).nonzero()[:, 0], masks.shape[1]
    half = _uniform((len(chosen), TRIES, 1), *BARE_SKIN_SIDE)
    middle = (1 - half) * _uniform((len(chosen), TRIES, 2), -1, 1)
    low, high = (((edge + 1) / 2 * side).round().long() for edge in (middle - half, middle + half))
    (left, top), (right, bottom) = low.unbind(dim=2), high.unbind(dim=2)
    # The lesion's pixels above and left of every place; of a square, by its four corners.
    before = F.pad((masks[chosen.to(masks.device)] > 127).int().cumsum(1).cumsum(2), (1, 0, 1, 0)).cpu()
    row = torch.arange(len(chosen))[:, None]
    bare = before[row, bottom, right] - before[row, top, right] - before[row, bottom, left] + before[row, top, left] == 0
    found = bare.any(dim=1).nonzero()[:, 0]
    first = bare[found].int().argmax(dim=1)
    low, high = low[found, first], high[found, first]
    return chosen[found], (low + high) / side - 1, (high - low - 1) / side


def _soften(photos: torch.Tensor) -> None:
    """Shrink some of the photographs (B, 3, S, S), all to one size that is drawn, and enlarge them again, in place."""
    chosen = (torch.rand(len(photos)) < SOFT).nonzero()[:, 0].to(photos.device)
    side = round(photos.shape[3] * float(_uniform(1, SOFTEST, 1)))
    if len(chosen):
        small = F.interpolate(photos[chosen], size=(side, side), mode="bilinear", antialias=True)
        photos[chosen] = F.interpolate(small, size=photos.shape[2:], mode="bilinear")


def _planes(size: torch.Tensor, centre: torch.Tensor, *, quarter_turns: bool) -> torch.Tensor:
    """Affine maps (B, 2, 3) from the square [-1, 1]² of the result to that of the photograph: the crops, mirrored and turned."""
    count = len(size)
    angle = _uniform(count, -TURN, TURN)
    mirror = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    if quarter_turns:  # with the mirror image, all eight symmetries of a square are equally likely
        angle = angle + torch.randint(4, (count,)) * (math.pi / 2)
    turned = torch.stack([mirror * angle.cos(), -angle.sin(), mirror * angle.sin(), angle.cos()], dim=1).view(count, 2, 2)
    return torch.cat([size[:, :, None] * turned, centre[:, :, None]], dim=2)


def _recoloured(photos: torch.Tensor) -> torch.Tensor:
    """Photographs (B, 3, S, S) from 0 to 255: brightness, contrast, saturation and hue jittered in turn, then normalised."""
    count, device = len(photos), photos.device
    brightness, contrast, saturation = (_uniform((count, 1, 1), 1 - JITTER, 1 + JITTER) for _ in range(3))
    turn = _uniform(count, -HUE, HUE) * 2 * math.pi
    hue = torch.zeros(count, 3, 3)
    hue[:, 0, 0] = 1
    hue[:, 1, 1] = hue[:, 2, 2] = turn.cos()
    hue[:, 1, 2], hue[:, 2, 1] = turn.sin(), -turn.sin()
    colours = torch.linalg.inv(_YIQ) @ hue @ _YIQ @ (saturation * torch.eye(3) + (1 - saturation) * _GREY)
    # Contrast moves colours away from the photograph's mean grey; saturation and hue keep greys as they are.
    grey = (photos.mean(dim=(2, 3)).cpu() @ _GREY)[:, None, None] * brightness * (1 - contrast) / 255
    mean, std = torch.tensor(MEAN)[:, None], torch.tensor(STD)[:, None]
    gain, offset = brightness * contrast * colours / 255 / std, (grey - mean) / std
    lowest, highest = ((bound - mean) / std for bound in (0, 1))
    mixed = torch.baddbmm(offset.to(device), gain.to(device), photos.flatten(2))
    return mixed.clamp_(lowest.to(device), highest.to(device)).view_as(photos)


def _uniform(shape: int | tuple[int, ...], low: float, high: float) -> torch.Tensor:
    return low + (high - low) * torch.rand(shape)
