"""The training loop. It knows nothing of storage or screens: it reports through events, and is told when to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.tensorboard import TensorBoardLogger

from seg_core import metrics
from seg_core.common.versions import versions
from seg_core.config import Config
from seg_core.data.dataset import Dataset
from seg_core.data.image import MEAN, STD
from seg_core.network import Segmenter, build_model, count_parameters
from seg_core.prediction.checkpoint_file import save_checkpoint
from seg_core.prediction.metadata import FORMAT_VERSION, CheckpointMetadata
from seg_core.training.averaging import WeightAverage
from seg_core.training.batches import Batches
from seg_core.training.device import choose_precision, find_device
from seg_core.training.events import BatchDone, EpochDone, Event, Message, Preparing, Sample
from seg_core.training.history import EpochRecord, History
from seg_core.training.losses import LOSSES
from seg_core.training.preparation import PreparedData, prepare
from seg_core.training.resume import load_resume, save_resume, saved_history

SAMPLES = 4
"""Validation photographs whose masks are reported after every epoch."""
SWA_RATE = 0.25
"""Share of the learning rate at which weights that are averaged are trained, with the one-cycle schedule."""


class TrainingFailed(RuntimeError):
    """The training cannot go on; the text says why and what to do."""


@dataclass(frozen=True)
class TrainResult:
    """How a training ended. ``val`` are the metrics of the best epoch; before the first whole one it is empty and that is 0."""

    status: Literal["finished", "stopped"]
    epochs: int
    best_epoch: int
    checkpoint: Path
    val: dict[str, float]
    images_per_second: float | None


def train(
    config: Config,
    dataset: Dataset,
    on_event: Callable[[Event], None] = lambda event: None,
    *,
    folder: Path,
    name: str = "",
    resume: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainResult:
    """Train a model and keep its best and last checkpoint in ``folder``.

    After every epoch ``folder`` holds ``last.safetensors``, ``best.safetensors`` (highest validation IoU) and
    ``resume.safetensors``, from which ``resume=True`` goes on at the epoch that was interrupted. ``should_stop`` is asked after
    every batch; a training stopped within an epoch keeps that epoch's weights as the last checkpoint. Where epochs are averaged
    (`Config.swa_fraction`), their mean is what is validated and kept, and a stop keeps that of the whole ones.

    With ``log`` set to ``tensorboard``, ``folder/tensorboard`` gets the metrics of every epoch as ``loss/train``, ``iou/val``
    and so on.

    Raises:
        InputError: if the data or a setting cannot be used, or what to resume from is damaged.
        TrainingFailed: if the loss is no longer a finite number.
    """
    kind, index = find_device(config.device)
    fabric = Fabric(
        accelerator=kind,
        devices=1 if kind == "cpu" else [index],
        precision=choose_precision(config),
        loggers=_event_files(folder) if config.log == "tensorboard" else None,
    )
    data = prepare(dataset, config, lambda done, total, what: on_event(Preparing(done, total, what)))
    for text in data.notes:
        on_event(Message(text))
    training = _Training(config, data, fabric, folder, name)
    if resume:
        training.restore()
    on_event(Message(training.description()))
    try:
        return training.run(on_event, should_stop)
    finally:
        for logger in fabric.loggers:
            logger.finalize("done")


def _event_files(folder: Path) -> TensorBoardLogger:
    # By itself a file is named by the second, and a training resumed within it would write over what there is.
    return TensorBoardLogger(folder, name="tensorboard", version="", filename_suffix=f".{time.time_ns()}", flush_secs=1)


class _Stopped(Exception):
    """The caller asked to stop within an epoch."""


class _Training:
    """One training in progress: the model, its optimizer, and how far it has come."""

    def __init__(self, config: Config, data: PreparedData, fabric: Fabric, folder: Path, name: str) -> None:
        self.config, self.data, self.fabric, self.folder, self.name = config, data, fabric, folder, name
        self.network: Segmenter = build_model(config).to(memory_format=torch.channels_last)
        kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
        self.optimizer = kind(_parameter_groups(self.network, config), lr=config.learning_rate)
        self.model, self.fabric_optimizer = fabric.setup(self.network, self.optimizer)
        self.average: WeightAverage | None = None  # from the first epoch on that is averaged
        self.train_batches, self.val_batches = (Batches(pairs, config, fabric.device) for pairs in (data.train, data.val))
        self.loss = LOSSES[config.loss]
        self.history = History()
        self.images_per_second: float | None = None

    def restore(self) -> None:
        """Continue from the last whole epoch."""
        if len(saved_history(self._resume_file).epochs) >= self.config.averaged_from:
            self.average = WeightAverage(self.network, self.fabric)
        self.history = load_resume(self._resume_file, self.network, self.optimizer, self.average, self.data.fingerprint)

    @property
    def _resume_file(self) -> Path:
        return self.folder / "resume.safetensors"

    def description(self) -> str:
        """One line that says what trains on what, and what is kept of it."""
        millions, precision = count_parameters(self.network) / 1e6, choose_precision(self.config)
        text = (
            f"{self.config.label}, {millions:.1f} million parameters, on {self.data.train.usable} photographs, "
            f"validated on {self.data.val.usable}, at {self.config.image_size} px, {self.fabric.device} in {precision}."
        )
        if self.config.averages:
            text += f" From epoch {self.config.averaged_from} on, the mean of the epochs' weights is validated and kept."
        return text

    def run(self, on_event: Callable[[Event], None], should_stop: Callable[[], bool]) -> TrainResult:
        self.network.fold_frozen_encoder()
        for epoch in range(len(self.history.epochs) + 1, self.config.epochs + 1):
            torch.manual_seed(self.config.seed * 100_003 + epoch)  # an epoch draws the same numbers, resumed or not
            epoch_started = time.perf_counter()
            try:
                trained = self._train_epoch(epoch, on_event, should_stop)
                train_seconds = time.perf_counter() - epoch_started
                model = self._model_to_keep(epoch, should_stop)
                val, samples = self._validate(model, should_stop)
                self._require_finite(val["loss"], f"the validation of epoch {epoch}")
            except _Stopped:
                if epoch < self.config.averaged_from:
                    self._save("last", self.network, stopped_in=epoch)
                return self._result("stopped")
            seconds = time.perf_counter() - epoch_started
            for text in self.data.new_notes():
                on_event(Message(text))
            self.history = History((*self.history.epochs, EpochRecord(trained, val, seconds)))
            is_best = self.history.best_epoch == epoch
            self._save("last", model.module)
            if is_best:
                self._save("best", model.module)
            save_resume(self._resume_file, self.network, self.optimizer, self.average, self.history, self.data.fingerprint)
            self.images_per_second = self.data.train.usable / train_seconds
            self._log(epoch, {"train": trained, "val": val})
            on_event(EpochDone(epoch, trained, val, seconds, self.images_per_second, is_best, samples))
        return self._result("finished")

    def _train_epoch(self, epoch: int, on_event: Callable[[Event], None], should_stop: Callable[[], bool]) -> dict[str, float]:
        self.model.train()
        batches = len(self.train_batches)
        means, started = _Means(), time.perf_counter()
        for images, masks, _, batch in self.train_batches.shuffled():
            factor = schedule_factor(self.config, (epoch - 1) * batches + batch - 1, batches)
            for group in self.optimizer.param_groups:
                group["lr"] = self.config.learning_rate * group["share"] * factor
            logits = self.model(images).float()
            loss = self.loss(logits, masks)
            self.fabric_optimizer.zero_grad()
            self.fabric.backward(loss)
            self.fabric_optimizer.step()
            means.add(loss.detach(), self._mask(logits.detach()), masks > 0.5)
            value = loss.item()  # the one moment of a batch in which a GPU is waited for
            self._require_finite(value, f"epoch {epoch}, batch {batch}")
            on_event(BatchDone(epoch, batch, batches, value, means.images / (time.perf_counter() - started)))
            if should_stop():
                raise _Stopped
        return means.values()

    def _model_to_keep(self, epoch: int, should_stop: Callable[[], bool]) -> Any:
        """The model after an epoch, or the mean since the first epoch that is averaged."""
        if epoch < self.config.averaged_from:
            return self.model
        if not self.average:
            self.average = WeightAverage(self.network, self.fabric)
        self.average.add(self.network, self._training_images(should_stop))
        return self.average.model

    def _training_images(self, should_stop: Callable[[], bool]) -> Iterator[torch.Tensor]:
        for batch in self.train_batches.shuffled():
            if should_stop():
                raise _Stopped
            yield batch.images

    def _validate(self, model: Any, should_stop: Callable[[], bool]) -> tuple[dict[str, float], list[Sample]]:
        model.eval()
        means, samples = _Means(), []
        chosen = set(np.linspace(0, len(self.data.val) - 1, min(SAMPLES, len(self.data.val))).round().astype(int).tolist())
        with torch.no_grad():
            for images, masks, indices, _ in self.val_batches.sequential():
                if should_stop():
                    raise _Stopped
                logits = model(images).float()
                means.add(self.loss(logits, masks), self._mask(logits), masks > 0.5)
                for position, index in enumerate(indices):
                    if index in chosen:
                        photo, truth = self.data.val[index]
                        samples.append(
                            Sample(
                                self.data.val.pairs[index].id,
                                np.array(photo),
                                truth > 0,
                                logits[position, 0].sigmoid().cpu().numpy(),
                            )
                        )
        return means.values(), samples

    def _log(self, epoch: int, parts: dict[str, dict[str, float]]) -> None:
        values = {f"{name}/{part}": value for part, metrics in parts.items() for name, value in metrics.items()}
        self.fabric.log_dict(values, step=epoch)

    def _require_finite(self, loss: float, where: str) -> None:
        if not math.isfinite(loss):
            raise TrainingFailed(
                f"The loss became {loss} in {where}; start again with a learning rate below {self.config.learning_rate:g}."
            )

    def _mask(self, logits: torch.Tensor) -> torch.Tensor:
        return logits.sigmoid() >= self.config.threshold

    def _save(self, which: Literal["best", "last"], network: Segmenter, stopped_in: int | None = None) -> None:
        epochs = self.history.epochs
        metadata: CheckpointMetadata = {
            "format": FORMAT_VERSION,
            "name": self.name,
            "label": f"{self.config.label} ({self.config.recipe})",
            "config": self.config.model_dump(),
            "parameters": count_parameters(network),
            "normalisation": {"mean": list(MEAN), "std": list(STD)},
            "dataset": self.data.summary(),
            "epoch": stopped_in or len(epochs),
            "epoch_is_whole": stopped_in is None,
            "metrics": {"train": epochs[-1].train, "val": epochs[-1].val} if stopped_in is None else {},
            "history": self.history.to_json(),
            "seconds": round(sum(epoch.seconds for epoch in epochs), 1),
            "device": str(self.fabric.device),
            "precision": choose_precision(self.config),
            "threads": torch.get_num_threads(),
            "versions": versions(),
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        save_checkpoint(self.folder / f"{which}.safetensors", network, metadata)

    def _result(self, status: Literal["finished", "stopped"]) -> TrainResult:
        history = self.history
        best = self.folder / ("best.safetensors" if history.best_epoch else "last.safetensors")
        return TrainResult(status, len(history.epochs), history.best_epoch, best, history.best_val, self.images_per_second)


def _parameter_groups(network: Segmenter, config: Config) -> list[dict[str, Any]]:
    """What learns, encoder and decoder apart, each with the share of the learning rate that it has; one alone has all of it."""
    parts = [[one for one in part.parameters() if one.requires_grad] for part in (network.encoder, network.decoder)]
    shares = [config.encoder_rate, 1.0] if all(parts) else [1.0, 1.0]
    return [{"params": weights, "share": share} for weights, share in zip(parts, shares, strict=True) if weights]


class _Means:
    """Means over images of the loss and of the per-image metrics; nothing leaves the device before they are asked for."""

    _NAMES = ("loss", "accuracy", "iou", "dice", "report_iou", "report_dice")

    def __init__(self) -> None:
        self.images = 0
        self._sums: list[torch.Tensor] = []

    def add(self, loss: torch.Tensor, prediction: torch.Tensor, truth: torch.Tensor) -> None:
        """Add a batch: its mean loss, and boolean masks (B, 1, S, S)."""
        images = prediction.shape[0]
        usual = metrics.all_metrics(prediction, truth)
        measured = [usual[name] for name in ("accuracy", "iou", "dice")]
        measured += [metrics.report_iou(prediction, truth), metrics.report_dice(prediction, truth)]
        self.images += images
        self._sums.append(torch.stack([loss * images, *(values.sum() for values in measured)]))

    def values(self) -> dict[str, float]:
        means = torch.stack(self._sums).cpu().double().sum(dim=0) / self.images
        return dict(zip(self._NAMES, means.tolist(), strict=True))


def schedule_factor(config: Config, step: int, batches: int) -> float:
    """What the learning rate is multiplied by at a step (from 0) of ``epochs × batches``.

    one-cycle (Smith & Topin, 2018): from 1/25 up to 1 over the first 30 %, then down to 1/10,000, both along half a cosine. A
    run continued for more epochs goes through another cycle over these, a warm restart (Loshchilov & Hutter, 2017). Where
    epochs are averaged, the cycle is over before them, at `SWA_RATE`, and the rate stays there.
    """
    if config.schedule == "constant":
        return 1.0
    steps = (config.averaged_from - 1 - config.schedule_from) * batches
    position = min(1.0, (step - config.schedule_from * batches) / max(1, steps - 1))
    lowest = SWA_RATE if config.averages else 1e-4
    rising = position < 0.3
    start, end, share = (0.04, 1.0, position / 0.3) if rising else (1.0, lowest, (position - 0.3) / 0.7)
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
