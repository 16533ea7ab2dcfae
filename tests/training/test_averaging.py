"""Stochastic weight averaging: means of weights, statistics that fit them, and what a training keeps of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file

from seg_core.config import VARIANTS
from seg_core.data.dataset import Dataset, open_dataset
from seg_core.errors import InputError
from seg_core.network import build_model
from seg_core.prediction.checkpoint_file import read_metadata
from seg_core.training.averaging import WeightAverage
from seg_core.training.events import BatchDone, EpochDone, Event
from seg_core.training.loop import train
from tests.helpers import make_dataset, tiny_config

pytestmark = pytest.mark.usefixtures("thin_network")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return open_dataset(make_dataset(tmp_path_factory.mktemp("data"), train=6, val=2))


@pytest.fixture
def batches() -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return [torch.rand(3, 3, 64, 64, generator=random) for _ in range(2)]


def fabric() -> Fabric:
    return Fabric(accelerator="cpu", devices=1)


def test_weights_are_means_and_statistics_are_those_of_the_batches(batches: list[torch.Tensor]) -> None:
    first, second = (build_model(tiny_config(seed=seed)) for seed in (1, 2))
    average = WeightAverage(first, fabric())
    average.add(first, batches)
    average.add(second, batches)

    learnt = dict(first.named_parameters()), dict(second.named_parameters())
    for name, mean in average.network.named_parameters():
        torch.testing.assert_close(mean, (learnt[0][name] + learnt[1][name]) / 2)

    convolution, norm, _ = average.network.encoder.features[0]
    features = [convolution(images) for images in batches]
    torch.testing.assert_close(norm.running_mean, sum(maps.mean((0, 2, 3)) for maps in features) / 2)
    torch.testing.assert_close(norm.running_var, sum(maps.var((0, 2, 3)) for maps in features) / 2)


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_a_variant_freezes_keeps_its_weights_and_statistics(variant: str, batches: list[torch.Tensor]) -> None:
    network = build_model(tiny_config(variant=variant))
    average = WeightAverage(network, fabric())
    average.add(network, batches)
    changed = {
        name.split(".")[0]
        for name, tensor in average.network.state_dict().items()
        if not torch.equal(tensor, network.state_dict()[name])
    }
    assert changed == {"encoder", "decoder"} - {network.frozen}


class Watched:
    """A training that keeps the weights at the end of every epoch, and the checkpoint written then."""

    def __init__(self, folder: Path, stop_after: tuple[int, int] = (0, 0)) -> None:
        self.folder, self.stop_after = folder, stop_after
        self.learnt: dict[int, dict[str, torch.Tensor]] = {}
        self.kept: dict[int, dict[str, torch.Tensor]] = {}
        self.stopping = False

    def hear(self, event: Event) -> None:
        if isinstance(event, EpochDone):
            tensors = load_file(self.folder / "resume.safetensors")
            self.learnt[event.epoch] = {n.removeprefix("model/"): t for n, t in tensors.items() if n.startswith("model/")}
            self.kept[event.epoch] = load_file(self.folder / "last.safetensors")
        elif isinstance(event, BatchDone):
            self.stopping = (event.epoch, event.batch) == self.stop_after

    def should_stop(self) -> bool:
        return self.stopping


WEIGHT = "decoder.head.weight"


def test_a_training_keeps_the_mean_of_its_last_epochs_and_one_that_goes_on_begins_another(
    dataset: Dataset, tmp_path: Path
) -> None:
    config, watched = tiny_config(epochs=4, swa_fraction=0.5), Watched(tmp_path)
    train(config, dataset, watched.hear, folder=tmp_path)
    longer = config.model_copy(update={"epochs": 8, "schedule_from": 4})
    train(longer, dataset, watched.hear, folder=tmp_path, resume=True)
    kept, learnt = ({epoch: tensors[WEIGHT] for epoch, tensors in of.items()} for of in (watched.kept, watched.learnt))
    for epoch in (1, 2, 3, 5, 6, 7):
        torch.testing.assert_close(kept[epoch], learnt[epoch])
    for epoch in (4, 8):
        torch.testing.assert_close(kept[epoch], (learnt[epoch - 1] + learnt[epoch]) / 2)
        assert not torch.allclose(kept[epoch], learnt[epoch])
        assert watched.kept[epoch]["encoder.features.0.1.num_batches_tracked"] == 2  # statistics are of all six photographs


def test_a_stop_among_averaged_epochs_keeps_the_mean_of_the_whole_ones(dataset: Dataset, tmp_path: Path) -> None:
    watched = Watched(tmp_path, stop_after=(5, 1))
    result = train(
        tiny_config(epochs=5, swa_fraction=0.6), dataset, watched.hear, folder=tmp_path, should_stop=watched.should_stop
    )
    assert (result.status, result.epochs) == ("stopped", 4)
    kept = load_file(tmp_path / "last.safetensors")[WEIGHT]
    assert torch.equal(kept, watched.kept[4][WEIGHT])
    assert not torch.allclose(kept, watched.learnt[4][WEIGHT])
    metadata = read_metadata(tmp_path / "last.safetensors")
    assert (metadata["epoch"], metadata["epoch_is_whole"]) == (4, True)


def test_a_stop_while_statistics_are_taken_is_heard_and_resumed_to_the_bit(dataset: Dataset, tmp_path: Path) -> None:
    config, watched = tiny_config(epochs=4, swa_fraction=0.5), Watched(tmp_path / "parts", stop_after=(4, 2))
    asked: list[bool] = []

    def should_stop() -> bool:
        asked.append(watched.should_stop())
        return asked[-2:] == [True, True]  # not after the last batch, but at the next one

    stopped = train(config, dataset, watched.hear, folder=tmp_path / "parts", should_stop=should_stop)
    assert (stopped.status, stopped.epochs) == ("stopped", 3)
    train(config, dataset, folder=tmp_path / "parts", resume=True)
    train(config, dataset, folder=tmp_path / "whole")
    for which in ("last", "resume"):
        whole, parts = (load_file(tmp_path / name / f"{which}.safetensors") for name in ("whole", "parts"))
        assert [name for name in whole if not torch.equal(whole[name], parts[name])] == []


def test_a_resume_file_without_the_mean_that_it_should_hold_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    config = tiny_config(epochs=2, swa_fraction=0)
    train(config, dataset, folder=tmp_path)
    with pytest.raises(InputError, match="is damaged, or belongs to another model or version"):
        train(config.model_copy(update={"epochs": 3, "swa_fraction": 0.7}), dataset, folder=tmp_path, resume=True)
