"""The history of a training and its best epoch."""

from __future__ import annotations

import json

from seg_core.training.history import EpochRecord, History


def test_the_history_finds_its_best_epoch() -> None:
    records = [EpochRecord({}, {"iou": iou}, 1.0) for iou in (0.1, 0.7, 0.7)]
    assert History().best_epoch == 0
    assert History().best_val == {}
    assert History(tuple(records)).best_epoch == 2
    assert [History(tuple(records[:done]), keep="last").best_epoch for done in range(4)] == [0, 1, 2, 3]
    assert History.of(json.loads(json.dumps(History(tuple(records)).to_json()))) == History(tuple(records))
