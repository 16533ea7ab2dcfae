"""Folding BatchNorm into convolutions, for a frozen encoder that only runs forward."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def folded(network: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode, each BatchNorm folded into the convolution before it; it shares no weights."""
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for sequence in (module for module in network.modules() if isinstance(module, nn.Sequential)):
        for place, (layer, norm) in enumerate(zip(sequence, list(sequence)[1:], strict=False)):
            if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                sequence[place], sequence[place + 1] = fuse_conv_bn_eval(layer, norm), nn.Identity()
    return network
