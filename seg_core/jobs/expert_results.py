"""Evaluations beside experts in the folder of a result: a model's, or those of the experts among each other."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from seg_core.data.dataset import SplitChoice
from seg_core.data.experts import in_order
from seg_core.errors import InputError
from seg_core.evaluation.experts import Agreements, among_experts
from seg_core.evaluation.result import Evaluation
from seg_core.jobs.job import Request
from seg_core.jobs.requests import evaluation_request, experts_request, split_of
from seg_core.jobs.results import new_result, result_folder

LISTED = "experts.json"
"""The file that says whose evaluations ``expert-001.npz`` and so on are."""
_OTHERS = ""
"""Stands for the consensus of the others."""


def save_beside(folder: Path, found: Mapping[str, Evaluation]) -> None:
    """Keep a model's evaluations beside experts, by their names."""
    _save(folder, {(name,): evaluation for name, evaluation in found.items()})


def load_beside(folder: Path) -> dict[str, Evaluation]:
    """Read what `save_beside` kept; nothing where the dataset has no experts.

    Raises:
        InputError: if a file is damaged.
    """
    return {name: evaluation for (name,), evaluation in _load(folder).items()}


def keep_agreements(request: Request, advance: Callable[[int, int, str], None]) -> int:
    """Evaluate the experts of a split among each other and keep the result; return the number of photographs.

    Raises:
        InputError: as `seg_core.evaluation.experts.among_experts`, or if a file has changed since the request.
    """
    from seg_core.jobs.evaluating import require_same

    split = split_of(request)
    found = among_experts(split.pairs, split.dataset.experts, lambda done, total: advance(done, total, "Comparing the experts"))
    evaluations: dict[tuple[str, ...], Evaluation] = {(name, _OTHERS): each for name, each in found.of_others.items()}
    evaluations |= dict(found.of_two.items())
    with new_result(request) as folder:
        _save(folder, evaluations)
        require_same(request, experts_request(split_of(request)))
    return len(split.pairs)


def load_agreements(folder: Path) -> Agreements:
    """Read the result of `keep_agreements`.

    Raises:
        InputError: if it is damaged.
    """
    found = _load(folder)
    names = in_order({name for two in found for name in two if name != _OTHERS})
    of_two = {(one, other): evaluation for (one, other), evaluation in found.items() if other != _OTHERS}
    of_others = {one: evaluation for (one, other), evaluation in found.items() if other == _OTHERS}
    return Agreements(tuple(names), of_two, of_others)


def kept_beside(model: Path, split: SplitChoice, *, tta: bool = False) -> dict[str, Evaluation]:
    """Return a model's evaluations beside the experts of a split that were kept with the one beside their consensus.

    Raises:
        InputError: if a file is gone or damaged.
    """
    folder = result_folder(evaluation_request(model, split, tta=tta))
    return load_beside(folder) if folder else {}


def kept_agreements(split: SplitChoice) -> Agreements | None:
    """Return what was kept of the experts of a split; None where there is nothing, or it is damaged.

    Raises:
        InputError: if a file is gone.
    """
    if folder := result_folder(experts_request(split)):
        with suppress(InputError):
            return load_agreements(folder)
    return None


def _save(folder: Path, found: Mapping[tuple[str, ...], Evaluation]) -> None:
    for number, evaluation in enumerate(found.values(), start=1):
        evaluation.save(folder / f"expert-{number:03d}.npz")
    (folder / LISTED).write_text(json.dumps(list(found)), encoding="utf-8")


def _load(folder: Path) -> dict[tuple[str, ...], Evaluation]:
    try:
        listed = json.loads((folder / LISTED).read_text(encoding="utf-8"))
        return {
            tuple(names): Evaluation.load(folder / f"expert-{number:03d}.npz") for number, names in enumerate(listed, start=1)
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError):
        raise InputError(f"{folder / LISTED} is damaged; evaluate again.") from None
