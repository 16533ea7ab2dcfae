"""The Data page: what a scan found, filtered by hand-worked rules, and masks outlined."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pages.dataset.gallery import outlined
from pages.dataset.view import ANY, SOUND, TROUBLED, Filter, open_view
from seg_core.data.dataset import open_dataset
from seg_core.data.folders import Pair
from seg_core.jobs.requests import scan_request
from seg_core.jobs.results import result_folder
from seg_core.jobs.store import JobStore
from seg_core.jobs.tasks import TASKS
from seg_core.jobs.worker import work_on


@pytest.mark.usefixtures("lab_home")
def test_rows_are_filtered_by_split_problem_and_lesion_area(leaky_dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seg_core.jobs.worker.dispatch", lambda store: None)
    dataset, store = open_dataset(leaky_dataset), JobStore()
    request = scan_request(dataset)
    job = store.submit(request)
    work_on(job.id, store, TASKS)
    assert store.get(job.id).message == "9 pairs scanned."
    folder = result_folder(request)
    assert folder is not None
    view = open_view(dataset, folder)

    ids = [pair.id for pair in view.pairs]
    assert [ids[row] for row in view.rows(Filter("test", ANY, 0, 1))] == [pair.id for pair in dataset.test]
    assert [ids[row] for row in view.rows(Filter(None, TROUBLED, 0, 1))] == ["ISIC_0000003"]
    assert [ids[row] for row in view.rows(Filter(None, "unreadable", 0, 1))] == ["ISIC_0000003"]
    assert len(view.rows(Filter(None, SOUND, 0, 1))) == 8
    areas = {pair.id: np.mean(np.asarray(Image.open(pair.mask)) > 127) for pair in view.pairs}
    wanted = [id for id in ids if id == "ISIC_0000003" or 0.1 <= areas[id] <= 0.2]
    assert [ids[row] for row in view.rows(Filter(None, ANY, 0.1, 0.2))] == wanted
    assert sum(len(values) for values in view.by_split(view.areas).values()) == 8
    copy = ids.index("copy")
    assert view.caption(copy) == f"test · 96 × 96 · lesion {areas['copy'] * 100:.1f} %"
    assert {(d.first.id, d.second.id, d.is_leakage) for d in view.duplicates} == {("ISIC_0000002", "copy", True)}

    (leaky_dataset / "train" / "masks" / "ISIC_0000004.png").write_bytes(b"new")
    assert scan_request(open_dataset(leaky_dataset)).key != request.key
    (leaky_dataset / "train" / "masks" / "ISIC_0000004.png").unlink()


def test_the_outline_follows_the_mask(tmp_path: Path) -> None:
    Image.new("RGB", (200, 100), "#804020").save(tmp_path / "photo.png")
    mask = np.zeros((100, 200), np.uint8)
    mask[20:80, 40:160] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    pair = Pair("photo", tmp_path / "photo.png", tmp_path / "mask.png", "train")
    drawn = np.asarray(outlined(pair, side=100)).astype(int)
    assert drawn.shape == (50, 100, 3)
    white: np.ndarray = drawn.min(axis=2) > 250
    assert white[10:40, 20:80].sum() == white.sum() == 30 * 60 - 26 * 56  # two pixels wide, within the mask's edge
    (tmp_path / "photo.png").write_bytes(b"")
    assert outlined(pair, side=100).size == (100, 100)
