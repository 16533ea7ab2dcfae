"""Fixtures of the training tests: a tiny dataset, and one training that several tests look at."""

from __future__ import annotations

import pytest

from seg_core.data.dataset import Dataset, open_dataset
from tests.helpers import make_dataset, thin_networks, tiny_config
from tests.training.trainings import TRAIN, VAL, Trained, home_in, run


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
