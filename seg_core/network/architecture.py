"""The encoder in numbers, for the torch model and for the ONNX graph that mirrors it. Importing this does not load torch."""

from __future__ import annotations

BLOCKS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""MobileNetV2's inverted residuals (Sandler et al., 2018, table 2): expansion, channels, repeats, stride of the first repeat."""

STRIDES = (2, *(1 if repeat else stride for _, _, repeats, stride in BLOCKS for repeat in range(repeats)), 1)
"""Stride of each layer: the first convolution, all inverted residuals, and the final 1×1 convolution."""
WIDTHS = (32, *(channels for _, channels, repeats, _ in BLOCKS for _ in range(repeats)), 1280)
"""Output channels of each layer."""

LAST = len(STRIDES) - 1
TAPS = (*(layer for layer in range(LAST) if STRIDES[layer + 1] == 2), LAST)
"""The layers whose maps the decoder gets: the last one at each of 1/2, 1/4, 1/8, 1/16 and 1/32 of the size."""
TAP_CHANNELS = tuple(WIDTHS[layer] for layer in TAPS)
