"""How far a model's masks may be trusted without a look: its expected IoU, whether the bound holds, and risk by coverage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seg_core.data.dataset import SplitChoice
from seg_core.evaluation.group import Scored
from seg_core.prediction.expected_iou import COVERAGE, fit, reached
from seg_core.prediction.metadata import CheckpointMetadata, ExpectedIouValues


def learn_expected_iou(evaluation: Scored, dataset: str, threshold: float | None = None) -> ExpectedIouValues | None:
    """Learn what IoU a model's masks may be expected to have; see `seg_core.prediction.expected_iou.fit`.

    Args:
        evaluation: on photographs that did not train the model.
        dataset: its name.
        threshold: at which the model predicts; its own by default.
    """
    soft, iou = _marked(evaluation, threshold)
    return fit(soft, iou, dataset)


def learnt_elsewhere(metadata: CheckpointMetadata, split: SplitChoice) -> ExpectedIouValues | None:
    """Return what a model has learnt to expect of its masks; None where it cannot tell, or learnt it on these photographs."""
    calibration = metadata.get("calibration")
    taught = calibration["fingerprint"] if calibration else metadata["dataset"]["fingerprint"]
    is_own = taught == split.dataset.fingerprint and (bool(calibration) or split.name == "val")
    return None if is_own else metadata.get("expected_iou")


@dataclass(frozen=True)
class Held:
    """On how many photographs the bound held."""

    held: int
    photographs: int

    @property
    def share(self) -> float:
        """The coverage, 0 to 1."""
        return self.held / self.photographs

    @property
    def sentence(self) -> str:
        """It in words."""
        held = f"{self.held:,} of {self.photographs:,} photographs ({100 * self.share:.0f} %)"
        return f"the IoU reached the bound on {held}; it is made to do so on {100 * COVERAGE:.0f} % of those like its own"


def bound_held(evaluation: Scored, learnt: ExpectedIouValues | None) -> Held | None:
    """Count on how many photographs the bound held; None where the model has none, or nothing is marked anywhere."""
    soft, iou = _marked(evaluation, None)
    return Held(int(reached(learnt, soft, iou).sum()), len(soft)) if learnt and len(soft) else None


def risk_coverage(evaluation: Scored, threshold: float | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return by how many of the masks are taken, the surest first, what their mean IoU is (Geifman & El-Yaniv, 2017).

    Returns:
        Shares of the N photographs (N,), rising to 1, and the mean IoU (N,) of as many. Photographs where neither the mask nor
        the truth marks anything are left out.
    """
    soft, iou = _marked(evaluation, threshold)
    taken = np.arange(1, len(soft) + 1)
    return taken / max(len(soft), 1), np.cumsum(iou[np.argsort(-soft, kind="stable")]) / taken


def _marked(evaluation: Scored, threshold: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Return soft IoU and IoU of the photographs where the mask or the truth marks anything: of the others the IoU is 0/0."""
    marked = ~evaluation.both_empty(threshold)
    return evaluation.soft_iou(threshold)[marked], evaluation.scores(threshold)["iou"][marked]
