"""A home folder with hundreds of finished runs, written in seconds: rows, checkpoints, and a million batches."""

from __future__ import annotations

import json
import math
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from seg_core.config import Config
from seg_core.prediction.metadata import FORMAT_VERSION, METADATA_KEY, CheckpointMetadata
from seg_core.runs.store import RunStore
from seg_core.training.history import EPOCH_METRICS
from tests.helpers import file_of

BATCHES = 5000


def fill(home: Path, runs: int = 500, epochs: int = 200) -> None:
    """Write ``runs`` finished runs with four metrics of both splits for every epoch; the last has ``epochs`` × 5000 batches."""
    store = RunStore(home / "lesionlab.db")
    config = Config.of("best", epochs=epochs)
    ids = [store.queue.add(f"run of {number % 7} words", config, "sample", tags=["night"]).id for number in range(runs)]
    with closing(sqlite3.connect(file_of(store))) as connection, connection:
        connection.execute(
            "UPDATE runs SET status = 'finished', phase = 'validating', started = created, finished = created + 3600, "
            "epoch = ?, epochs_done = ?, best_epoch = ?, best_iou = 0.5 + id % 100 / 250.0, images_per_second = 40",
            (epochs, epochs, epochs),
        )
        connection.executemany(
            "INSERT INTO metrics (run_id, epoch, split, name, value) VALUES (?, ?, ?, ?, ?)",
            (point for run_id in ids for point in _points(run_id, epochs)),
        )
        connection.executemany("INSERT INTO batch_losses VALUES (?, ?, ?, ?)", _losses(ids[-1], epochs))
    store.close()
    for run_id in ids:
        _write_checkpoint(home / f"{run_id:04d}" / "best.safetensors", config, epochs)


def _curve(name: str, epoch: int, run_id: int) -> float:
    rise = 1 - math.exp(-epoch / 30)
    noise = 0.01 * math.sin(epoch * 1.7 + run_id)
    return (0.7 - 0.5 * rise if name == "loss" else 0.3 + 0.5 * rise) + noise


def _points(run_id: int, epochs: int) -> Iterator[tuple[int, int, str, str, float]]:
    for epoch in range(1, epochs + 1):
        for split in ("train", "val"):
            for name in EPOCH_METRICS:
                yield run_id, epoch, split, name, _curve(name, epoch, run_id)


def _losses(run_id: int, epochs: int) -> Iterator[tuple[int, int, int, bytes]]:
    random = np.random.default_rng(0)
    for epoch in range(1, epochs + 1):
        losses = _curve("loss", epoch, run_id) + random.gamma(2, 0.05, BATCHES) - 0.1
        yield run_id, epoch, BATCHES, losses.astype("<f4").tobytes()


def _write_checkpoint(path: Path, config: Config, epochs: int) -> None:
    """Write a checkpoint's metadata without weights: all that pages read before a prediction."""
    last = {"train": dict.fromkeys(EPOCH_METRICS, 0.7), "val": dict.fromkeys(EPOCH_METRICS, 0.7)}
    metadata: CheckpointMetadata = {
        "format": FORMAT_VERSION,
        "name": "",
        "label": f"{config.label} ({config.recipe})",
        "config": config.model_dump(),
        "parameters": 4_195_169,
        "normalisation": {},
        "dataset": {"name": "sample", "fingerprint": "", "train": 80, "val": 20, "test": 0, "val_is_own": False},
        "epoch": epochs,
        "epoch_is_whole": True,
        "metrics": last,
        "history": [{"train": last["train"], "val": last["val"], "seconds": 10.0}] * epochs,
        "seconds": 10.0 * epochs,
        "device": "cpu",
        "precision": "32-true",
        "threads": 1,
        "versions": {},
        "created": "",
    }
    header = json.dumps({"__metadata__": {METADATA_KEY: json.dumps(metadata)}}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(header)) + header)
