"""The loggers there are, and the packages that they need."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from seg_core.config import LoggerName
from seg_core.errors import InputError
from seg_core.training.loggers.logger import Logger


class Kind(NamedTuple):
    """A kind of logger: its title, the package that it imports, and the module here that holds its class."""

    title: str
    package: str
    module: str
    class_name: str


KINDS: dict[LoggerName, Kind] = {
    "tensorboard": Kind("TensorBoard", "tensorboardX", "to_tensorboard", "TensorBoardLogger"),
    "wandb": Kind("W&B", "wandb", "to_wandb", "WandbLogger"),
    "mlflow": Kind("MLflow", "mlflow", "to_mlflow", "MlflowLogger"),
    "trackio": Kind("Trackio", "trackio", "to_trackio", "TrackioLogger"),
}


def require_loggers(names: Sequence[LoggerName]) -> None:
    """Look for the packages of loggers, without importing them.

    Raises:
        InputError: if one is not installed.
    """
    for name in names:
        kind = KINDS[name]
        if not _is_installed(kind.package):
            raise InputError(
                f'Logging to {kind.title} needs the package {kind.package}; install it with: pip install "lesionlab[{name}]".'
            )


def make_logger(name: LoggerName) -> Logger:
    """Import a logger's package, and make one."""
    kind = KINDS[name]
    made: Logger = getattr(import_module(f"seg_core.training.loggers.{kind.module}"), kind.class_name)()
    return made


def _is_installed(package: str) -> bool:
    """A folder of that name that happens to lie on the path, such as the one that W&B writes to, is no package."""
    spec = find_spec(package)
    return spec is not None and spec.origin is not None
