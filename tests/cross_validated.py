"""A cross-validation whose models would have drawn good masks, for the tests of masks that may be wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from seg_core.data.dataset import open_dataset
from seg_core.jobs import evaluating
from seg_core.jobs.requests import evaluation_request, unseen
from seg_core.network import build_model
from seg_core.prediction.checkpoint_file import save_checkpoint
from seg_core.prediction.mask_folder import open_predicted_masks
from seg_core.runs import worker
from seg_core.runs.groups import Group
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore
from seg_core.training.loop import TrainResult
from tests.helpers import make_dataset, metadata_of, read_mask, tiny_config

EMPTIED, WIDENED = "ISIC_0000001", "ISIC_0000003"


def with_errors(folder: Path, photographs: int = 6) -> tuple[Path, Path]:
    """Write a dataset in which the mask of `EMPTIED` marks nothing and that of `WIDENED` is much too wide.

    Returns:
        The dataset, and the folder with the masks as they should be.
    """
    data, good = (make_dataset(folder / name, layout="flat", size=(80, 60), train=photographs) for name in ("skin", "good"))
    masks = data / "masks"
    Image.new("L", (80, 60)).save(masks / f"{EMPTIED}.png")
    wide = np.argwhere(read_mask(good / "masks" / f"{WIDENED}.png")[0])
    wider = np.zeros((60, 80), np.uint8)
    (top, left), (bottom, right) = wide.min(axis=0) - 5, wide.max(axis=0) + 6
    wider[max(0, top) : bottom, max(0, left) : right] = 255
    Image.fromarray(wider).save(masks / f"{WIDENED}.png")
    return data, good / "masks"


def cross_validate(data: Path, good: Path) -> Group:
    """Make two folds of a dataset that nothing trained, and keep evaluations as if each model had drawn the masks in ``good``."""
    dataset, config = open_dataset(data), tiny_config(epochs=1)

    def train(run: Run, folder: Path, on_event: Callable[..., None], should_stop: Callable[[], bool]) -> TrainResult:
        ids = [pair.id for pair in dataset.split(run.config.split_spec).train]
        about = {"name": dataset.name, "fingerprint": "", "train": 3, "val": 3, "test": 0, "val_is_own": False, "train_ids": ids}
        model = folder / "best.safetensors"
        save_checkpoint(model, build_model(run.config), metadata_of(run.config, dataset=about))
        return TrainResult("finished", 1, 1, model, {}, 1.0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "dispatch", lambda store: None)
        patch.setattr(evaluating, "open_predictor", lambda model, pairs, tta: open_predicted_masks(good, pairs))
        store = RunStore()
        runs = store.queue.add_group("both", config.repeated(folds=2), str(data))
        for run in runs:
            worker.work(run.id, store, train)
            model = store.folder(run.id) / "best.safetensors"
            split = unseen(dataset, model, run.config.split_spec)
            evaluating.keep_evaluation(evaluation_request(model, split), lambda done, total, what: None)
        return Group(tuple(store.get_run(run.id) for run in runs))
