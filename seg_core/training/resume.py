"""The file from which a training is resumed: weights, optimizer and history after the last completed epoch.

Until a training is finished, the file of the epoch before is kept too, under a second name: a damaged file costs one epoch.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from seg_core.common.atomic_file import atomic_file
from seg_core.config import Keep
from seg_core.errors import InputError
from seg_core.network import Segmenter
from seg_core.prediction.checkpoint_file import read_resume_metadata
from seg_core.prediction.metadata import FORMAT_VERSION, Beginning, ResumeMetadata
from seg_core.prediction.tensor_file import require_whole, write_tensors
from seg_core.training.averaging import WeightAverage
from seg_core.training.contents import Contents, DataChanged
from seg_core.training.history import History

RESUME_FILE = "resume.safetensors"
PREVIOUS_FILE = "resume.previous.safetensors"
_UNUSABLE = "{} is damaged, or belongs to another model or version; start the run again."


def save_resume(
    path: Path,
    model: Segmenter,
    optimizer: torch.optim.Optimizer,
    average: WeightAverage | None,
    history: History,
    fingerprint: str,
    contents: Contents,
    began_from: Beginning | None = None,
) -> None:
    """Write the state after a completed epoch. Random numbers have no state to save: every epoch seeds them again."""
    tensors = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
    if average:
        tensors |= {f"average/{name}": tensor for name, tensor in average.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": tensor for name, tensor in values.items()}
    _keep_previous(path)
    data = {"fingerprint": fingerprint, "contents": contents, "began_from": began_from}
    write_tensors(path, tensors, {"format": FORMAT_VERSION, "history": history.to_json(), **data})


def _keep_previous(path: Path) -> None:
    """Give the file a second name, which it keeps when the next one takes its place."""
    if not path.exists():
        return
    previous = path.with_name(PREVIOUS_FILE)
    try:
        with atomic_file(previous) as partial:
            os.link(path, partial)
    except OSError:  # a file system without links: from now until the next file is written, only the second name is there
        path.replace(previous)


def mend_resume(path: Path) -> str:
    """Put the file of the epoch before in the place of a damaged one; return a sentence for the log, empty if all is well.

    Raises:
        InputError: if that is damaged too, or there is none.
    """
    previous = path.with_name(PREVIOUS_FILE)
    if not path.exists() and not previous.exists():
        return ""
    if path.exists() and _is_whole(path):
        return ""
    if not previous.exists() or not _is_whole(previous):
        raise InputError(_UNUSABLE.format(path))
    previous.replace(path)
    return f"{path.name} was damaged or missing, so the run goes on after the epoch before, {len(saved_history(path).epochs)}."


def forget_previous(path: Path) -> None:
    """Delete the file of the epoch before, once nothing is left to train and the last one is whole."""
    if _is_whole(path):
        path.with_name(PREVIOUS_FILE).unlink(missing_ok=True)


def _is_whole(path: Path) -> bool:
    try:
        read_resume_metadata(path)
        require_whole(path)
        with safe_open(path, "pt"):  # compares the sizes in the header with the file's
            return True
    except (InputError, OSError, ValueError, SafetensorError):
        return False


def saved_history(path: Path, keep: Keep = "best") -> History:
    """Return the completed epochs in ``path``, of a run that keeps the epoch ``keep``; none where the file does not exist yet.

    Raises:
        InputError: if the file is damaged.
    """
    return History.of(_metadata(path)["history"] if path.exists() else [], keep)


def saved_contents(path: Path) -> Contents | None:
    """Return the contents of the files that trained what is in ``path``; None where an older version wrote it, or nothing did.

    Raises:
        InputError: if the file is damaged.
    """
    return _metadata(path).get("contents") if path.exists() else None


def saved_beginning(path: Path) -> Beginning | None:
    """Return which model the training in ``path`` began from; None if from initial weights.

    Raises:
        InputError: if the file is damaged.
    """
    return _metadata(path).get("began_from")


def load_resume(
    path: Path, model: Segmenter, optimizer: torch.optim.Optimizer, average: WeightAverage | None, fingerprint: str
) -> None:
    """Load the saved state into ``model``, ``optimizer`` and, where there is one, ``average``; none is there before an epoch is.

    Raises:
        InputError: if the file is damaged or belongs to another model.
        DataChanged: if it does not name the contents of the data, and the data's ``fingerprint`` has changed.
    """
    if not path.exists():
        return
    metadata = _metadata(path)
    if "contents" not in metadata and metadata["fingerprint"] != fingerprint:
        raise DataChanged("The data has changed since this run trained, so its split would change too; start a new run.")
    try:
        require_whole(path)
        tensors = load_file(path)
        if broken := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
            raise ValueError(f"{broken[0]} is not finite")
        model.load_state_dict(_with_prefix("model/", tensors))
        if average:
            average.load_state_dict(_with_prefix("average/", tensors))
        _load_optimizer(optimizer, _with_prefix("optimizer/", tensors))
    except (SafetensorError, OSError, KeyError, RuntimeError, ValueError) as error:
        raise InputError(_UNUSABLE.format(path)) from error


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        index, name = key.split("/")
        state.setdefault(int(index), {})[name] = tensor
    trained = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    found = [{name: values.shape for name, values in state[index].items()} for index in sorted(state)]
    if found != [{"step": torch.Size(), "exp_avg": each.shape, "exp_avg_sq": each.shape} for each in trained]:
        raise ValueError("the optimizer's state belongs to other weights")  # torch itself would not notice
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _with_prefix(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _metadata(path: Path) -> ResumeMetadata:
    try:
        return read_resume_metadata(path)
    except InputError as error:
        raise InputError(_UNUSABLE.format(path)) from error
