"""What only resuming needs: weights and optimizer after the last whole epoch, and how far the training had come."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from seg_core.checkpoint import read_metadata, write_tensors
from seg_core.errors import InputError
from seg_core.model import Segmenter


@dataclass(frozen=True)
class EpochRecord:
    """What one whole epoch measured, at network resolution, and the seconds it took."""

    train: dict[str, float]
    val: dict[str, float]
    seconds: float


@dataclass(frozen=True)
class History:
    """The whole epochs of a training so far."""

    epochs: tuple[EpochRecord, ...] = ()

    @property
    def best_epoch(self) -> int:
        """The first epoch of the highest validation IoU, from 1; 0 before the first whole epoch."""
        scores = [epoch.val["iou"] for epoch in self.epochs]
        return scores.index(max(scores)) + 1 if scores else 0

    @property
    def best_val(self) -> dict[str, float]:
        """The validation metrics of the best epoch; empty before the first."""
        return self.epochs[self.best_epoch - 1].val if self.epochs else {}

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values for a file's metadata."""
        return [asdict(epoch) for epoch in self.epochs]

    @classmethod
    def of(cls, records: list[dict[str, Any]]) -> History:
        """Back from `to_json`."""
        return cls(tuple(EpochRecord(**record) for record in records))


def save_resume(path: Path, model: Segmenter, optimizer: torch.optim.Optimizer, history: History, fingerprint: str) -> None:
    """Write the state after a whole epoch. Random numbers need no state: every epoch seeds them anew."""
    tensors = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": tensor for name, tensor in values.items()}
    write_tensors(path, tensors, {"format": 1, "history": history.to_json(), "fingerprint": fingerprint})


def load_resume(path: Path, model: Segmenter, optimizer: torch.optim.Optimizer, fingerprint: str) -> History:
    """Put the saved weights and optimizer state into ``model`` and ``optimizer``.

    Where nothing was saved yet, the training starts at its first epoch.

    Raises:
        InputError: if the file is damaged or belongs to another model, or the data is no longer the same (``fingerprint``).
    """
    if not path.exists():
        return History()
    metadata = read_metadata(path)
    if metadata["fingerprint"] != fingerprint:
        raise InputError("The data has changed since this run was stopped, so its split would change too; start a new run.")
    history = History.of(metadata["history"])
    try:
        tensors = load_file(path)
        model.load_state_dict({name.removeprefix("model/"): t for name, t in tensors.items() if name.startswith("model/")})
        saved: dict[int, dict[str, torch.Tensor]] = {}
        for key, tensor in tensors.items():
            if key.startswith("optimizer/"):
                _, index, name = key.split("/")
                saved.setdefault(int(index), {})[name] = tensor
        trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        if [saved[index]["exp_avg"].shape for index in sorted(saved)] != [parameter.shape for parameter in trained]:
            raise ValueError("the optimizer's state is that of other weights")  # torch itself would not notice
        optimizer.load_state_dict({"state": saved, "param_groups": optimizer.state_dict()["param_groups"]})
    except (SafetensorError, RuntimeError, ValueError) as error:
        raise InputError(f"{path} is damaged or belongs to another model; start the run again.") from error
    return history
