"""Running a model's graph with OpenVINO, on all cores of this machine. Torch is not needed."""

from __future__ import annotations

import sys
import threading
from functools import cache

import numpy as np

# OpenVINO imports this converter of other models with itself, and works without it. The converter reports its import to its
# maker, unasked, and leaves an identifier of this machine in the home folder.
sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]

import openvino  # noqa: E402

from seg_core.config import Config  # noqa: E402
from seg_core.prediction.onnx_graph import Tensors, build_graph  # noqa: E402

# fp32, since bf16 moved probabilities by up to 0.3 where a lesion fades into the skin (docs/performance.md).
# Without pinning: a pinned thread waits for a training that occupies its core, while another core may be free.
_SETTINGS = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "ENABLE_CPU_PINNING": False}


@cache
def _core() -> openvino.Core:
    # One for the life of the process. Each core installs a signal stack in the thread that makes it; when several end in another
    # order than they began, a freed stack stays installed, and the next SIGTERM crashes the process.
    return openvino.Core()


def compiled(graph: bytes) -> openvino.CompiledModel:
    """Compile an ONNX file for this machine's processor."""
    return _core().compile_model(_core().read_model(graph), "CPU", _SETTINGS)


class Session:
    """A compiled ONNX file. Safe to use from several threads, which take turns: each turn has all cores."""

    def __init__(self, graph: bytes) -> None:
        """Compile an ONNX file. Raises RuntimeError if it cannot be run."""
        model = compiled(graph)
        self.outputs = [output.partial_shape for output in model.outputs]
        self._request = model.create_infer_request()
        self._lock = threading.Lock()

    def __call__(self, values: np.ndarray) -> list[np.ndarray]:
        """Return copies of all outputs for its one input."""
        with self._lock:
            return [np.array(output) for output in self._request.infer([np.ascontiguousarray(values)]).values()]


class Engine:
    """A model that is ready to predict. Safe to use from several threads, as `Session`."""

    def __init__(self, config: Config, tensors: Tensors) -> None:
        """Build and compile the graph of a model.

        Raises:
            KeyError, ValueError, RuntimeError: if the tensors are not those of the config's model.
        """
        self._session = Session(build_graph(config, tensors, features=True).SerializeToString())

    @property
    def features(self) -> int:
        """Number of features that `see` gives."""
        return int(self._session.outputs[1][1].get_length())

    def __call__(self, photos: np.ndarray) -> np.ndarray:
        """Predict probabilities (B, H, W) float32 of photographs (B, H, W, 3) uint8; H and W are multiples of 32."""
        return self.see(photos)[0]

    def see(self, photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As calling it, with what the encoder saw: features (B, F) for `seg_core.prediction.familiarity`."""
        probabilities, features = self._session(photos)
        return probabilities, features
