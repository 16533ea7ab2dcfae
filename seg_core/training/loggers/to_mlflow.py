"""Logging to MLflow: the server that ``MLFLOW_TRACKING_URI`` names, or a folder of files in the home folder."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from seg_core.common.home import home
from seg_core.training.loggers.logger import PROJECT, Begun, Ending, LoggedTraining, changed, flat

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # MLflow reads it when it is imported
os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # the one store that needs neither a server nor a database

from mlflow.entities import LifecycleStage, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

_STATUS: dict[Ending, str] = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}


class MlflowLogger:
    """Logs by a client of its own, so that several trainings of one process do not meet in MLflow's active run."""

    def begin(self, training: LoggedTraining, id: str | None) -> Begun:
        uri = os.environ.get("MLFLOW_TRACKING_URI") or (home() / "mlflow").as_uri()
        self._client = MlflowClient(tracking_uri=uri)
        self._id = (id and self._again(id)) or self._new(training.name)
        known = self._client.get_run(self._id).data
        facts = changed(training.facts, known.params.items())
        # MLflow keeps a parameter as it was first; what a continued run has changed becomes a tag.
        self._client.log_batch(
            self._id,
            params=[Param(name, value) for name, value in facts.items() if name not in known.params],
            tags=[RunTag(f"now.{name}", value) for name, value in facts.items() if name in known.params],
        )
        return Begun(self._id, f"{uri}, run {self._id}", self._last_epoch())

    def epoch(self, epoch: int, metrics: Mapping[str, Mapping[str, float]]) -> None:
        now = round(time.time() * 1000)
        self._client.log_batch(self._id, metrics=[Metric(name, value, now, epoch) for name, value in flat(metrics).items()])

    def masks(self, epoch: int, picture: np.ndarray) -> None:
        self._client.log_image(self._id, picture, key="masks", step=epoch, synchronous=True)

    def end(self, status: Ending, epoch: int, checkpoint: Path | None) -> None:
        if checkpoint:
            self._client.log_artifact(self._id, str(checkpoint), "checkpoint")
        self._client.set_terminated(self._id, _STATUS[status])

    def _again(self, id: str) -> str | None:
        """Set a run to running again, and return its id; None if it was deleted, or is not in this store."""
        try:
            if self._client.get_run(id).info.lifecycle_stage != LifecycleStage.ACTIVE:
                return None
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        self._client.update_run(id, status="RUNNING")
        return id

    def _new(self, name: str) -> str:
        return str(self._client.create_run(self._experiment(), run_name=name).info.run_id)

    def _experiment(self) -> str:
        if id := os.environ.get("MLFLOW_EXPERIMENT_ID"):
            return id
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or PROJECT
        try:
            known = self._client.get_experiment_by_name(name)
            return str(known.experiment_id if known else self._client.create_experiment(name))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            made = self._client.get_experiment_by_name(name)  # by another training, in the meantime
            assert made is not None
            return str(made.experiment_id)

    def _last_epoch(self) -> int:
        """An attempt that was killed may have logged an epoch that it did not live to remember."""
        if "val/loss" not in self._client.get_run(self._id).data.metrics:
            return 0
        return max(metric.step for metric in self._client.get_metric_history(self._id, "val/loss"))
