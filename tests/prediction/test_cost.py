"""Multiply-adds, against torch's own counter."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from seg_core.config import DECODERS, Decoder
from seg_core.network import build_model
from seg_core.prediction.cost import multiply_adds
from tests.helpers import tiny_config


@pytest.mark.parametrize("decoder", DECODERS)
def test_multiply_adds_are_half_of_the_operations_that_torch_counts(decoder: Decoder) -> None:
    config = tiny_config(decoder=decoder, image_size=96)
    model = build_model(config).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, 96, 96))
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    assert 2 * multiply_adds(config, tensors) == counter.get_total_flops()
