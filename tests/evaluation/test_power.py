"""How many photographs, or models, would settle what is open."""

from __future__ import annotations

import numpy as np
import pytest

from seg_core.evaluation.pairing import score_pairings
from seg_core.evaluation.power import models_to_settle, photographs_to_settle, settled_share

GAINS = np.random.default_rng(1).standard_normal(100)
GAINS = (GAINS - GAINS.mean()) / GAINS.std(ddof=1)


def test_the_share_of_settled_studies_is_the_power_of_the_test() -> None:
    # A mean of 0.28 standard deviations: the power of a two-sided t-test with 100 is 0.79 (Cohen, 1988, table 2.4: 0.8 with 100).
    assert settled_share(0.28 * 0.1 + 0.1 * GAINS, 0.0001, 100) == pytest.approx(0.79, abs=0.1)
    assert settled_share(0.1 * GAINS, 0.0001, 100) == pytest.approx(0.05, abs=0.06)  # nothing to find
    assert settled_share(0.1 * GAINS, 0.1, 100) == 1  # no difference, and a wide margin


def test_more_photographs_settle_what_is_open() -> None:
    gains = 0.015 + 0.1 * GAINS
    enough = photographs_to_settle(gains, 0.001)
    assert enough in (300, 400, 500)  # (2.8 / 0.15) ** 2 = 348 by the normal distribution
    assert photographs_to_settle(0.001 + 0.1 * GAINS, 0.0005) is None


def test_more_models_settle_what_varies_between_them() -> None:
    gains, means = 0.01 + 0.001 * GAINS, [np.array([0.80, 0.82, 0.84])]
    assert photographs_to_settle(gains, 0.0001, means) is None  # photographs are not what is missing
    assert models_to_settle(gains, 0.0001, means) == 8  # 2.07 * 0.02 / sqrt(24) is below 0.01; with 18 it is at 0.01
    assert models_to_settle(gains, 0.0001, []) is None


def test_a_pair_says_what_would_settle_it() -> None:
    (pairing,) = score_pairings({"A": 0.5 + 0.015 + 0.1 * GAINS, "B": np.full(100, 0.5)}, margin=0.001)
    assert pairing.outlook.startswith("Between A and B, about ")
    assert "(now 100; power 80 %)" in pairing.outlook
    (few,) = score_pairings({"A": [0.5, 0.6, 0.7], "B": [0.55, 0.58, 0.7]})
    assert few.outlook == ""  # three photographs tell nothing of others
