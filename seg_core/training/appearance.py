"""The appearance of photographs in training: colours, light, noise and sharpness, as other cameras and rooms would have them.

Photographs are (B, 3, S, S) float32 in [0, 255], those of a `Part` of a batch. Everything is drawn from torch's global random
numbers, on the CPU, for the whole batch.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from seg_core.data.image import MEAN, STD
from seg_core.training.part import Part

HUE_JITTER = 0.02
"""Largest shift of the hue, as a share of the colour circle."""
BLUR_SHARE = 0.1
"""Share of the photographs that lose fine detail, as if they had been stored smaller."""
BLUR_MIN_SIDE = 0.4
"""Smallest side that these are shrunk to before they are enlarged again, as a share of the photograph's."""

WHITE_BALANCE = 0.2
"""Red, green and blue are each multiplied by a factor whose logarithm is within ± this."""
GAMMA = 0.3
"""Values in [0, 1] are raised to a power whose logarithm is within ± this."""
SHADE_SHARE, SHADE = 0.5, 0.4
"""Share of the photographs that are lit from one side, and by how much at most brightness then differs from the middle's."""
VIGNETTE_SHARE = 0.15
"""Share of the photographs with dark corners, as a dermatoscope makes them."""
VIGNETTE_RADIUS, VIGNETTE_EDGE = (0.95, 1.35), (0.02, 0.3)
"""Radius of the bright circle, and width of its edge; half the photograph's side is 1."""
NOISE_SHARE, NOISE = 0.3, 10.0
"""Share of the photographs with noise, and its largest standard deviation."""
SOFT_SHARE, SOFT = 0.2, (0.4, 1.5)
"""Share of the photographs that are out of focus, and the standard deviation of a Gaussian blur, in pixels."""

_GREY = torch.tensor([0.299, 0.587, 0.114])  # luma (ITU-R BT.601)
# RGB to YIQ: luma, and the plane of the colours, in which a change of hue is a turn (NTSC, 1953).
_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])


def change_light(photos: torch.Tensor, part: Part) -> None:
    """Change white balance, gamma and light from one side; add dark corners, noise and lack of focus to some; in place."""
    count, side, device = part.total, photos.shape[3], photos.device
    photos *= part.of(uniform((count, 3, 1, 1), -WHITE_BALANCE, WHITE_BALANCE)).exp().to(device)
    gamma = part.of(uniform((count, 1, 1, 1), -GAMMA, GAMMA)).exp().to(device)
    photos.copy_(255 * (photos.clamp(0, 255) / 255) ** gamma)
    y, x = torch.meshgrid(*[torch.linspace(-1, 1, side, device=device)] * 2, indexing="ij")
    for chosen, shape in _some(count, SHADE_SHARE):
        drawn = [uniform(shape, 0, high) for high in (2 * math.pi, SHADE)]
        mine, angle, most = (values.to(device) for values in part.among(chosen, *drawn))
        photos[mine] *= 1 + most * (x * angle.cos() + y * angle.sin())
    for chosen, shape in _some(count, VIGNETTE_SHARE):
        drawn = [uniform(shape, *limits) for limits in (VIGNETTE_RADIUS, VIGNETTE_EDGE)]
        mine, radius, edge = (values.to(device) for values in part.among(chosen, *drawn))
        photos[mine] *= torch.sigmoid((radius - (x**2 + y**2).sqrt()) / edge * 4)
    for chosen, shape in _some(count, NOISE_SHARE):
        drawn = [torch.randn((len(chosen), *photos.shape[1:])), uniform(shape, 0, NOISE)]
        mine, noise, deviation = (values.to(device) for values in part.among(chosen, *drawn))
        photos[mine] += noise * deviation
    for chosen, _ in _some(count, SOFT_SHARE):
        deviation_of_all = float(uniform(1, *SOFT))
        mine = part.among(chosen)[0].to(device)
        photos[mine] = _soft(photos[mine], deviation_of_all)
    photos.clamp_(0, 255)


def _some(count: int, share: float) -> list[tuple[torch.Tensor, tuple[int, int, int, int]]]:
    """Draw a share of the photographs: their indices, and the shape of one number for each; nothing where none is drawn."""
    chosen = (torch.rand(count) < share).nonzero()[:, 0]
    return [(chosen, (len(chosen), 1, 1, 1))] if len(chosen) else []


def _soft(photos: torch.Tensor, deviation: float) -> torch.Tensor:
    """Blur photographs by a Gaussian of a standard deviation in pixels."""
    reach = math.ceil(3 * deviation)
    kernel = torch.exp(-(torch.arange(-reach, reach + 1, device=photos.device) ** 2) / (2 * deviation**2))
    kernel = (kernel / kernel.sum()).expand(3, 1, 1, -1)
    padded = F.pad(photos, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel, groups=3), kernel.transpose(2, 3), groups=3)


def blur(photos: torch.Tensor, part: Part) -> None:
    """Shrink some of the photographs, all to one size that is drawn, and enlarge them again, in place."""
    chosen = part.among((torch.rand(part.total) < BLUR_SHARE).nonzero()[:, 0])[0].to(photos.device)
    side = round(photos.shape[3] * float(uniform(1, BLUR_MIN_SIDE, 1)))
    if len(chosen):
        small = F.interpolate(photos[chosen], size=(side, side), mode="bilinear", antialias=True)
        photos[chosen] = F.interpolate(small, size=photos.shape[2:], mode="bilinear")


def jitter_colours(photos: torch.Tensor, jitter: float, part: Part) -> torch.Tensor:
    """Jitter brightness, contrast and saturation by factors within 1 ± ``jitter``, and the hue, in this order, and normalise.

    All of it is one affine map of red, green and blue.
    """
    count, device = part.total, photos.device
    brightness, contrast, saturation = (part.of(uniform((count, 1, 1), 1 - jitter, 1 + jitter)) for _ in range(3))
    hue = _hue_turns(part.of(uniform(count, -HUE_JITTER, HUE_JITTER)) * 2 * math.pi)
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


def uniform(shape: int | tuple[int, ...], low: float, high: float) -> torch.Tensor:
    """Draw numbers evenly between two."""
    return low + (high - low) * torch.rand(shape)
