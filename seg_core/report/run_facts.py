"""Facts about one run for the HTML report: its network, settings and epochs."""

from __future__ import annotations

from dataclasses import dataclass

from seg_core.config import Config
from seg_core.prediction.checkpoint import Checkpoint
from seg_core.prediction.checkpoint_file import read_tensors
from seg_core.prediction.cost import Cost, cost
from seg_core.prediction.metadata import CheckpointMetadata
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore
from seg_core.training.command_line import command_line

Epoch = dict[str, dict[str, float]]
"""Metrics of ``train`` and ``val``, by name."""

AUGMENTATION = {
    "report": "random crops of at least 60 % of the area, mirror images, rotations by up to 20°, and brightness, contrast, "
    "saturation and hue jittered",
    "standard": "random crops of at least 60 % of the area, mirror images, quarter turns and rotations by up to 20° more, and "
    "brightness, contrast, saturation and hue jittered; some photographs show bare skin only, and some lose fine detail",
    "strong": "random crops of half to twice the area, with the photograph's own skin beyond its edge, mirror images, quarter "
    "turns and rotations by up to 20° more, and changed brightness, contrast, saturation, hue, white balance, gamma and light "
    "from one side; some photographs show bare skin only, have dark corners or noise, are out of focus, or lose fine detail",
}


@dataclass(frozen=True)
class RunFacts:
    """Facts about one run."""

    label: str
    run: Run
    config: Config
    metadata: CheckpointMetadata
    trainable: int
    """Parameters that train."""
    cost: Cost
    modules: list[tuple[str, int]]
    """Modules of the network with their parameters."""
    command: str
    augmentation: str
    epochs: list[Epoch]
    best_epoch: int


def run_facts(run: Run, store: RunStore, model: Checkpoint) -> RunFacts:
    """Gather the facts about a run and its best model, whose time is measured now."""
    modules = _modules(model)
    return RunFacts(
        label=run.label,
        run=run,
        config=run.config,
        metadata=model.metadata,
        trainable=sum(count for name, count in modules if name.split()[0] != run.config.frozen_part),
        cost=cost(model),
        modules=modules,
        command=command_line(run.config, list(run.sources), run.name),
        augmentation=AUGMENTATION[run.config.augmentation],
        epochs=_epochs(run, store),
        best_epoch=run.best_epoch or 0,
    )


def _epochs(run: Run, store: RunStore) -> list[Epoch]:
    epochs: list[Epoch] = [{"train": {}, "val": {}} for _ in range(run.epochs_done)]
    for point in store.history.metrics(run.id):
        if point.epoch <= run.epochs_done and point.split != "process":
            epochs[point.epoch - 1][point.split][point.name] = point.value
    return epochs


def _modules(model: Checkpoint) -> list[tuple[str, int]]:
    """Return the modules of the network with their numbers of parameters, which BatchNorm's statistics are not."""
    counts: dict[str, int] = {}
    for name, tensor in read_tensors(model.path, model.config).items():
        if name.endswith(("running_mean", "running_var", "num_batches_tracked")):
            continue
        pieces = name.split(".")
        module = " ".join(pieces[:3] if pieces[0] == "encoder" else pieces[:2]).replace("features", "layer")
        counts[module] = counts.get(module, 0) + tensor.size
    numbers = {name: [int(word) for word in name.split() if word.isdigit()] for name in counts}  # layer 2 before layer 10
    return sorted(counts.items(), key=lambda module: (not module[0].startswith("encoder"), numbers[module[0]]))
