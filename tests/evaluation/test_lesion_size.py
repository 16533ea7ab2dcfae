"""IoU by lesion size, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from seg_core.evaluation.bootstrap import mean_interval
from seg_core.evaluation.lesion_size import LESION_SIZES, RESAMPLES, iou_by_size
from seg_core.evaluation.result import Evaluation
from tests.evaluation.stub import per_image


def evaluation(lesion: list[int], found: list[int]) -> Evaluation:
    """Images of 1,000 pixels with ``lesion`` pixels of truth, ``found`` of which are marked, and nothing else."""
    count, marked = len(lesion), np.array(found)[:, None]
    ids = tuple(str(number) for number in range(count))
    arrays = marked, 0 * marked, np.array(lesion), np.full(count, 1000), np.zeros((count, 2))
    return Evaluation(ids, np.array([0.5]), 0.5, *arrays, **per_image(count))


def test_bounds_are_5_and_20_percent_of_the_frame() -> None:
    # Below: 49 of 1,000. Between: 50 and 200. Above: 201 and 800. The last shows no lesion, and none is marked.
    by_size = iou_by_size(evaluation([49, 50, 200, 201, 800, 0], [7, 40, 20, 201, 200, 0]))
    assert list(by_size) == list(LESION_SIZES)
    counts, intervals = zip(*by_size.values(), strict=True)
    assert counts == (1, 2, 2)
    assert [interval.mean for interval in intervals] == pytest.approx([1 / 7, (4 / 5 + 1 / 10) / 2, (1 + 1 / 4) / 2])
    assert np.isnan(intervals[0].low)  # one photograph says nothing of others
    assert intervals[2] == mean_interval([1, 1 / 4], RESAMPLES)


def test_where_there_is_no_lesion_of_a_size_nothing_is_known() -> None:
    assert [count for count, _ in iou_by_size(evaluation([10], [10])).values()] == [1, 0, 0]
    assert np.isnan(iou_by_size(evaluation([10], [10]))["above 20 %"][1].mean)
