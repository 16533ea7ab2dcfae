"""ImageNet's normalisation of colours, and its inverse."""

from __future__ import annotations

import torch

from seg_core.data.image import MEAN, STD


def normalise(images: torch.Tensor) -> torch.Tensor:
    """Turn photographs (B, H, W, 3) uint8 into the model's input (B, 3, H, W) float32."""
    mean, std = _per_channel(images.device)
    return (images.permute(0, 3, 1, 2).float() / 255 - mean) / std


def to_uint8(images: torch.Tensor) -> torch.Tensor:
    """Turn the model's input (B, 3, H, W) back into photographs (B, H, W, 3) uint8, to look at them."""
    mean, std = _per_channel(images.device)
    return ((images * std + mean) * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1)


def _per_channel(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation (3, 1, 1) of photographs in [0, 1]."""
    mean, std = (torch.tensor(values, device=device)[:, None, None] for values in (MEAN, STD))
    return mean, std
