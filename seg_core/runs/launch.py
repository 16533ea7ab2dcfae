"""Launching runs, for pages, commands and the API: the same settings, the same checks and the same sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seg_core.config import Config
from seg_core.data.check import Problem, check_names, describe, refusal, refused
from seg_core.data.dataset import Dataset
from seg_core.errors import InputError
from seg_core.training.beginning import settings_of

NOTHING_TO_TRAIN = "There are no pairs to train with; name a folder that has more than a test split."


def configs_of(recipe: str | None = None, *, seeds: int = 1, folds: int | None = None, **settings: Any) -> list[Config]:
    """Return the settings of a run, or of the runs of a group.

    Args:
        recipe: gives the values of settings that are not given. None is the recipe ``best``, or with ``begin_from`` what suits a
            training of that checkpoint (`settings_of`).
        seeds: the number of consecutive seeds.
        folds: the number of folds: one run for each or, with the setting ``fold``, one run on that fold.
        settings: those of `Config`; None keeps the recipe's value.

    Raises:
        InputError: if a setting, or the number of seeds or folds, is out of bounds, or the checkpoint cannot be read.
    """
    one_fold = settings.get("fold") is not None
    settings["folds"] = folds if one_fold else None
    beginning = settings.get("begin_from")
    if beginning and isinstance(beginning, str) and recipe is None:
        del settings["begin_from"]
        config = settings_of(beginning, **settings)
    else:
        config = Config.of(recipe or "best", **settings)
    return config.repeated(seeds=seeds, folds=1 if one_fold or folds is None else folds)


def require_data(dataset: Dataset, configs: Sequence[Config], problems: Sequence[Problem] | None = None) -> None:
    """Check that a dataset serves the runs of a group, before any of them is queued.

    Only names are looked at. The training looks into the files, and for photographs that look the same.

    Args:
        dataset: the dataset.
        configs: the settings of the runs. The last fold is the smallest: if that is not empty, none is.
        problems: what a scan has found, if there was one.

    Raises:
        InputError: if nothing would be left to train or to validate with, the file with the groups cannot be used, or pairs have
            errors and the settings do not say to skip them.
    """
    errors = refused(dataset, check_names(dataset) if problems is None else problems)
    try:
        if not dataset.trainable:
            raise InputError(NOTHING_TO_TRAIN)
        dataset.split(configs[-1].split_spec._replace(copies="anywhere"))
    except InputError as error:
        raise InputError(f"{error} {describe(errors)}".strip()) from None
    if errors and not configs[0].skip_problems:
        raise refusal(errors)
