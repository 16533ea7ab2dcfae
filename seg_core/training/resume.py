"""The file from which a training is resumed: weights, optimizer and history after the last completed epoch."""

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
from seg_core.training.contents import Contents, DataChanged
from seg_core.training.history import History

_UNUSABLE = "{} is damaged, or belongs to another model or version; start the run again."


def save_resume(
    path: Path,
    model: Segmenter,
    optimizer: torch.optim.Optimizer,
    average: WeightAverage | None,
    history: History,
    fingerprint: str,
    contents: Contents,
) -> None:
    """Write the state after a completed epoch. Random numbers have no state to save: every epoch seeds them again."""
    tensors = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
    if average:
        tensors |= {f"average/{name}": tensor for name, tensor in average.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": tensor for name, tensor in values.items()}
    data = {"fingerprint": fingerprint, "contents": contents}
    write_tensors(path, tensors, {"format": FORMAT_VERSION, "history": history.to_json(), **data})


def saved_history(path: Path) -> History:
    """Return the completed epochs in ``path``; none where the file does not exist yet.

    Raises:
        InputError: if the file is damaged.
    """
    return History.of(_metadata(path)["history"]) if path.exists() else History()


def saved_contents(path: Path) -> Contents | None:
    """Return the contents of the files that trained what is in ``path``; None where an older version wrote it, or nothing did.

    Raises:
        InputError: if the file is damaged.
    """
    return _metadata(path).get("contents") if path.exists() else None


def load_resume(
    path: Path, model: Segmenter, optimizer: torch.optim.Optimizer, average: WeightAverage | None, fingerprint: str
) -> History:
    """Load the saved state into ``model``, ``optimizer`` and, where there is one, ``average``.

    Returns:
        The completed epochs; none where ``path`` does not exist yet, so that the training starts at its first epoch.

    Raises:
        InputError: if the file is damaged or belongs to another model.
        DataChanged: if it does not name the contents of the data, and the data's ``fingerprint`` has changed.
    """
    if not path.exists():
        return History()
    metadata = _metadata(path)
    if "contents" not in metadata and metadata["fingerprint"] != fingerprint:
        raise DataChanged("The data has changed since this run trained, so its split would change too; start a new run.")
    history = History.of(metadata["history"])
    try:
        tensors = load_file(path)
        model.load_state_dict(_with_prefix("model/", tensors))
        if average:
            average.load_state_dict(_with_prefix("average/", tensors))
        _load_optimizer(optimizer, _with_prefix("optimizer/", tensors))
    except (SafetensorError, RuntimeError, ValueError) as error:
        raise InputError(_UNUSABLE.format(path)) from error
    return history


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        index, name = key.split("/")
        state.setdefault(int(index), {})[name] = tensor
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if [state[index]["exp_avg"].shape for index in sorted(state)] != [parameter.shape for parameter in trained]:
        raise ValueError("the optimizer's state belongs to other weights")  # torch itself would not notice
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _with_prefix(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _metadata(path: Path) -> dict[str, Any]:
    try:
        return read_header(path)
    except InputError as error:
        raise InputError(_UNUSABLE.format(path)) from error
