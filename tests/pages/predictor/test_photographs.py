"""A visitor's photographs: measures of their masks, files that are refused, files that are written and deleted."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from pages.predictor.files import mask_name, mask_png, sweep, write_picture
from pages.predictor.markup import duration, percent
from pages.predictor.photo import Photo
from pages.predictor.session import MOST_PHOTOS, Session
from pages.predictor.view import result_of
from seg_core.data.image import read_scaled
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.prediction.predictor import Prediction
from tests.pages.predictor.helpers import BAD, NO_LONGER, MakeModel, halves

pytestmark = pytest.mark.usefixtures("thin_network")


def test_measures_follow_the_thresholds(make_model: MakeModel, photo_file: Path) -> None:
    photo = Photo.read(photo_file, "ISIC_1.jpg")
    one, two = make_model(run=1), make_model(run=2)
    halves(photo, one, 0.9, 0.1)
    halves(photo, two, 0.9, 0.6, threshold=0.4)
    result = result_of(photo, [str(one), str(two)], [None, None])
    sides, both = result.sides, result.measures
    # Bilinear scaling puts the step of the first model at its middle, where it passes 0.5; the second is lesion everywhere.
    assert [side.area for side in sides] == [60 * 90, 120 * 90]
    assert [side.threshold for side in sides] == [0.5, 0.4]
    assert both
    assert (both.agreement, both.shares, both.both_empty) == (0.5, (0.5, 1), False)
    result = result_of(photo, [str(one), str(two)], [0.95, 0.95])
    sides, both = result.sides, result.measures
    assert [side.area for side in sides] == [0, 0]
    assert both
    assert (both.agreement, both.both_empty) == (None, True)
    alone = result_of(photo, [str(one)], [0.95]).measures
    assert alone
    assert (alone.agreement, alone.both_empty) == (None, False)


def test_model_that_is_gone_says_so_in_its_place(make_model: MakeModel, photo_file: Path) -> None:
    photo = Photo.read(photo_file, "ISIC_1.jpg")
    gone, there = make_model(run=1), make_model(run=2)
    halves(photo, there, 0.9, 0.1)
    gone.unlink()
    result = result_of(photo, [str(gone), str(there)], [None, None])
    sides, measures = result.sides, result.measures
    assert sides[0].problem == NO_LONGER
    assert sides[1].area == 60 * 90
    assert measures
    assert measures.agreement is None


def test_model_runs_once_for_each_photograph(make_model: MakeModel, photo_file: Path) -> None:
    model, photo = str(make_model(run=1)), Photo.read(photo_file, "ISIC_1.jpg")
    assert not photo.knows([model])
    (first,), (second,) = photo.predict([model]), photo.predict([model])
    assert first is second
    assert photo.knows([model])
    assert not photo.knows([model], tta=True)
    (averaged,) = photo.predict([model], tta=True)
    assert isinstance(first, Prediction)
    assert isinstance(averaged, Prediction)
    assert np.abs(averaged.probabilities - first.probabilities).max() > 0
    assert photo.predict([model], tta=True)[0] is averaged
    assert photo.predict([model])[0] is first


def test_models_of_one_size_share_what_is_decoded(
    make_model: MakeModel, photo_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models, photo = [make_model(run=1), make_model(run=2)], Photo.read(photo_file, "ISIC_1.jpg")
    read = Mock(side_effect=read_scaled)
    monkeypatch.setattr("pages.predictor.photo.decoder", lambda: Mock(read_scaled=read))
    for model, prediction in zip(models, photo.predict(map(str, models)), strict=True):
        assert isinstance(prediction, Prediction)
        alone = load_checkpoint(model).predict(photo_file)
        np.testing.assert_array_equal(prediction.probabilities, alone.probabilities)
    sizes = [call.args[1] for call in read.call_args_list]
    assert len(sizes) == len(set(sizes)) <= 2  # a small lesion is looked at twice


def test_deleted_upload_is_said_in_a_sentence(make_model: MakeModel, photo_file: Path) -> None:
    model, photo = str(make_model(run=1)), Photo.read(photo_file, "ISIC_1.jpg")
    photo_file.unlink()
    (problem,) = photo.predict([model])
    assert str(problem) == "ISIC_1.jpg was deleted from this machine after an hour; drop it again."


def test_bad_files_get_a_sentence_each_and_good_ones_are_kept(tmp_path: Path, photo_file: Path) -> None:
    files = []
    for name, (content, _) in BAD.items():
        (tmp_path / name).write_bytes(content)
        files.append((tmp_path / name, name))
    session = Session()
    problems = session.add([*files, (photo_file, "Läsion <1>.jpg")])
    assert [photo.name for photo in session.photos] == ["Läsion <1>.jpg"]
    assert session.photo is session.photos[0]
    for problem, (name, (_, about)) in zip(problems, BAD.items(), strict=True):
        assert problem.startswith(name)
        assert about in problem
        assert "\n" not in problem


def test_first_new_photograph_is_shown_and_their_number_is_limited(photo_file: Path) -> None:
    session = Session()
    session.add([(photo_file, "1")])
    assert session.add([(photo_file, "2"), (photo_file, "3")]) == []
    assert session.shown == 1
    (problem,) = session.add([(photo_file, "more")] * (MOST_PHOTOS + 5))
    assert problem.startswith(f"At most {MOST_PHOTOS} photographs")
    assert len(session.photos) == MOST_PHOTOS
    session.clear()
    assert session.photo is None


def test_mask_file_has_the_size_of_the_photograph(tmp_path: Path) -> None:
    prediction = Prediction(np.array([[0.9, 0.1]] * 2, np.float32), (301, 200), 0.5, 0.1)
    with Image.open(mask_png(prediction, 0.5, tmp_path, "mask.png")) as mask:
        assert (mask.size, mask.mode) == ((301, 200), "L")
        pixels = np.asarray(mask)
    assert set(np.unique(pixels)) == {0, 255}
    assert pixels[:, 0].all()
    assert not pixels[:, -1].any()


def test_words() -> None:
    assert [percent(0.1239), percent(0), percent(1)] == ["12.4 %", "0.0 %", "100.0 %"]
    assert [duration(0.84), duration(0.076), duration(0.001), duration(12)] == ["0.8 s", "0.08 s", "0.01 s", "12.0 s"]


def test_files_of_a_photograph_with_a_long_name_have_names_that_fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    name = mask_name("病" * 80 + ".jpg", "a run of a hundred letters, " * 3 + "called so")
    assert name.startswith("病" * 40 + "_mask_a-run-of")
    assert len(name.encode()) <= 255
    assert Path(write_picture(b"", "病" * 83 + ".jpg")).exists()


def test_sweep_takes_old_files_and_empty_folders_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    for name in ("old/photo.jpg", "mixed/photo.jpg", "mixed/new.jpg", "new.jpg"):
        file = cache / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        if file.name == "photo.jpg":
            os.utime(file, (0, 0))
    os.utime(cache / "old", (0, 0))
    os.utime(cache / "mixed", (0, 0))
    (cache / "about to be written into").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", Mock(side_effect=PermissionError))  # what Windows says of a file that is being read
        sweep(cache, older_than=3600)
    assert (cache / "old" / "photo.jpg").exists()
    sweep(cache, older_than=3600)
    assert {str(path.relative_to(cache)) for path in cache.rglob("*")} == {
        "about to be written into",
        "mixed",
        "mixed/new.jpg",
        "new.jpg",
    }


def test_photographs_dropped_together_with_others_are_shown(photo_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session, read = Session(), Photo.read

    def read_beside_another(file: Path, name: str) -> Photo:
        monkeypatch.setattr(Photo, "read", read)
        session.add([(photo_file, "quick.jpg")])
        return read(file, name)

    monkeypatch.setattr(Photo, "read", read_beside_another)
    session.add([(photo_file, "slow.jpg")])
    assert [photo.name for photo in session.photos] == ["quick.jpg", "slow.jpg"]
    assert session.photo
    assert session.photo.name == "slow.jpg"
