"""Areas and agreement of masks."""

from __future__ import annotations

import numpy as np
import pytest

from seg_core.prediction.measures import measure

LEFT = np.array([[True, True, False, False], [False, False, False, False]])
NOTHING = np.zeros((2, 4), bool)


@pytest.mark.parametrize(
    ("masks", "areas", "agreement", "both_empty"),
    [
        ([LEFT], (2,), None, False),
        ([NOTHING], (0,), None, False),
        ([LEFT, LEFT[:, ::-1]], (2, 2), 0, False),
        ([LEFT, ~NOTHING], (2, 8), 0.25, False),
        ([LEFT, NOTHING], (2, 0), 0, False),
        ([NOTHING, NOTHING], (0, 0), None, True),
    ],
)
def test_measures(masks: list[np.ndarray], areas: tuple[int, ...], agreement: float | None, both_empty: bool) -> None:
    found = measure(masks)
    assert (found.areas, found.agreement, found.both_empty) == (areas, agreement, both_empty)
    assert found.shares == tuple(area / 8 for area in areas)
