"""The decoders: from the encoder's feature maps back to one map at the image's size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from seg_core.config import Decoder as DecoderName

CHANNELS = (256, 128, 64, 32, 16)


class UpBlock(nn.Module):
    """Doubles the size, joins the skip connection where there is one, and convolves."""

    def __init__(self, channels: int, skip_channels: int, out_channels: int, convolutions: int) -> None:
        super().__init__()
        widths = [channels + skip_channels] + [out_channels] * convolutions
        self.convolve = nn.Sequential(*(_convolution(a, b) for a, b in pairwise(widths)))

    def forward(self, features: torch.Tensor, skip: torch.Tensor | None) -> torch.Tensor:
        features = F.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
        if skip is not None:
            features = torch.cat([features, skip], dim=1)
        return self.convolve(features)  # type: ignore[no-any-return]


class Decoder(nn.Module):
    """Five `UpBlock`s and a head of one channel.

    With skip connections it is a U-Net decoder (Ronneberger et al., 2015), two convolutions a block; without, it is the
    student report's: upsampling layers on the encoder's last map alone, one convolution a block.
    """

    def __init__(self, encoder_channels: Sequence[int], skips: bool) -> None:
        super().__init__()
        self.skips = skips
        *shallower, deepest = encoder_channels
        skip_channels = [*reversed(shallower), 0] if skips else [0] * len(CHANNELS)
        inputs = (deepest, *CHANNELS)
        self.blocks = nn.ModuleList(
            UpBlock(channels, skip, out, convolutions=2 if skips else 1)
            for channels, skip, out in zip(inputs, skip_channels, CHANNELS, strict=False)
        )
        self.head = nn.Conv2d(CHANNELS[-1], 1, kernel_size=3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        *shallower, features = maps
        skips = [*reversed(shallower), None] if self.skips else [None] * len(self.blocks)
        for block, skip in zip(self.blocks, skips, strict=True):
            features = block(features, skip)
        return self.head(features)  # type: ignore[no-any-return]


def build_decoder(name: DecoderName, encoder_channels: Sequence[int]) -> Decoder:
    """The decoder that a config names."""
    return Decoder(encoder_channels, skips=name == "unet")


def _convolution(channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out_channels, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
