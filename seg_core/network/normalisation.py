"""Colours as the network takes them: ImageNet's normalisation, and back."""

from __future__ import annotations

import torch

from seg_core.data.image import MEAN, STD


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
