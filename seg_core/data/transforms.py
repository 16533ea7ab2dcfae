"""What happens to photographs and their masks on the way into the model, a whole batch at a time, on the device that trains.

Augmenting is one map of the plane and one of the colours per photograph: a crop, a mirror image and turns are all affine, so they
are multiplied and the pixels are looked up once; brightness, contrast, saturation and hue are affine in red, green and blue too.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from seg_core.config import Config
from seg_core.data.normalisation import MEAN, STD

# The kinds are the student report's; it names no ranges, so these are assumed (README, "Settings of the report").
AREA = 0.6
"""Least share of the photograph that a crop keeps."""
STRETCH = 4 / 3
"""Most that a crop's width and height differ by, as a factor either way, before both become the side of the square."""
TURN = math.radians(20)
JITTER = 0.2
"""Brightness, contrast and saturation are multiplied by 1 ± this at most."""
HUE = 0.02
"""Most that the hue moves, as a share of the colour circle."""

BARE_SKIN = 0.1
"""Share of the photographs of which a square without lesion is taken, so that models learn to mark nothing there. It is turned
like any crop after that, so that its corners may show some lesion again, which the mask says."""
BARE_SKIN_SIDE = (0.15, 0.5)
"""Least and largest side of such a square, as a share of the photograph's."""
TRIES = 64
"""Squares among which one without lesion is looked for."""

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
        size, centre = _crops(len(images))
        if self.standard:
            _move_to_bare_skin(masks, size, centre)
        planes = _planes(size, centre, quarter_turns=self.standard).to(images.device)
        places = F.affine_grid(planes, [len(images), 4, *masks.shape[1:]], align_corners=False)
        stacked = torch.cat([images, masks[..., None]], dim=3).permute(0, 3, 1, 2).float().contiguous()
        moved = F.grid_sample(stacked, places, mode="bilinear", padding_mode="zeros", align_corners=False)
        return _recoloured(moved[:, :3]), (moved[:, 3:] >= 127.5).float()


def plain(images: torch.Tensor, masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """As `Augment.__call__`, without augmentation: what validation uses."""
    return normalise(images), (masks[:, None] > 127).float()


def normalise(images: torch.Tensor) -> torch.Tensor:
    """Photographs (B, H, W, 3) uint8 as the model takes them: (B, 3, H, W) float32."""
    return _normalised(images.permute(0, 3, 1, 2).float() / 255)


def to_uint8(images: torch.Tensor) -> torch.Tensor:
    """Back from (B, 3, H, W) as the model takes them to photographs (B, H, W, 3) uint8, to look at them."""
    mean, std = _per_channel(images)
    return ((images * std + mean) * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1)


def _normalised(photos: torch.Tensor) -> torch.Tensor:
    mean, std = _per_channel(photos)
    return (photos - mean) / std


def _per_channel(photos: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    mean, std = (torch.tensor(values, device=photos.device)[:, None, None] for values in (MEAN, STD))
    return mean, std


def _crops(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Half sizes (B, 2) and centres (B, 2) of crops, in the square [-1, 1]² of the photograph."""
    area = _uniform(count, AREA, 1)
    # As `torchvision.transforms.v2.RandomResizedCrop`, but the shapes that would not fit are never drawn.
    stretch = torch.exp(_uniform(count, -1, 1) * torch.minimum(torch.tensor(math.log(STRETCH)), -area.log()))
    size = torch.stack([(area * stretch).sqrt(), (area / stretch).sqrt()], dim=1)
    return size, (1 - size) * _uniform((count, 2), -1, 1)


def _move_to_bare_skin(masks: torch.Tensor, size: torch.Tensor, centre: torch.Tensor) -> None:
    """Move some of the crops, each to the first of `TRIES` small squares that has no lesion; where none has, it stays."""
    chosen = (torch.rand(len(masks)) < BARE_SKIN).nonzero()[:, 0]
    half = _uniform((len(chosen), TRIES), *BARE_SKIN_SIDE)
    middle = (1 - half[..., None]) * _uniform((len(chosen), TRIES, 2), -1, 1)
    edges = (torch.cat([middle - half[..., None], middle + half[..., None]], dim=2) + 1) / 2 * masks.shape[1]
    left, top, right, bottom = edges.round().long().unbind(dim=2)
    # The lesion's pixels above and left of every place; of a square, by its four corners.
    before = F.pad((masks[chosen.to(masks.device)] > 127).int().cumsum(1).cumsum(2), (1, 0, 1, 0)).cpu()
    row = torch.arange(len(chosen))[:, None]
    within = before[row, bottom, right] - before[row, top, right] - before[row, bottom, left] + before[row, top, left]
    for place, photo in enumerate(chosen.tolist()):
        for found in (within[place] == 0).nonzero()[:1, 0].tolist():
            size[photo], centre[photo] = half[place, found], middle[place, found]


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
