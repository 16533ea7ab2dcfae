"""Trained models read from checkpoint files: ready to predict without torch, or as torch models."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seg_core.common.home import expanded
from seg_core.config import Config
from seg_core.data.image import Reader, Source, read_scaled, scaled
from seg_core.prediction.checkpoint_file import damage_named, read_metadata, read_tensors
from seg_core.prediction.expected_iou import ExpectedIou, expected_iou, soft_iou
from seg_core.prediction.familiarity import Familiarity
from seg_core.prediction.metadata import CheckpointMetadata, checkpoint_label, own_threshold
from seg_core.prediction.predictor import Prediction, PredictsAnyPhotograph, require_numbers
from seg_core.prediction.second_look import ENLARGED, part_to_enlarge, pasted
from seg_core.prediction.symmetry import Network, canonical_probabilities, mean_over_symmetries

if TYPE_CHECKING:
    from seg_core.network import Segmenter
    from seg_core.prediction.engine import Engine


@dataclass(frozen=True)
class Checkpoint(PredictsAnyPhotograph):
    """A trained model, ready to predict on the CPU. Make it with `load_checkpoint`."""

    path: Path
    metadata: CheckpointMetadata
    engine: Engine = field(repr=False)
    familiarity: Familiarity | None = field(default=None, repr=False)
    """By which it knows photographs like those that trained it; None if it has not learnt that."""
    tta: bool = False
    """Test-time augmentation: True if probabilities are the mean over the square's eight symmetries, for eight times the work."""

    @cached_property
    def config(self) -> Config:
        """The settings it was trained with."""
        return Config(**self.metadata["config"])

    @property
    def label(self) -> str:
        """Its name in the app."""
        return checkpoint_label(self.metadata)

    @property
    def threshold(self) -> float:
        """The probability from which it calls a pixel lesion."""
        return own_threshold(self.metadata)

    def predict(self, image: Source, name: str = "", read: Reader = read_scaled) -> Prediction:
        """Predict the lesion of one photograph of any size and kind (see `seg_core.data.image.read_image`).

        Raises:
            InputError: if the photograph cannot be read.
        """
        side = self.config.image_size
        # Decoded at twice the size or more: JPEG's own scaling is too sharp for the models.
        photo, size = read(image, (side, side), name, draft=2 * side)
        started = time.perf_counter()
        network = _Watched(self.engine)
        probabilities = self.probabilities(np.asarray(photo)[None], network)[0]
        # By the threshold of the training: a calibrated copy has the probabilities that its threshold was chosen on.
        if part := part_to_enlarge(probabilities >= self.config.threshold, self.config.second_look):
            frame, _ = read(image, (ENLARGED * side, ENLARGED * side), name, draft=2 * side)
            again = scaled(frame.crop(part), (side, side))
            probabilities = pasted(probabilities, self.probabilities(np.asarray(again)[None])[0], part)
        expected = self._expected_iou(probabilities, network.features[0])
        return Prediction(probabilities, size, self.threshold, time.perf_counter() - started, expected)

    def _expected_iou(self, probabilities: np.ndarray, features: np.ndarray) -> ExpectedIou | None:
        learnt = self.metadata.get("expected_iou")
        if learnt is None or self.tta:  # test-time augmentation makes probabilities softer
            return None
        unlike = self.familiarity is not None and self.familiarity.is_unlike(features)
        return expected_iou(learnt, soft_iou(probabilities, self.threshold))._replace(unlike=unlike)

    def probabilities(self, images: np.ndarray, network: Network | None = None) -> np.ndarray:
        """Predict the probabilities (B, S, S) float32 of photographs (B, S, S, 3) uint8 at the network's resolution."""
        probabilities = mean_over_symmetries if self.tta else canonical_probabilities
        return require_numbers(probabilities(network or self.engine, images), self.label)


class _Watched:
    """A network that keeps what its encoder saw last."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.features = engine, np.empty((0, 0))

    def __call__(self, photos: np.ndarray) -> np.ndarray:
        probabilities, self.features = self.engine.see(photos)
        return probabilities


def load_checkpoint(path: str | Path, name: str = "", *, tta: bool = False) -> Checkpoint:
    """Read a checkpoint, ready to predict without torch; an error calls it ``name``, or by its path.

    With ``tta`` it predicts with test-time augmentation.

    Raises:
        InputError: if the file is missing, is no checkpoint of LesionLab, is damaged, or comes from a newer version.
    """
    from seg_core.prediction.engine import Engine

    path = expanded(path)
    metadata = read_metadata(path, name)
    config = Config(**metadata["config"])
    tensors = read_tensors(path, config, name)
    with damage_named(name or str(path)):
        engine, learnt = Engine(config, tensors), metadata.get("familiarity")
        return Checkpoint(path, metadata, engine, Familiarity.of(learnt, engine.features) if learnt else None, tta)


def load_model(path: str | Path) -> Segmenter:
    """Read a checkpoint and rebuild its torch model, in evaluation mode and fp32, for training, export or inspection.

    Raises:
        InputError: as `load_checkpoint`.
    """
    from seg_core.network import build_model

    model = build_model(Config(**read_metadata(path)["config"]), load_encoder_weights=False)
    load_weights(model, path)
    return model.eval()


def load_weights(model: Segmenter, path: str | Path) -> None:
    """Load the weights of a checkpoint into a torch model with the same decoder, in fp32.

    Raises:
        InputError: as `load_checkpoint`.
    """
    import torch

    config = Config(**read_metadata(path)["config"])
    tensors = {name: torch.from_numpy(values) for name, values in read_tensors(expanded(path), config).items()}
    model.load_state_dict({name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()})
