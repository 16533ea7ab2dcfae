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
from seg_core.training.contents import Contents
from seg_core.training.events import BatchDone, EpochDone, Message, OnEvent, Preparing, Restored, Sample, ShouldStop
from seg_core.training.familiarity import add_familiarity
from seg_core.training.history import EpochRecord, History
from seg_core.training.loggers.kinds import require_loggers
from seg_core.training.loggers.listener import Logged
from seg_core.training.loggers.logger import LoggedTraining
from seg_core.training.losses import LOSSES
from seg_core.training.optimizer import build_optimizer, set_learning_rate
from seg_core.training.preparation import PreparedData, prepare
from seg_core.training.ranks import Place, Ranks, connected
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
from seg_core.training.validation import MeanMetrics, Validation, predict_samples, sample_indices, validate


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
    place: Place = Place(),  # noqa: B008 - it is frozen
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

    Several processes train one model if each calls this with the ``place`` that it has among them. The first one alone reports
    events, and reads and writes the ``folder``.

    Raises:
        InputError: if the data, a setting or the checkpoint to begin from cannot be used, a logger's package is not installed, or
            the file to resume from is damaged.
        DataChanged: if files were edited since the training to be resumed read them.
        TrainingFailed: if the loss is no longer a finite number.
        RankLost: if another process is gone.
    """
    require_loggers(config.loggers)
    with connected(place, config) as (ranks, fabric):
        report = on_event if ranks.is_first else lambda event: None
        start = ranks.from_first(lambda: _Start.of(folder / RESUME_FILE, config, report, resume=resume))
        advance = lambda done, total, what: report(Preparing(done, total, what))  # noqa: E731
        data = ranks.first_first(lambda: prepare(dataset, config, advance, start.contents))
        for text in data.notes:
            report(Message(text))
        training = _Training(config, data, fabric, folder, name, start.began_from, ranks)
        if start.began_from and not start.has_weights:
            training.begin_from(config.begin_from)
        if resume:
            training.restore()
            for text in training.mend():
                report(Message(text))
        report(Message(training.description()))
        loggers = config.loggers if ranks.is_first else ()
        with Logged(loggers, report, training.to_log(), training.history.epochs) as logged:
            result = training.run(logged, should_stop)
            logged.status = result.status
    return result


@dataclass(frozen=True)
class _Start:
    """What a training goes on from."""

    has_weights: bool
    """True if an epoch is whole, or more were."""
    began_from: Beginning | None
    contents: Contents | None
    """Of the files that have trained it so far."""

    @classmethod
    def of(cls, file: Path, config: Config, report: OnEvent, *, resume: bool) -> _Start:
        if resume and (mended := mend_resume(file)):
            report(Message(mended))
        has_weights = resume and file.exists()
        began_from = saved_beginning(file) if has_weights else beginning(config)
        return cls(has_weights, began_from, saved_contents(file) if resume else None)


class _Stopped(Exception):
    """The caller asked to stop within an epoch."""


class _Training:
    """A training in progress: the model, its optimizer, and its history."""

    def __init__(
        self,
        config: Config,
        data: PreparedData,
        fabric: Fabric,
        folder: Path,
        name: str,
        began_from: Beginning | None,
        ranks: Ranks,
    ) -> None:
        self.config, self.data, self.fabric, self.folder, self.name = config, data, fabric, folder, name
        self.began_from, self.ranks = began_from, ranks
        network = build_model(config, load_encoder_weights=began_from is None)
        if self.keeps_before:
            network.keep_statistics()
        network = ranks.synchronise_batch_norm(network, fabric.device)
        self.network: Segmenter = network.to(memory_format=torch.channels_last)
        self.optimizer = build_optimizer(self.network, config)
        self.model, self.fabric_optimizer = fabric.setup(self.network, self.optimizer)
        self.average: WeightAverage | None = None  # made in the first epoch that is averaged, or of the model before
        self.train_batches, self.val_batches = (
            Batches(pairs, config, fabric.device, ranks.part) for pairs in (data.train, data.val)
        )
        self.loss = LOSSES[config.loss]
        self.history = History(keep=config.keep)
        self.expected_iou: ExpectedIouValues | None = None  # by the last validation
        self.images_per_second: float | None = None

    def restore(self) -> None:
        """Continue from the last completed epoch."""
        self.history = self.ranks.from_first(lambda: saved_history(self._resume_file, self.config.keep))
        epochs = len(self.history.epochs)
        if epochs >= self.config.averaged_from or (epochs and self.keeps_before):
            self.average = self._new_average()
        if self.ranks.is_first:
            load_resume(self._resume_file, self.network, self.optimizer, self.average, self.data.fingerprint)
        for part in filter(None, (self.network, self.optimizer, self.average)):
            self.ranks.share_state(part)
        if self.average and epochs == self.config.schedule_from:  # a run that goes on has itself before
            self.average.count_anew()

    def begin_from(self, checkpoint: str) -> None:
        """Begin with the weights of a checkpoint."""
        if self.ranks.is_first:
            load_weights(self.network, checkpoint)
        self.ranks.share_state(self.network)
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
        for which in ("last", "best") if epochs and self.ranks.is_first else ():
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
        millions, precision = count_parameters(self.network) / 1e6, self.ranks.precision
        text = (
            f"{self.config.label}, {millions:.1f} million parameters, on {self.data.train.usable} photographs, "
            f"validated on {self.data.val.usable}, at {self.config.image_size} px, {self.fabric.device} in {precision}."
        )
        if not self.ranks.alone:
            text += f" {self.ranks.place.world} processes train it together."
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
                if self.ranks.is_first and epoch < self.config.averaged_from:
                    self._save("last", self.network, stopped_in=epoch)
                return self._result("stopped")
        if self.ranks.is_first:
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
        if self.ranks.is_first:
            self._save("last", model.module)
            if is_best:
                self._save("best", model.module)
            state = (self.network, self.optimizer, self.average, self.history)
            save_resume(self._resume_file, *state, self.data.fingerprint, self.data.contents, self.began_from)
            samples = self._samples()
            on_event(EpochDone(epoch, train, val, seconds, self.images_per_second, is_best, samples, process))

    def _train_epoch(self, epoch: int, meter: StepMeter, on_event: OnEvent, should_stop: ShouldStop) -> dict[str, float]:
        self.model.train()
        batches = len(self.train_batches)
        means, started, seen = MeanMetrics(self.config.threshold, self.ranks), time.perf_counter(), 0
        for images, masks, _, batch, part in meter.waiting(self.train_batches.shuffled()):
            set_learning_rate(self.optimizer, self.config, (epoch - 1) * batches + batch - 1, batches)
            logits = self.model(images).float()
            loss = self.loss(logits, masks)
            self.fabric_optimizer.zero_grad()
            self.fabric.backward(loss * part.weight)  # of which the mean over all processes is taken
            meter.step()
            self.fabric_optimizer.step()
            if part.weight:
                means.add(loss.detach(), logits.detach(), masks)
            value = self.ranks.mean_loss(loss.detach(), part)
            seen += part.total
            self._require_finite(value, f"epoch {epoch}, batch {batch}")
            on_event(BatchDone(epoch, batch, batches, value, seen / (time.perf_counter() - started)))
            if self.ranks.any(should_stop()):
                raise _Stopped
        self.ranks.share_statistics(self.network)
        return means.values()

    def _model_to_keep(self, epoch: int, should_stop: ShouldStop) -> Any:
        """Return the model after an epoch or, from the first averaged epoch on, the average, as Fabric wraps it."""
        if epoch < self.config.averaged_from:
            return self.model
        if not self.average:
            self.average = self._new_average()
        batches = self._until_stopped(self.train_batches.shuffled(), should_stop)
        self.average.add(self.network, (batch.images for batch in batches))
        self.ranks.share_statistics(self.average.network)
        return self.average.model

    def _validate(self, model: Any, should_stop: ShouldStop) -> Validation:
        model.eval()
        batches = self._until_stopped(self.val_batches.sequential(), should_stop)
        return validate(model, batches, self.loss, self.config.threshold, self.ranks)

    def _until_stopped(self, batches: Iterator[Batch], should_stop: ShouldStop) -> Iterator[Batch]:
        for batch in batches:
            if self.ranks.any(should_stop()):
                raise _Stopped
            yield batch

    def _samples(self) -> list[Sample]:
        """Predict the samples of the last completed epoch, from its weights."""
        self._kept_model.eval()
        return predict_samples(self._kept_model, self.val_batches.only(sample_indices(len(self.data.val))), self.data.val)

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
