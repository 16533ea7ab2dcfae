"""The model: MobileNetV2 encoder, three decoders, three variants."""

from seg_core.network.segmenter import Segmenter, build_model, count_parameters

__all__ = ["Segmenter", "build_model", "count_parameters"]
