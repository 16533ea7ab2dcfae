"""The model: encoder and decoder, one of which a variant may freeze."""

from __future__ import annotations

from typing import Self

import torch
from torch import nn

from seg_core.config import Config
from seg_core.network.decoders import DECODERS
from seg_core.network.encoder import MobileNetV2Encoder
from seg_core.network.folding import folded


class Segmenter(nn.Module):
    """MobileNetV2 encoder-decoder: normalised images (B, 3, H, W), H and W multiples of 32, to logits (B, 1, H, W).

    A frozen encoder or decoder takes no gradients and stays in evaluation mode, so its BatchNorm statistics do not move either.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.encoder = MobileNetV2Encoder(pretrained=config.encoder_weights == "imagenet")
        self.decoder = DECODERS[config.decoder](self.encoder.channels)
        self.frozen = config.frozen_part
        if self.frozen:
            self.get_submodule(self.frozen).requires_grad_(False)
        self._folded_encoder: tuple[nn.Module, ...] = ()  # in a tuple, it is not part of the model's state
        self._keeps_statistics = False
        self.train()

    def fold_frozen_encoder(self) -> None:
        """Run a frozen encoder with its BatchNorm folded from now on; call this once weights and device are final."""
        if self.frozen == "encoder":
            self._folded_encoder = (folded(self.encoder),)

    def keep_statistics(self) -> None:
        """Normalise by the BatchNorm statistics as they are from now on, in training too, and leave them so."""
        self._keeps_statistics = True
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Set training mode for everything that is not frozen; what is frozen stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.get_submodule(self.frozen).eval()
        if self._keeps_statistics:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if images.shape[-1] % 32 or images.shape[-2] % 32:
            raise ValueError(f"height and width must be multiples of 32, not {tuple(images.shape[-2:])}")
        encoder = self._folded_encoder[0] if self._folded_encoder else self.encoder
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.frozen != "encoder"):
            maps = encoder(images)
        return self.decoder(maps)  # type: ignore[no-any-return]


def build_model(config: Config, *, load_encoder_weights: bool = True) -> Segmenter:
    """Build the model of a config; the config's seed decides its initial weights.

    ``load_encoder_weights=False`` skips the ImageNet weights, for a model whose weights are loaded next.

    Raises:
        InputError: if the ImageNet weights are not on this machine and cannot be downloaded.
    """
    if not load_encoder_weights:
        config = config.model_copy(update={"encoder_weights": "random"})
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        return Segmenter(config)


def count_parameters(model: nn.Module) -> int:
    """The number of weights, frozen ones included."""
    return sum(parameter.numel() for parameter in model.parameters())
