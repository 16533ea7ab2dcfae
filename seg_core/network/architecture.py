"""The model in numbers, for the torch model, for the ONNX graph that mirrors it, and to check what files hold; without torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from seg_core.config import Decoder

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

CHANNELS = (256, 128, 64, 32, 16)
"""Width of each level of the decoder, from the deepest; the pyramid decoder leaves out the last."""

Shapes = dict[str, tuple[int, ...]]
"""Shapes of a model's tensors, by the names that `seg_core.network.Segmenter` gives them."""
COUNTER = "num_batches_tracked"
"""End of the names of BatchNorm's counters (int64); all other tensors are floats."""


def tensor_shapes(decoder: Decoder) -> Shapes:
    """Return the tensors of the model with this decoder, as its ``state_dict`` has them."""
    return dict((*_encoder(), *_DECODERS[decoder]()))


Named = Iterator[tuple[str, tuple[int, ...]]]


def _encoder() -> Named:
    root = "encoder.features"
    yield from _normalised(f"{root}.0.0", f"{root}.0.1", WIDTHS[0], 3, 3)
    expansions = [expansion for expansion, _, repeats, _ in BLOCKS for _ in range(repeats)]
    for layer, (expansion, (inputs, outputs)) in enumerate(zip(expansions, pairwise(WIDTHS[:-1]), strict=True), start=1):
        name, inside = f"{root}.{layer}.conv", inputs * expansion
        if expansion != 1:
            yield from _normalised(f"{name}.0.0", f"{name}.0.1", inside, inputs, 1)
        place = 1 if expansion != 1 else 0
        yield from _normalised(f"{name}.{place}.0", f"{name}.{place}.1", inside, 1, 3)
        yield from _normalised(f"{name}.{place + 1}", f"{name}.{place + 2}", outputs, inside, 1)
    yield from _normalised(f"{root}.{LAST}.0", f"{root}.{LAST}.1", WIDTHS[-1], WIDTHS[-2], 1)


def _plain() -> Named:
    yield from _blocks([0] * len(CHANNELS), convolutions=1)


def _unet() -> Named:
    yield from _blocks([*reversed(TAP_CHANNELS[:-1]), 0], convolutions=2)


def _blocks(skips: list[int], convolutions: int) -> Named:
    for level, (inputs, outputs) in enumerate(pairwise((TAP_CHANNELS[-1], *CHANNELS))):
        for place in range(convolutions):
            name = f"decoder.blocks.{level}.convolve.{place}"
            yield from _normalised(f"{name}.0", f"{name}.1", outputs, outputs if place else inputs + skips[level], 3)
    yield from _biased("decoder.head", 1, CHANNELS[-1], 3)


def _pyramid() -> Named:
    widths = CHANNELS[:-1]
    skips = reversed(TAP_CHANNELS[:-1])
    for level, ((inputs, width), skip) in enumerate(zip(pairwise((TAP_CHANNELS[-1], *widths)), skips, strict=True)):
        yield from _biased(f"decoder.narrow.{level}", width, inputs, 1)
        yield from _biased(f"decoder.lateral.{level}", width, skip, 1)
        for place in range(2):
            name = f"decoder.smooth.{level}.{place}"
            yield from _normalised(f"{name}.0", f"{name}.1", width, width, 3)
    yield from _biased("decoder.head", 1, widths[-1], 3)


_DECODERS: dict[Decoder, Callable[[], Named]] = {"plain": _plain, "unet": _unet, "pyramid": _pyramid}


def _normalised(name: str, norm: str, outputs: int, inputs: int, side: int) -> Named:
    """A convolution with the BatchNorm after it."""
    yield f"{name}.weight", (outputs, inputs, side, side)
    for of_norm in ("weight", "bias", "running_mean", "running_var"):
        yield f"{norm}.{of_norm}", (outputs,)
    yield f"{norm}.{COUNTER}", ()


def _biased(name: str, outputs: int, inputs: int, side: int) -> Named:
    yield f"{name}.weight", (outputs, inputs, side, side)
    yield f"{name}.bias", (outputs,)
