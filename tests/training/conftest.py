"""Fixtures of the training tests: a tiny dataset, one training that several tests look at, and places for loggers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seg_core.data.dataset import Dataset, open_dataset
from tests.helpers import make_dataset, thin_networks, tiny_config
from tests.training.trainings import TRAIN, VAL, Trained, home_in, run

OWN = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_RUN_ID",
    "TRACKIO_SPACE_ID",
    "TRACKIO_SERVER_URL",
)
OWN_WANDB = ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_MODE", "WANDB_PROJECT", "WANDB_DIR")


@pytest.fixture(scope="package")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two batches to train on, the second one smaller, and one to validate with."""
    return open_dataset(make_dataset(tmp_path_factory.mktemp("data"), train=TRAIN, val=VAL, test=1))


@pytest.fixture(scope="package")
def trained(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A training of two epochs, the second one averaged. Tests look at it and change nothing."""
    config, folder = tiny_config(epochs=2, threshold=0.4, seed=4, swa_fraction=0.5), tmp_path_factory.mktemp("trained")
    with thin_networks(), home_in(folder):
        return Trained(config, folder, *run(config, dataset, folder, name="a try"))


@pytest.fixture(scope="module")
def logger_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Folders for what the libraries keep outside a run's folder, and none of their settings."""
    folder = tmp_path_factory.mktemp("places")
    with pytest.MonkeyPatch.context() as patch:
        for name in (*OWN, *OWN_WANDB):
            patch.delenv(name, raising=False)
        for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
            patch.setenv(name, str(folder / name))
        patch.setenv("NETRC", str(folder / "netrc"))
        patch.setenv("TRACKIO_DIR", str(folder / "trackio"))
        for name in [each for each in sys.modules if each.split(".")[0] == "trackio" or each.endswith(".to_trackio")]:
            patch.delitem(sys.modules, name)  # Trackio reads its folder when it is imported
        yield folder
