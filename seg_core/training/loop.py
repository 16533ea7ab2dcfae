"""The training loop. It knows nothing of storage or screens: it reports events, and asks whether to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric import Fabric

from seg_core.config import Config
from seg_core.data.dataset import Dataset
from seg_core.errors import InputError
from seg_core.network import Segmenter, build_model, count_parameters
from seg_core.prediction.checkpoint import load_weights
from seg_core.prediction.checkpoint_file import read_metadata, read_tensors, save_checkpoint
from seg_core.prediction.expected_iou import fit
from seg_core.prediction.metadata import Beginning, ExpectedIouValues
from seg_core.training.averaging import WeightAverage
from seg_core.training.batches import Batch, Batches
from seg_core.training.beginning import beginning
from seg_core.training.checkpoint_metadata import checkpoint_metadata, shared_settings
from seg_core.training.device import choose_precision, find_device
from seg_core.training.events import BatchDone, EpochDone, Message, OnEvent, Preparing, Restored, Sample, ShouldStop
from seg_core.training.familiarity import add_familiarity
from seg_core.training.history import EpochRecord, History
from seg_core.training.loggers.kinds import require_loggers
from seg_core.training.loggers.listener import Logged
from seg_core.training.loggers.logger import LoggedTraining
from seg_core.training.losses import LOSSES
from seg_core.training.optimizer import build_optimizer, set_learning_rate
from seg_core.training.preparation import PreparedData, prepare
from seg_core.training.resume import (
    RESUME_FILE,
    forget_previous,
    load_resume,
    mend_resume,
    save_resume,
    saved_beginning,
    saved_contents,
    saved_history,
)
from seg_core.training.step_meter import StepMeter
from seg_core.training.validation import MeanMetrics, Validation, validate


class TrainingFailed(RuntimeError):
    """The training cannot go on; the text says why and what to do."""


@dataclass(frozen=True)
class TrainResult:
    """Result of a training. Before the first whole epoch ``best_epoch`` is 0, and ``val``, its metrics, is empty."""

    status: Literal["finished", "stopped"]
    epochs: int
    best_epoch: int
    checkpoint: Path
    val: dict[str, float]
    images_per_second: float | None


def train(
    config: Config,
    dataset: Dataset,
    on_event: OnEvent = lambda event: None,
    *,
    folder: Path,
    name: str = "",
    resume: bool = False,
    should_stop: ShouldStop = lambda: False,
) -> TrainResult:
    """Train a model and keep its best and last checkpoint in ``folder``.

    After every epoch ``folder`` holds ``last.safetensors``, ``best.safetensors`` (the epoch that `Config.keep` names) and
    ``resume.safetensors``. With ``resume=True`` the training goes on from there, at the epoch that was interrupted.

    With ``begin_from`` it begins with the weights of that checkpoint. After the first whole epoch the training can be resumed
    without that file.

    ``should_stop`` is asked after every batch. A training stopped within an epoch keeps that epoch's weights as the last
    checkpoint. Where epochs are averaged (`Config.swa_fraction`), the average is validated and kept, and a stop keeps the average
    of the completed epochs.

    With ``log``, loggers get metrics, settings, masks and the best checkpoint too (`seg_core.training.loggers`).

    Raises:
        InputError: if the data, a setting or the checkpoint to begin from cannot be used, a logger's package is not installed, or
            the file to resume from is damaged.
        DataChanged: if files were edited since the training to be resumed read them.
        TrainingFailed: if the loss is no longer a finite number.
    """
    require_loggers(config.loggers)
    accelerator, index = find_device(config.device)
    fabric = Fabric(
        accelerator=accelerator,
        devices=1 if accelerator == "cpu" else [index],
        precision=choose_precision(config),
    )
    if resume and (mended := mend_resume(folder / RESUME_FILE)):
        on_event(Message(mended))
    has_weights = resume and (folder / RESUME_FILE).exists()
    began_from = saved_beginning(folder / RESUME_FILE) if has_weights else beginning(config)
    before = saved_contents(folder / RESUME_FILE) if resume else None
    data = prepare(dataset, config, lambda done, total, what: on_event(Preparing(done, total, what)), before)
    for text in data.notes:
        on_event(Message(text))
    training = _Training(config, data, fabric, folder, name, began_from)
    if began_from and not has_weights:
        training.begin_from(config.begin_from)
    if resume:
        training.restore()
        for text in training.mend():
            on_event(Message(text))
    on_event(Message(training.description()))
    with Logged(config.loggers, on_event, training.to_log(), training.history.epochs) as logged:
        result = training.run(logged, should_stop)
        logged.status = result.status
    return result


class _Stopped(Exception):
    """The caller asked to stop within an epoch."""


def _until_stopped(batches: Iterator[Batch], should_stop: ShouldStop) -> Iterator[Batch]:
    for batch in batches:
        if should_stop():
            raise _Stopped
        yield batch


class _Training:
    """A training in progress: the model, its optimizer, and its history."""

    def __init__(
        self, config: Config, data: PreparedData, fabric: Fabric, folder: Path, name: str, began_from: Beginning | None
    ) -> None:
        self.config, self.data, self.fabric, self.folder, self.name = config, data, fabric, folder, name
        self.began_from = began_from
        network = build_model(config, load_encoder_weights=began_from is None)
        if self.keeps_before:
            network.keep_statistics()
        self.network: Segmenter = network.to(memory_format=torch.channels_last)
        self.optimizer = build_optimizer(self.network, config)
        self.model, self.fabric_optimizer = fabric.setup(self.network, self.optimizer)
        self.average: WeightAverage | None = None  # made in the first epoch that is averaged, or of the model before
        self.train_batches, self.val_batches = (Batches(pairs, config, fabric.device) for pairs in (data.train, data.val))
        self.loss = LOSSES[config.loss]
        self.history = History(keep=config.keep)
        self.expected_iou: ExpectedIouValues | None = None  # by the last validation
        self.images_per_second: float | None = None

    def restore(self) -> None:
        """Continue from the last completed epoch."""
        self.history = saved_history(self._resume_file, self.config.keep)
        epochs = len(self.history.epochs)
        if epochs >= self.config.averaged_from or (epochs and self.keeps_before):
            self.average = self._new_average()
        load_resume(self._resume_file, self.network, self.optimizer, self.average, self.data.fingerprint)
        if self.average and epochs == self.config.schedule_from:  # a run that goes on has itself before
            self.average.count_anew()

    def begin_from(self, checkpoint: str) -> None:
        """Begin with the weights of a checkpoint."""
        load_weights(self.network, checkpoint)
        if self.keeps_before:
            self.average = self._new_average()

    @property
    def keeps_before(self) -> bool:
        """True if a part of the model that it began from stays in what is kept."""
        return bool(self.began_from and self.config.epochs_before)

    def _new_average(self) -> WeightAverage:
        return WeightAverage(self.network, self.fabric, self.config.epochs_before if self.keeps_before else 0)

    @property
    def _kept_model(self) -> Any:
        """The model that is kept after the last completed epoch, as Fabric wraps it: the average, or the network itself."""
        return self.average.model if self.average and len(self.history.epochs) >= self.config.averaged_from else self.model

    def mend(self) -> Iterator[str]:
        """Write the checkpoints that are damaged or missing again, from the last completed epoch; yield a sentence on each."""
        epochs, best = len(self.history.epochs), self.history.best_epoch
        for which in ("last", "best") if epochs else ():
            try:
                self._require_usable(self.folder / f"{which}.safetensors")
            except InputError:
                self._save(which, self._kept_model.module)
                instead = f", since the best one, {best}, is lost" if which == "best" and best != epochs else ""
                yield f"{which}.safetensors was damaged or missing; it now holds the model after epoch {epochs}{instead}."

    @property
    def _resume_file(self) -> Path:
        return self.folder / RESUME_FILE

    def description(self) -> str:
        """Return a line for the log: the model, the data, and the weights that are kept."""
        millions, precision = count_parameters(self.network) / 1e6, choose_precision(self.config)
        text = (
            f"{self.config.label}, {millions:.1f} million parameters, on {self.data.train.usable} photographs, "
            f"validated on {self.data.val.usable}, at {self.config.image_size} px, {self.fabric.device} in {precision}."
        )
        if self.began_from:
            text += f" It began from {self.began_from['name']} ({self.began_from['digest']})."
        if self.config.averages:
            text += f" From epoch {self.config.averaged_from} on, the mean of the epochs' weights is validated and kept."
            if self.keeps_before:
                text += f" {self.config.before_share:.0%} of it are the weights that it began from."
        return text

    def to_log(self) -> LoggedTraining:
        """Return what loggers are told at the beginning."""
        data = self.data.summary()
        dataset = {
            "dataset": data["name"],
            "dataset_fingerprint": data["fingerprint"],
            "train_photographs": data["train"],
            "val_photographs": data["val"],
        }
        name = self.name or self.config.label
        return LoggedTraining(name, shared_settings(self.config), dataset, self.folder, len(self.history.epochs))

    def run(self, on_event: OnEvent, should_stop: ShouldStop) -> TrainResult:
        """Train the remaining epochs."""
        self.network.fold_frozen_encoder()
        if self.history.epochs:
            on_event(Restored(len(self.history.epochs), self._samples))
        for epoch in range(len(self.history.epochs) + 1, self.config.epochs + 1):
            try:
                self._run_epoch(epoch, on_event, should_stop)
            except _Stopped:
                if epoch < self.config.averaged_from:
                    self._save("last", self.network, stopped_in=epoch)
                return self._result("stopped")
        for which in ("best", "last"):
            add_familiarity(self.folder / f"{which}.safetensors", self.data.train, self.data.val)
        self._require_kept()
        return self._result("finished")

    def _run_epoch(self, epoch: int, on_event: OnEvent, should_stop: ShouldStop) -> None:
        """Train, validate, save and report an epoch."""
        torch.manual_seed(self.config.seed * 100_003 + epoch)  # a resumed epoch draws the same numbers
        started = time.perf_counter()
        meter = StepMeter(self.optimizer)
        train = self._train_epoch(epoch, meter, on_event, should_stop)
        self.images_per_second = self.data.train.usable / (time.perf_counter() - started)
        steps = meter.values() | {"images_per_second": self.images_per_second}
        model = self._model_to_keep(epoch, should_stop)
        validation = self._validate(model, should_stop)
        val = validation.metrics
        self._require_finite(val["loss"], f"the validation of epoch {epoch}")
        seconds = time.perf_counter() - started
        process = steps | {"steps": epoch * len(self.train_batches), "time": time.time(), "seconds": seconds}
        process |= {"iou_margin": validation.iou_margin} if len(validation.iou) > 1 else {}
        for text in self.data.new_notes():
            on_event(Message(text))
        self.history = replace(self.history, epochs=(*self.history.epochs, EpochRecord(train, val, seconds, process)))
        self.expected_iou = fit(validation.soft_iou, validation.iou, self.data.summary()["name"])
        is_best = self.history.best_epoch == epoch
        self._save("last", model.module)
        if is_best:
            self._save("best", model.module)
        state = (self.network, self.optimizer, self.average, self.history)
        save_resume(self._resume_file, *state, self.data.fingerprint, self.data.contents, self.began_from)
        on_event(EpochDone(epoch, train, val, seconds, self.images_per_second, is_best, validation.samples, process))

    def _train_epoch(self, epoch: int, meter: StepMeter, on_event: OnEvent, should_stop: ShouldStop) -> dict[str, float]:
        self.model.train()
        batches = len(self.train_batches)
        means, started = MeanMetrics(self.config.threshold), time.perf_counter()
        for images, masks, _, batch in meter.waiting(self.train_batches.shuffled()):
            set_learning_rate(self.optimizer, self.config, (epoch - 1) * batches + batch - 1, batches)
            logits = self.model(images).float()
            loss = self.loss(logits, masks)
            self.fabric_optimizer.zero_grad()
            self.fabric.backward(loss)
            meter.step()
            self.fabric_optimizer.step()
            means.add(loss.detach(), logits.detach(), masks)
            value = loss.item()  # the only point of a batch at which a GPU is waited for
            self._require_finite(value, f"epoch {epoch}, batch {batch}")
            on_event(BatchDone(epoch, batch, batches, value, means.images / (time.perf_counter() - started)))
            if should_stop():
                raise _Stopped
        return means.values()

    def _model_to_keep(self, epoch: int, should_stop: ShouldStop) -> Any:
        """Return the model after an epoch or, from the first averaged epoch on, the average, as Fabric wraps it."""
        if epoch < self.config.averaged_from:
            return self.model
        if not self.average:
            self.average = self._new_average()
        self.average.add(self.network, (batch.images for batch in _until_stopped(self.train_batches.shuffled(), should_stop)))
        return self.average.model

    def _validate(self, model: Any, should_stop: ShouldStop) -> Validation:
        model.eval()
        batches = _until_stopped(self.val_batches.sequential(), should_stop)
        return validate(model, batches, self.data.val, self.loss, self.config.threshold)

    def _samples(self) -> list[Sample]:
        """Predict the samples of the last completed epoch, from its weights."""
        return self._validate(self._kept_model, lambda: False).samples

    def _require_kept(self) -> None:
        """Read the best checkpoint again, so that no training counts as finished whose model cannot be used."""
        self._require_usable(self._result("finished").checkpoint)
        forget_previous(self._resume_file)

    def _require_usable(self, checkpoint: Path) -> None:
        read_metadata(checkpoint)
        read_tensors(checkpoint, self.config)

    def _require_finite(self, loss: float, where: str) -> None:
        if not math.isfinite(loss):
            raise TrainingFailed(
                f"The loss became {loss} in {where}; start again with a learning rate below {self.config.learning_rate:g}."
            )

    def _save(self, which: Literal["best", "last"], network: Segmenter, stopped_in: int | None = None) -> None:
        data, device = self.data.summary(), self.fabric.device
        metadata = checkpoint_metadata(
            self.config, network, data, self.history, name=self.name, device=device, stopped_in=stopped_in
        )
        if self.began_from:
            metadata["began_from"] = self.began_from
        if self.expected_iou and stopped_in is None:
            metadata["expected_iou"] = self.expected_iou
        save_checkpoint(self.folder / f"{which}.safetensors", network, metadata)

    def _result(self, status: Literal["finished", "stopped"]) -> TrainResult:
        history = self.history
        best = self.folder / ("best.safetensors" if history.best_epoch else "last.safetensors")
        return TrainResult(status, len(history.epochs), history.best_epoch, best, history.best_val, self.images_per_second)
