"""The torch model: a MobileNetV2 encoder and a choice of decoders; a variant freezes the encoder, the decoder or neither.

It knows the data (for the normalisation), the config and what lies below. Begin with `segmenter`. Prediction runs the same
model without torch from `architecture`, so the names below are imported when they are first used: until then, torch is not
loaded.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seg_core.network.segmenter import Segmenter, build_model, count_parameters

__all__ = ["Segmenter", "build_model", "count_parameters"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("seg_core.network.segmenter"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
