"""Whether the best trial of a sweep is better: its settings, trained again with fresh seeds, beside those of the recipe.

The best of many trials is partly the luckiest. Both are trained with the same seeds, which no trial had, and so on the same
splits of the photographs; what counts is the difference by seed, with Student's t interval over seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg_core.config import Config
from seg_core.evaluation.bootstrap import Interval
from seg_core.evaluation.confidence import models_margin
from seg_core.evaluation.verdict import signed
from seg_core.sweeps.space import Params
from seg_core.sweeps.sweep import Role, Sweep, Trial, fresh_configs


@dataclass(frozen=True)
class Proof:
    """The winner's gain over the baseline, by seed.

    Attributes:
        winner: its trainings with fresh seeds.
        baseline: those with the starting settings.
        gain: mean difference in validation IoU and its 95 % interval over seeds.
        seeds: the number of seeds with which both have finished.
    """

    winner: Trial
    baseline: Trial
    gain: Interval
    seeds: int

    @property
    def is_better(self) -> bool:
        """True if the interval excludes 0."""
        return self.gain.low > 0


def proving_trials(sweep: Sweep) -> dict[Role, tuple[Params, list[Config]]]:
    """Return what has to be trained to prove the best trial; nothing if there is none, or it has the starting settings."""
    best = sweep.best
    if best is None or dict(best.params) == sweep.baseline:
        return {}
    params: dict[Role, Params] = {"winner": best.params, "baseline": sweep.baseline}
    return {role: (each, fresh_configs(sweep.config_of(each), sweep.plan.seeds)) for role, each in params.items()}


def proof_of(sweep: Sweep) -> Proof | None:
    """Return the winner's gain; None until at least two seeds have finished with both, and nothing goes on."""
    winner, baseline = sweep.proving("winner"), sweep.proving("baseline")
    if winner is None or baseline is None or "active" in (winner.state, baseline.state):
        return None
    ours, theirs = _by_seed(winner), _by_seed(baseline)
    gains = np.array([ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())])
    if len(gains) < 2:
        return None
    mean, margin = float(gains.mean()), models_margin([gains])
    return Proof(winner, baseline, Interval(mean, mean - margin, mean + margin), len(gains))


def verdict(sweep: Sweep) -> str:
    """Return one or two sentences on what came out; empty while the search goes on."""
    best = sweep.best
    if sweep.phase == "searching":
        return ""
    if best is None:
        return "No trial has finished, so there is nothing to choose from."
    if dict(best.params) == sweep.baseline:
        return f"No trial scores higher than trial {best.number}, which has the starting settings."
    if sweep.phase == "proving":
        return f"Trial {best.number} is the best. It is trained again with fresh seeds, beside the starting settings."
    proof = proof_of(sweep)
    if proof is None:
        return f"Trial {best.number} scores highest; it was not trained again with fresh seeds, so this may be luck."
    low, high = signed(proof.gain.low), signed(proof.gain.high)
    found = f"{signed(proof.gain.mean)} in validation IoU over {proof.seeds} fresh seeds (95 % interval {low} to {high})"
    if proof.is_better:
        return f"Trial {best.number} is better than the starting settings: {found}."
    return f"Trial {best.number} is not shown to be better than the starting settings: {found}."


def _by_seed(trial: Trial) -> dict[int, float]:
    return {run.config.seed: run.best_iou for run in trial.runs if run.status == "finished" and run.best_iou is not None}
