"""What only resuming needs: weights and optimizer after the last whole epoch, and how far the training had come."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from seg_core.checkpoint import read_metadata, write_tensors
from seg_core.errors import InputError
from seg_core.model import Segmenter


@dataclass(frozen=True)
class ResumeState:
    """How far a training has come: whole epochs, the metrics of the last and of the best one, and the seconds so far."""

    epoch: int = 0
    best_epoch: int = 0
    train: dict[str, float] = field(default_factory=dict)
    val: dict[str, float] = field(default_factory=dict)
    best_val: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    def after(self, epoch: int, train: dict[str, float], val: dict[str, float], seconds: float, is_best: bool) -> ResumeState:
        """The state one epoch later."""
        best_epoch, best_val = (epoch, val) if is_best else (self.best_epoch, self.best_val)
        return ResumeState(epoch, best_epoch, train, val, best_val, self.seconds + seconds)


def save_resume(path: Path, model: Segmenter, optimizer: torch.optim.Optimizer, state: ResumeState) -> None:
    """Write the state after a whole epoch. Random numbers need no state: every epoch seeds them anew."""
    tensors = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": tensor for name, tensor in values.items()}
    write_tensors(path, tensors, {"format": 1, "resume": asdict(state)})


def load_resume(path: Path, model: Segmenter, optimizer: torch.optim.Optimizer) -> ResumeState:
    """Put the saved weights and optimizer state into ``model`` and ``optimizer``.

    Where nothing was saved yet, the training starts at its first epoch.

    Raises:
        InputError: if the file is damaged or belongs to another model.
    """
    if not path.exists():
        return ResumeState()
    state = read_metadata(path)["resume"]
    try:
        tensors = load_file(path)
        model.load_state_dict({name.removeprefix("model/"): t for name, t in tensors.items() if name.startswith("model/")})
        saved: dict[int, dict[str, torch.Tensor]] = {}
        for key, tensor in tensors.items():
            if key.startswith("optimizer/"):
                _, index, name = key.split("/")
                saved.setdefault(int(index), {})[name] = tensor
        optimizer.load_state_dict({"state": saved, "param_groups": optimizer.state_dict()["param_groups"]})
    except (SafetensorError, RuntimeError, ValueError) as error:
        raise InputError(f"{path} is damaged or belongs to another model; start the run again.") from error
    return ResumeState(**state)
