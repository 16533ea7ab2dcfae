"""Look-up of kept evaluations, to reuse one instead of evaluating again."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from seg_core.data.dataset import SplitChoice
from seg_core.errors import InputError
from seg_core.evaluation.result import Evaluation
from seg_core.jobs.expert_results import load_beside
from seg_core.jobs.requests import evaluation_request
from seg_core.jobs.results import result_folder


def kept_evaluation(model: Path, split: SplitChoice, *, tta: bool = False) -> Evaluation | None:
    """Return the evaluation of a model on a split that was kept; None where there is none, or it is damaged.

    Those beside experts, which are kept with it, are whole then too.

    Raises:
        InputError: if a file is gone, or the split is empty.
    """
    if folder := result_folder(evaluation_request(model, split, tta=tta)):
        with suppress(InputError):
            load_beside(folder)
            return Evaluation.load(folder / "evaluation.npz")
    return None
