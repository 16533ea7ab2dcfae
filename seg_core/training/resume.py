"""What only resuming needs: weights and optimizer after the last whole epoch, and how far the training had come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from seg_core.errors import InputError
from seg_core.network import Segmenter
from seg_core.prediction.checkpoint_file import read_header, write_tensors
from seg_core.prediction.metadata import FORMAT_VERSION
from seg_core.training.averaging import WeightAverage
from seg_core.training.history import History

_UNUSABLE = "{} is damaged, or belongs to another model or version; start the run again."


def save_resume(
    path: Path,
    model: Segmenter,
    optimizer: torch.optim.Optimizer,
    average: WeightAverage | None,
    history: History,
    fingerprint: str,
) -> None:
    """Write the state after a whole epoch. Random numbers need no state: every epoch seeds them anew."""
    tensors = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
    if average:
        tensors |= {f"average/{name}": tensor for name, tensor in average.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": tensor for name, tensor in values.items()}
    write_tensors(path, tensors, {"format": FORMAT_VERSION, "history": history.to_json(), "fingerprint": fingerprint})


def saved_history(path: Path) -> History:
    """The whole epochs before the state in ``path``; none where nothing was saved yet.

    Raises:
        InputError: if the file is damaged.
    """
    return History.of(_metadata(path)["history"]) if path.exists() else History()


def load_resume(
    path: Path, model: Segmenter, optimizer: torch.optim.Optimizer, average: WeightAverage | None, fingerprint: str
) -> History:
    """Put what was saved into ``model``, ``optimizer``, and ``average``, where there is one.

    Where nothing was saved yet, the training starts at its first epoch.

    Raises:
        InputError: if the file is damaged or belongs to another model, or the data is no longer the same (``fingerprint``).
    """
    if not path.exists():
        return History()
    metadata = _metadata(path)
    if metadata["fingerprint"] != fingerprint:
        raise InputError("The data has changed since this run was stopped, so its split would change too; start a new run.")
    history = History.of(metadata["history"])
    try:
        tensors = load_file(path)
        model.load_state_dict(_those_below("model/", tensors))
        if average:
            average.load_state_dict(_those_below("average/", tensors))
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
        raise InputError(_UNUSABLE.format(path)) from error
    return history


def _those_below(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _metadata(path: Path) -> dict[str, Any]:
    try:
        return read_header(path)
    except InputError as error:
        raise InputError(_UNUSABLE.format(path)) from error
