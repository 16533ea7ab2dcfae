"""Stochastic weight averaging: the mean of the weights of several epochs, which predicts more steadily than those of one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import nn
from torch.optim.swa_utils import AveragedModel

from seg_core.config import STATISTICS_BATCHES
from seg_core.network import Segmenter


class WeightAverage:
    """Mean of a network's weights (SWA; Izmailov et al., 2018), kept in a second network.

    Args:
        network: the first network.
        fabric: computes.
        before: as how many epochs its weights of now count, those of a model that is trained on (WiSE-FT; Wortsman et al., 2022).
            With 0 they do not count, and BatchNorm statistics are those of the photographs that train; else they stay.

    Attributes:
        network: the second network, with the averaged weights.
        model: the same as Fabric wraps it, which computes in the training's precision.
    """

    def __init__(self, network: Segmenter, fabric: Fabric, before: int = 0) -> None:
        self._mean = AveragedModel(network)
        self._before = before
        self.count_anew()
        self.network = cast(Segmenter, self._mean.module)
        self.network.fold_frozen_encoder()
        self.model = fabric.setup_module(self.network)
        for norm in self._norms:
            norm.momentum = None  # torch then weighs all batches alike

    @property
    def _norms(self) -> list[nn.BatchNorm2d | nn.SyncBatchNorm]:
        return [module for module in self.network.modules() if isinstance(module, nn.BatchNorm2d | nn.SyncBatchNorm)]

    def count_anew(self) -> None:
        """Take what has been averaged so far for the model before."""
        self._mean.n_averaged.fill_(self._before)

    @torch.no_grad()
    def add(self, network: Segmenter, batches: Iterable[torch.Tensor]) -> None:
        """Average in the weights of ``network``.

        BatchNorm statistics cannot be averaged; unless they stay, they are computed again from the first `STATISTICS_BATCHES` of
        ``batches``, normalised photographs (B, 3, S, S).
        """
        self._mean.update_parameters(network)
        if self._before:
            return
        self.model.train()
        for norm in self._norms:
            if norm.training:  # a frozen encoder or decoder keeps its statistics
                norm.reset_running_stats()
        for images in islice(batches, STATISTICS_BATCHES):
            self.model(images)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the state that `load_state_dict` restores."""
        return self._mean.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state of `state_dict`.

        Raises:
            RuntimeError: if it belongs to another model.
        """
        self._mean.load_state_dict(state)
