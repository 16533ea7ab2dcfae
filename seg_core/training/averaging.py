"""Stochastic weight averaging: the mean of the weights of several epochs, which predicts more steadily than those of one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim.swa_utils import AveragedModel

from seg_core.network import Segmenter

STATISTICS = 40
"""Batches of which averaged weights take their BatchNorm statistics, at most."""


class WeightAverage:
    """The mean of a model's weights (SWA; Izmailov et al., 2018), as a model of its own beside the one that learns."""

    def __init__(self, network: Segmenter, fabric: Fabric) -> None:
        self._mean = AveragedModel(network)
        self.network = cast(Segmenter, self._mean.module)
        self.network.fold_frozen_encoder()
        self.model = fabric.setup_module(self.network)  # computes in the precision of the training
        for norm in self._norms:
            norm.momentum = None  # its statistics are those of all batches alike

    @property
    def _norms(self) -> list[nn.BatchNorm2d]:
        return [module for module in self.network.modules() if isinstance(module, nn.BatchNorm2d)]

    @torch.no_grad()
    def add(self, network: Segmenter, batches: Iterable[torch.Tensor]) -> None:
        """Average in the weights of ``network``. BatchNorm's statistics, which are no mean, are taken anew from ``batches``."""
        self._mean.update_parameters(network)
        self.model.train()
        for norm in self._norms:
            if norm.training:  # a frozen part keeps its own
                norm.reset_running_stats()
        for images in islice(batches, STATISTICS):
            self.model(images)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """What `load_state_dict` takes to go on."""
        return self._mean.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave.

        Raises:
            RuntimeError: if it is that of another model.
        """
        self._mean.load_state_dict(state)
