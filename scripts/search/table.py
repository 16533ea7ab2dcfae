"""The table of all candidates, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scripts.search.candidates import by_candidate
from scripts.search.transfer import OWN, Candidate, Source, gain
from seg_core.errors import InputError
from seg_core.evaluation.bootstrap import Interval
from seg_core.runs.run import Run
from seg_core.runs.store import RunStore


def table(store: RunStore, sources: Sequence[Source], against: str = "") -> str:
    """Mean scores of each candidate's last epochs, at stored resolution, and its gain over the candidate called ``against``.

    That is the oldest one where none is named. Mean is the mean over the candidate's own folds and every further source; ± is the
    standard deviation over seeds of the mean over its folds, where there are several seeds.

    Raises:
        InputError: if there is no such candidate.
    """
    runs = by_candidate(store)
    scored = {key: Candidate.of(candidate, sources, store) for key, candidate in runs.items()}
    first = next((candidate for (name, _), candidate in scored.items() if against in ("", name)), None)
    if first is None:
        raise InputError(f"There is no candidate {against!r}; train it first.")
    further = [source.name for source in sources]
    columns = ["candidate", "settings", "runs", OWN, "by fold", *further, "mean", "gain", "Dice", "boundary IoU", "seconds"]
    lines = [_line(columns), _line(["---"] * len(columns))]
    for (name, settings), candidate in scored.items():
        gained = "" if candidate is first else _words(gain(candidate.iou, first.iou))
        lines.append(_line([name, settings, *_cells(runs[name, settings], candidate, gained)]))
    return "\n".join(lines)


def _cells(runs: Sequence[Run], candidate: Candidate, gained: str) -> list[str]:
    iou, dice, boundary = (
        [float(each.all_scores[metric].mean()) for each in candidate.own] for metric in ("iou", "dice", "boundary_iou")
    )
    by_seed = _means(iou, [run.config.seed for run in runs])
    spread = f" ± {np.std(by_seed, ddof=1):.4f}" if len(by_seed) > 1 else ""
    by_fold = " ".join(f"{value:.4f}" for value in _means(iou, [run.config.fold for run in runs]))
    own, *further = candidate.means.values()
    means = [f"{own:.4f}{spread}", by_fold, *(f"{mean:.4f}" for mean in further), f"{np.mean([own, *further]):.4f}"]
    seconds = np.mean([run.elapsed for run in runs])
    return [str(len(runs)), *means, gained, f"{np.mean(dice):.4f}", f"{np.mean(boundary):.4f}", f"{seconds:.0f}"]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _words(interval: Interval) -> str:
    return f"{interval.mean:+.4f} ({interval.low:+.4f} to {interval.high:+.4f})"


def _means(values: Sequence[float], groups: Sequence[Any]) -> list[float]:
    """Mean of each group, in the order of the groups."""
    return [float(np.mean([v for v, g in zip(values, groups, strict=True) if g == group])) for group in sorted(set(groups))]
