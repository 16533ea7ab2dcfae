"""The work on an evaluation: it is computed and kept, for every page and command that asks for it later."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from PIL import Image

from seg_core.data.folders import Pair, is_mask_folder
from seg_core.errors import InputError
from seg_core.jobs.job import Request
from seg_core.jobs.requests import evaluation_request, split_of
from seg_core.jobs.results import new_result
from seg_core.prediction.checkpoint import Checkpoint
from seg_core.prediction.foreign import load_any
from seg_core.prediction.predictor import Prediction, Predictor

PICTURE_SIDE = 512
"""Longest side of the probability maps that an evaluation keeps, in pixels."""


_CONSENSUS = ""
"""What the truth of a dataset is called among those of its experts."""


def keep_evaluation(request: Request, advance: Callable[[int, int, str], None]) -> int:
    """Evaluate what a request asks for and keep the result; return the number of photographs.

    Where several experts outlined the dataset, the model's evaluations beside each of them are kept too.

    Raises:
        InputError: as `seg_core.evaluation.evaluate.evaluate`, or if a file has changed since the request.
    """
    from seg_core.evaluation.evaluate import Truths, evaluate_each
    from seg_core.jobs.expert_results import save_beside
    from seg_core.prediction.cost import cost

    split, model, tta = split_of(request), Path(request.arguments["model"]), request.arguments["tta"]
    advance(0, len(split.pairs), "Loading the model")
    predictor = open_predictor(model, split.pairs, tta=tta)
    truths: Truths = {_CONSENSUS: None, **{name: [name] for name in split.dataset.experts}}
    with new_result(request) as folder:
        images: list[dict[str, object]] = []

        def keep(pair: Pair, prediction: Prediction) -> None:
            images.append(pair.to_json())
            Image.fromarray(prediction.picture(PICTURE_SIDE)).save(folder / f"{len(images):05d}.png")

        def progress(done: int, total: int) -> None:
            advance(done, total, f"Evaluating {predictor.label}")

        found = evaluate_each(predictor, split.pairs, truths, progress, on_prediction=keep, allow_missing=True)
        found.pop(_CONSENSUS).save(folder / "evaluation.npz")
        if found:
            save_beside(folder, found)
        (folder / "images.json").write_text(json.dumps(images), encoding="utf-8")
        if isinstance(predictor, Checkpoint):
            (folder / "cost.json").write_text(json.dumps(asdict(cost(predictor))), encoding="utf-8")
        require_same(request, evaluation_request(model, split_of(request), tta=tta))
    return len(images)


def require_same(asked: Request, now: Request) -> None:
    """Refuse a result whose key has changed: a job may wait for long, and a run that trains replaces its best checkpoint.

    Raises:
        InputError: if it has.
    """
    if asked.key != now.key:
        raise InputError("The files have changed since this was requested; start it again.")


def open_predictor(model: Path, pairs: list[Pair], *, tta: bool) -> Predictor:
    """Load a checkpoint or a model of another program, or open a folder of masks.

    Raises:
        InputError: if it cannot be read.
    """
    if is_mask_folder(model):
        from seg_core.prediction.mask_folder import open_predicted_masks

        return open_predicted_masks(model, pairs)
    return load_any(model, tta=tta)
