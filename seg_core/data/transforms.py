"""What happens to a photograph and its mask, together, on the way into the model: one preset to train, one to evaluate."""

from __future__ import annotations

import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

from seg_core.config import Config

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's normalisation, which the encoder's weights expect (torchvision, ``MobileNet_V2_Weights.IMAGENET1K_V1``)."""

# The kinds are the student report's; it names no ranges, so these are assumed (README, "Settings of the report").
REPORT_AUGMENTATION = [
    v2.RandomRotation(20, interpolation=v2.InterpolationMode.BILINEAR),
    v2.RandomHorizontalFlip(),
    v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.02),
]
# After the horizontal flip of the report, a quarter turn makes all eight symmetries of a square equally likely.
_QUARTER_TURN = v2.RandomChoice([v2.Identity(), *(v2.RandomRotation((angle, angle)) for angle in (90, 180, 270))])
AUGMENTATIONS: dict[str, list[v2.Transform]] = {
    "report": REPORT_AUGMENTATION,
    "standard": [*REPORT_AUGMENTATION, _QUARTER_TURN],
}


class TrainPreset:
    """Augments a photograph and its mask alike, then normalises the photograph. Draws from torch's global random numbers."""

    def __init__(self, config: Config) -> None:
        crop = v2.RandomResizedCrop(config.image_size, scale=(0.6, 1.0), ratio=(3 / 4, 4 / 3), antialias=True)
        self.augment = v2.Compose([crop, *AUGMENTATIONS[config.augmentation]])

    def __call__(self, image: np.ndarray, mask: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """From (S, S, 3) and (S, S) uint8 to a normalised (3, S, S) and a mask (1, S, S) of 0 and 1, both float32."""
        return _normalised(*self.augment(*_tensors(image, mask)))


class EvalPreset:
    """Only normalises: what validation and prediction use."""

    def __call__(self, image: np.ndarray, mask: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """As `TrainPreset.__call__`, without augmentation."""
        return _normalised(*_tensors(image, mask))


def normalise(image: np.ndarray) -> torch.Tensor:
    """A photograph (H, W, 3) uint8 as the model takes it: (3, H, W) float32."""
    return _NORMALISE(torch.from_numpy(np.array(image)).permute(2, 0, 1))  # type: ignore[no-any-return]


def to_uint8(image: torch.Tensor) -> np.ndarray:
    """Back from (3, H, W) as the model takes it to a photograph (H, W, 3) uint8, to look at it."""
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]
    return ((image * std + mean) * 255).round().clamp(0, 255).byte().permute(1, 2, 0).numpy()


_NORMALISE = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])


def _tensors(image: np.ndarray, mask: np.ndarray) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    photo = torch.from_numpy(np.array(image)).permute(2, 0, 1)  # a copy: the cache's memory map is read-only
    return tv_tensors.Image(photo), tv_tensors.Mask(torch.from_numpy(np.array(mask))[None])


def _normalised(image: tv_tensors.Image, mask: tv_tensors.Mask) -> tuple[torch.Tensor, torch.Tensor]:
    return _NORMALISE(image).as_subclass(torch.Tensor), (mask.as_subclass(torch.Tensor) > 0).float()
