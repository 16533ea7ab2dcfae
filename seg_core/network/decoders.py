"""The decoders: from the encoder's feature maps back to one map at the image's size.

To add a decoder, name it in `seg_core.config.Decoder`, write its class here and list it in `DECODERS`, and write the same as a
graph in `seg_core.prediction.onnx_graph.DECODERS`. The tests take the names from the config and compare the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from seg_core.config import Decoder as DecoderName
from seg_core.network.architecture import CHANNELS


class UpBlock(nn.Module):
    """Doubles the size, joins the skip connection where there is one, and convolves."""

    def __init__(self, channels: int, skip_channels: int, out_channels: int, convolutions: int) -> None:
        super().__init__()
        widths = [channels + skip_channels] + [out_channels] * convolutions
        self.convolve = nn.Sequential(*(_convolution(a, b) for a, b in pairwise(widths)))

    def forward(self, features: torch.Tensor, skip: torch.Tensor | None) -> torch.Tensor:
        features = _doubled(features)
        if skip is not None:
            features = torch.cat([features, skip], dim=1)
        return self.convolve(features)  # type: ignore[no-any-return]


class _BlockDecoder(nn.Module):
    """One `UpBlock` per level, and a head of one channel."""

    def __init__(self, channels: int, skip_channels: Sequence[int], convolutions: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            UpBlock(inside, skip, out, convolutions)
            for inside, skip, out in zip((channels, *CHANNELS), skip_channels, CHANNELS, strict=False)
        )
        self.head = nn.Conv2d(CHANNELS[-1], 1, kernel_size=3, padding=1)
        _initialise(self)

    def decode(self, features: torch.Tensor, skips: Sequence[torch.Tensor | None]) -> torch.Tensor:
        for block, skip in zip(self.blocks, skips, strict=True):
            features = block(features, skip)
        return self.head(features)  # type: ignore[no-any-return]


class PlainDecoder(_BlockDecoder):
    """The student report's decoder: upsampling layers on the encoder's last map alone, one convolution a block."""

    def __init__(self, encoder_channels: Sequence[int]) -> None:
        super().__init__(encoder_channels[-1], [0] * len(CHANNELS), convolutions=1)

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        return self.decode(maps[-1], [None] * len(self.blocks))


class UNetDecoder(_BlockDecoder):
    """A U-Net decoder (Ronneberger et al., 2015): skip connections are joined, two convolutions a block."""

    def __init__(self, encoder_channels: Sequence[int]) -> None:
        *shallower, deepest = encoder_channels
        super().__init__(deepest, [*reversed(shallower), 0], convolutions=2)

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        *shallower, deepest = maps
        return self.decode(deepest, [*reversed(shallower), None])


class PyramidDecoder(nn.Module):
    """A feature pyramid (Lin et al., 2017) that narrows towards the image, with a head of one channel.

    At each of 1/16, 1/8, 1/4 and 1/2 of the size, the map below, brought to the level's width and doubled, and the encoder's map,
    brought to that width too, are added and convolved. The logits are computed at half the size and doubled: what a lesion's
    outline gains by the last step is less than its pixels, and the step costs as much as all others.
    """

    def __init__(self, encoder_channels: Sequence[int]) -> None:
        super().__init__()
        *shallower, deepest = encoder_channels
        widths = CHANNELS[:-1]
        self.narrow = nn.ModuleList(nn.Conv2d(a, b, kernel_size=1) for a, b in pairwise((deepest, *widths)))
        self.lateral = nn.ModuleList(nn.Conv2d(a, b, kernel_size=1) for a, b in zip(reversed(shallower), widths, strict=True))
        self.smooth = nn.ModuleList(nn.Sequential(_convolution(width, width), _convolution(width, width)) for width in widths)
        self.head = nn.Conv2d(widths[-1], 1, kernel_size=3, padding=1)
        _initialise(self)

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        *shallower, features = maps
        for narrow, lateral, smooth, skip in zip(self.narrow, self.lateral, self.smooth, reversed(shallower), strict=True):
            features = smooth(_doubled(narrow(features)) + lateral(skip))
        return _doubled(self.head(features))


DECODERS: dict[DecoderName, Callable[[Sequence[int]], nn.Module]] = {
    "plain": PlainDecoder,
    "unet": UNetDecoder,
    "pyramid": PyramidDecoder,
}
"""Takes the channels of the encoder's maps; the decoder takes these maps and gives logits (B, 1, H, W)."""


def _doubled(features: torch.Tensor) -> torch.Tensor:
    return F.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)


def _initialise(decoder: nn.Module) -> None:
    for module in decoder.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")


def _convolution(channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out_channels, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
