"""The encoder: torchvision's MobileNetV2, with its feature maps tapped."""

from __future__ import annotations

import torch
from torch import nn
from torchvision.models import mobilenet_v2

from seg_core.network.architecture import BLOCKS, TAP_CHANNELS, TAPS
from seg_core.network.weights import imagenet_state


class MobileNetV2Encoder(nn.Module):
    """MobileNetV2 without its classifier (Sandler et al., 2018), as torchvision builds it.

    For a batch (B, 3, H, W) it gives five feature maps, at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size, with `channels` channels.
    """

    channels = TAP_CHANNELS

    def __init__(self, pretrained: bool) -> None:
        super().__init__()
        network = mobilenet_v2(inverted_residual_setting=[list(block) for block in BLOCKS])
        if pretrained:
            network.load_state_dict(imagenet_state())
        self.features = network.features
        for name, module in list(self.features.named_modules()):
            if isinstance(module, nn.Conv2d) and module.groups > 1 and module.stride == (2, 2):
                self.features.set_submodule(name, _StridedDepthwise.like(module))

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        maps = []
        for index, layer in enumerate(self.features):
            images = layer(images)
            if index in TAPS:
                maps.append(images)
        return maps


class _StridedDepthwise(nn.Conv2d):
    """A depthwise convolution with a stride, in fp32 on the CPU: its gradient in bf16 takes up to thirty times as long there."""

    @classmethod
    def like(cls, other: nn.Conv2d) -> _StridedDepthwise:
        made = cls(other.in_channels, other.out_channels, 3, stride=2, padding=1, groups=other.groups, bias=False)
        made.load_state_dict(other.state_dict())
        return made

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        if features.device.type != "cpu":
            return super().forward(features)
        with torch.autocast("cpu", enabled=False):
            return super().forward(features.float()).to(features.dtype)
