"""Models of other programs: ONNX files with one image as input, which predict as checkpoints do, in the same engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from seg_core.common.atomic_file import atomic_file, remove_partials
from seg_core.common.home import expanded
from seg_core.common.regular_file import require_file
from seg_core.data.image import MEAN, STD, Reader, Source, read_scaled
from seg_core.errors import InputError
from seg_core.prediction.checkpoint import Checkpoint, load_checkpoint
from seg_core.prediction.foreign_file import ForeignFacts, ForeignSettings, read_foreign, with_settings
from seg_core.prediction.predictor import Prediction, PredictsAnyPhotograph, require_numbers
from seg_core.prediction.symmetry import mean_over_symmetries

SUFFIX = ".onnx"
_QUESTIONS = {"size": "of what size it takes photographs", "scaling": "how colours are scaled", "lesion": "which class is lesion"}


@dataclass(frozen=True)
class ForeignModel(PredictsAnyPhotograph):
    """A model of another program, a `seg_core.prediction.predictor.Predictor`. Make it with `load_foreign`."""

    path: Path
    facts: ForeignFacts
    settings: ForeignSettings
    run: Callable[[np.ndarray], list[np.ndarray]] = field(repr=False)
    """From the input of one photograph to all outputs."""
    tta: bool = False
    """Test-time augmentation: True if probabilities are the mean over the square's eight symmetries."""

    @property
    def label(self) -> str:
        """Its name in the app."""
        return self.settings.label

    @property
    def threshold(self) -> float:
        """The probability from which it calls a pixel lesion."""
        return self.settings.threshold

    def predict(self, image: Source, name: str = "", read: Reader = read_scaled) -> Prediction:
        """Predict the lesion of one photograph of any size and kind (see `seg_core.data.image.read_image`).

        Raises:
            InputError: if the photograph cannot be read, or test-time augmentation is asked of a model whose input is no square.
        """
        width, height = self.settings.width, self.settings.height
        if self.tta and width != height:
            raise InputError(f"{self.label} takes photographs of {width} × {height}; test-time augmentation needs a square.")
        photo, size = read(image, (width, height), name, draft=2 * max(width, height))
        started, pixels = time.perf_counter(), np.asarray(photo)[None]
        probabilities = mean_over_symmetries(self.probabilities, pixels) if self.tta else self.probabilities(pixels)
        return Prediction(np.ascontiguousarray(probabilities[0]), size, self.threshold, time.perf_counter() - started)

    def probabilities(self, photos: np.ndarray) -> np.ndarray:
        """Predict probabilities (B, h, w) float32 of photographs (B, H, W, 3) uint8 at the size of its input, one by one."""
        found = np.stack([self._lesion(self.run(self._input(photo))[self.facts.place]) for photo in photos])
        return require_numbers(found, self.label)

    def _input(self, photo: np.ndarray) -> np.ndarray:
        """The input for a photograph (H, W, 3) uint8."""
        grey = self.facts.channels == 1
        pixels = np.asarray(Image.fromarray(photo).convert("L"))[..., None] if grey else photo
        values: np.ndarray = pixels.astype(np.float32)
        mean, std = (np.float32(np.mean(each)) if grey else np.array(each, np.float32) for each in (MEAN, STD))
        match self.settings.scaling:
            case "imagenet":
                values = (values / 255 - mean) / std
            case "0 to 1":
                values = values / 255
            case "-1 to 1":
                values = values / 127.5 - 1
        arranged = values if self.facts.channels_last else values.transpose(2, 0, 1)
        return np.ascontiguousarray(arranged[None].astype(self.facts.dtype))

    def _lesion(self, output: np.ndarray) -> np.ndarray:
        """Probabilities (h, w) of lesion, from the output for one photograph."""
        axis, lesion = self.facts.class_axis, self.settings.lesion
        values = output[None] if axis is None else np.moveaxis(output, axis, 0)
        values = values[:, 0]
        if self.settings.output == "classes":
            return np.asarray(values[0] == lesion, np.float32)
        values = values.astype(np.float32)
        if self.settings.output == "softmax":
            powers = np.exp(values - values.max(axis=0))
            return np.asarray(powers[lesion] / powers.sum(axis=0), np.float32)
        found = values[lesion]
        return np.asarray(1 / (1 + np.exp(-np.clip(found, -60, 60))) if self.settings.output == "sigmoid" else found, np.float32)


def load_foreign(path: str | Path, name: str = "", *, tta: bool = False) -> ForeignModel:
    """Read an ONNX file that says all that has to be known of it; an error calls it ``name``, or by its path.

    Raises:
        InputError: if it cannot be read or run, or does not say all: LesionLab's pages ask for the rest when it is added there.
    """
    from seg_core.prediction.engine import Session

    path = expanded(path)
    require_file(path, name or str(path))
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"The model {name or path} cannot be read ({error.strerror}); check the path.") from None
    _, facts = read_foreign(content, name or path.name)
    if facts.unknown:
        questions = " and ".join(_QUESTIONS[each] for each in facts.unknown)
        raise InputError(f"{name or path} does not say {questions}; add it on the page Predict or Compare, which ask for it.")
    return ForeignModel(path, facts, facts.settings, Session(content), tta)


def load_any(path: str | Path, name: str = "", *, tta: bool = False) -> Checkpoint | ForeignModel:
    """Read a checkpoint or an ONNX file, as `load_checkpoint` and `load_foreign`, by its suffix."""
    load = load_foreign if Path(path).suffix.lower() == SUFFIX else load_checkpoint
    return load(path, name, tta=tta)


def keep_foreign(content: bytes, name: str, settings: ForeignSettings, target: Path) -> None:
    """Write an ONNX file with its settings, after it predicted one photograph with them.

    Raises:
        InputError: as `read_foreign`, or if a setting does not fit the model.
    """
    model, facts = read_foreign(content, name)
    require_fitting(content, facts, settings, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_partials(target.parent)
    with atomic_file(target, sync=True) as partial:
        partial.write_bytes(with_settings(model, settings))


def require_fitting(content: bytes, facts: ForeignFacts, settings: ForeignSettings, name: str) -> None:
    """Predict one photograph with these settings.

    Raises:
        InputError: if a setting does not fit the model.
    """
    from seg_core.prediction.engine import Session

    if not 0 <= settings.lesion < max(facts.classes, 256 if settings.output == "classes" else 1):
        raise InputError(f"{name} has no class {settings.lesion}; its {facts.classes} are counted from 0.")
    trial = ForeignModel(Path(name), facts, settings, Session(content))
    try:
        trial.predict(Image.new("RGB", (64, 48), "#c8a090"))
    except RuntimeError:
        size = f"{settings.width} × {settings.height}"
        raise InputError(f"{name} does not take photographs of {size}; many models need multiples of 32.") from None
