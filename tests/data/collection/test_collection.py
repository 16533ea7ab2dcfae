"""Collections: masks that are saved as versions, by several people at once, after a kill, and as a dataset."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seg_core.common.home import PROJECT
from seg_core.config import SplitSpec
from seg_core.data.check import check_names
from seg_core.data.collection.collection import Collection
from seg_core.data.collection.contents import Item, contents_in_words
from seg_core.data.collection.store import create_collection, delete_collection, list_collections, open_collection
from seg_core.data.collection.versions import Version
from seg_core.data.dataset import open_dataset
from seg_core.data.truth import read_truth
from seg_core.errors import InputError
from tests.helpers import lesion, read_mask, wait_until

SIZE = (12, 8)


def photograph(file: Path, colour: int = 200, **saving: Any) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE, (colour, 150, 140)).save(file, **saving)
    return file


def marked(*columns: int) -> np.ndarray:
    """A mask (8, 12) with some of its columns."""
    mask = np.zeros(SIZE[::-1], bool)
    mask[:, list(columns)] = True
    return mask


def save(collection: Collection, mask: np.ndarray, base: int, author: str = "Ada", id: str = "a") -> Version:
    return collection.save(id, mask, author=author, began_as="empty", seconds=4.26, base=base)


def current(collection: Collection, id: str = "a") -> np.ndarray:
    mask = collection.item(id).mask
    assert mask
    return read_mask(mask)[0]


@pytest.fixture
def clinic(tmp_path: Path) -> Collection:
    """A collection with the photographs a and b."""
    collection = create_collection("Clinic")
    photos = [photograph(tmp_path / "photos" / f"{name}.png", colour) for name, colour in (("a", 200), ("b", 210))]
    assert collection.add_photographs(photos, copy=True) == ["a", "b"]
    return collection


def test_a_collection_begins_empty_and_is_found_by_its_name(lab_home: Path) -> None:
    assert list_collections() == []
    made = create_collection("  Größe-2 ")
    create_collection("alpha")
    assert (made.name, made.folder) == ("Größe-2", lab_home / "collections" / "Größe-2")
    assert list_collections() == ["alpha", "Größe-2"]
    assert open_collection("Größe-2").items() == []
    assert not list((lab_home / "collections").glob(".*"))


@pytest.mark.parametrize("name", ["", " ", "..", "a/b", "../a", "a\\b", ".hidden", "-x", "_x", "a\0", "a\nb", "a?b", "x" * 61])
def test_what_could_be_a_path_is_no_name(name: str) -> None:
    with pytest.raises(InputError, match="cannot be called"):
        create_collection(name)
    with pytest.raises(InputError, match="cannot be called"):
        open_collection(name)


def test_names_that_are_taken_or_unknown_are_told() -> None:
    create_collection("Clinic")
    with pytest.raises(InputError, match="There is a collection clinic already; choose another name"):
        create_collection("clinic")
    with pytest.raises(InputError, match="There is no collection other; there are Clinic"):
        open_collection("other")


def test_a_collection_is_deleted_whole_and_what_it_refers_to_stays(tmp_path: Path, lab_home: Path) -> None:
    clinic, away = create_collection("Clinic"), photograph(tmp_path / "away" / "b.jpg", 100)
    clinic.add_photographs([photograph(tmp_path / "a.jpg")], copy=True)
    clinic.add_photographs([away], copy=False)
    save(clinic, marked(1), base=0)
    save(clinic, marked(2), base=1)
    assert contents_in_words(clinic.items()) == "2 photographs and 2 versions of masks"
    with clinic.adding(), pytest.raises(InputError, match=r"Photographs are being added to Clinic; delete it when they are"):
        delete_collection("Clinic")
    delete_collection("Clinic")
    assert list_collections() == []
    assert list((lab_home / "collections").iterdir()) == []
    assert away.is_file()
    with pytest.raises(InputError, match="There is no collection Clinic; there is none yet"):
        delete_collection("Clinic")
    # Whoever still has it open makes nothing in its place.
    for change in (lambda: save(clinic, marked(3), base=2), lambda: clinic.exclude("a", "blurred", "Ada"), clinic.repair):
        with pytest.raises(InputError, match="The collection Clinic is gone: it was deleted"):
            change()
    assert clinic.folder.exists() is False
    assert create_collection("Clinic").items() == []


def test_a_save_makes_no_folder_in_place_of_a_collection_that_is_deleted_meanwhile(
    clinic: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitting = Collection._fitting

    def deleted_after(self: Collection, id: str, mask: np.ndarray) -> np.ndarray:
        fitted = fitting(self, id, mask)
        delete_collection("Clinic")
        return fitted

    monkeypatch.setattr(Collection, "_fitting", deleted_after)
    with pytest.raises(InputError, match=r"The collection Clinic cannot be written \(No such file"):
        clinic.propose("a", marked(1), model="m")
    assert not clinic.folder.exists()


def test_a_collection_of_another_format_is_not_touched(clinic: Collection) -> None:
    (clinic.folder / "collection.json").write_text('{"format": 2}')
    with pytest.raises(InputError, match="made by another version of LesionLab"):
        open_collection("Clinic")
    (clinic.folder / "collection.json").write_text("{")
    with pytest.raises(InputError, match=r"collection\.json cannot be read"):
        open_collection("Clinic")


def test_a_save_is_a_version_with_its_record_and_the_current_mask(clinic: Collection) -> None:
    assert clinic.item("a") == Item("a", clinic.folder / "images" / "a.png", None, None, 0, None)
    version = clinic.save("a", marked(1, 2), author=" Ada \n L. ", began_as="model m at 0.5", seconds=4.26, base=0)
    assert (version.number, version.author, version.began_as) == (1, "Ada L.", "model m at 0.5")
    assert (version.seconds, version.base) == (4.3, 0)
    assert timedelta(0) <= datetime.now(UTC) - version.saved < timedelta(minutes=1)
    assert not version.is_conflict
    item = clinic.item("a")
    assert (item.mask, item.versions) == (clinic.folder / "masks" / "a.png", 1)
    assert np.array_equal(current(clinic), marked(1, 2))
    with Image.open(clinic.folder / "masks" / "a.png") as stored:
        assert (stored.mode, stored.size, np.unique(np.asarray(stored)).tolist()) == ("L", SIZE, [0, 255])
    assert clinic.history("a") == [version]
    assert clinic.history("b") == []
    record = json.loads((clinic.folder / "history" / "a" / "0001" / "version.json").read_text())
    assert record["author"] == "Ada L."


def test_a_save_on_an_older_version_is_kept_and_says_who_saved_meanwhile(clinic: Collection) -> None:
    save(clinic, marked(1), base=0)
    assert not save(clinic, marked(2), base=1).is_conflict
    late = clinic.save("a", marked(3), author="Cleo", began_as="version 1", seconds=1, base=1)
    assert (late.number, late.is_conflict, late.meanwhile) == (3, True, ("Ada",))
    later = clinic.save("a", marked(4), author="Dan", began_as="empty", seconds=1, base=0)
    assert later.meanwhile == ("Ada", "Ada", "Cleo")
    assert later.to_json()["conflict"] is True
    assert np.array_equal(current(clinic), marked(4))
    kept = [read_mask(clinic.version_mask("a", number))[0] for number in (1, 2, 3, 4)]
    assert all(np.array_equal(mask, marked(number)) for number, mask in enumerate(kept, start=1))
    assert [version.is_conflict for version in clinic.history("a")] == [False, False, True, True]


def test_going_back_to_a_version_writes_a_new_one(clinic: Collection) -> None:
    for base in range(2):
        save(clinic, marked(base), base=base)
    version = clinic.restore("a", 1, "Bob")
    assert (version.number, version.author, version.began_as, version.base) == (3, "Bob", "version 1", 2)
    assert not version.is_conflict
    assert np.array_equal(current(clinic), marked(0))
    everything = np.ones(SIZE[::-1], bool)
    save(clinic, everything, base=3)
    clinic.restore("a", 4, "Bob")
    assert np.array_equal(current(clinic), everything)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda c: save(c, marked(1), base=0, id="c"), "There is no photograph c in the collection Clinic."),
        (lambda c: save(c, marked(1), base=0, id="../a"), "There is no photograph ../a in"),
        (lambda c: save(c, marked(1), base=2), "There is no version 2 of the mask of a to go on from"),
        (lambda c: save(c, marked(1), base=-1), "There is no version -1 of"),
        (lambda c: save(c, marked(1).T, base=0), "The mask of a is 8 × 12 pixels and its photograph 12 × 8"),
        (lambda c: c.version_mask("a", 1), "There is no version 1 of the mask of a; it has none yet."),
        (lambda c: c.restore("b", 0, "Ada"), "There is no version 0 of the mask of b"),
        (lambda c: c.exclude("a", " ", "Ada"), "give a reason"),
        (lambda c: c.exclude("c", "blurred", "Ada"), "There is no photograph c"),
        (lambda c: c.include("c"), "There is no photograph c"),
        (lambda c: c.history("c"), "There is no photograph c"),
    ],
)
def test_what_cannot_be_is_one_sentence(clinic: Collection, call: object, sentence: str) -> None:
    assert callable(call)
    with pytest.raises(InputError) as refused:
        call(clinic)
    assert sentence in str(refused.value)
    assert not clinic.history("a")


SAVES = """
import sys
import numpy as np
from seg_core.data.collection.store import open_collection
collection = open_collection("Clinic")
author = sys.argv[1]
for column in range(12):
    mask = np.zeros((8, 12), bool)
    mask[:, column] = True
    collection.save("a", mask, author=author, began_as="empty", seconds=1, base=collection.item("a").versions)
"""


def test_of_two_processes_that_save_at_once_none_loses_a_version(clinic: Collection, lab_home: Path) -> None:
    command = [sys.executable, "-c", SAVES]
    saving = [subprocess.Popen([*command, author], cwd=PROJECT, stderr=subprocess.PIPE) for author in ("Ada", "Bob")]
    errors = [process.communicate(timeout=200)[1] for process in saving]
    assert errors == [b"", b""]
    history = clinic.history("a")
    assert [version.number for version in history] == list(range(1, 25))
    for author in ("Ada", "Bob"):
        own = [version.number for version in history if version.author == author]
        masks = [read_mask(clinic.version_mask("a", number))[0] for number in own]
        assert [int(mask.argmax(axis=1)[0]) for mask in masks] == list(range(12))
    assert (clinic.folder / "masks" / "a.png").read_bytes() == clinic.version_mask("a", 24).read_bytes()
    assert [path.name for path in (clinic.folder / "history" / "a").iterdir() if path.name.startswith(".")] == []


def test_a_process_that_is_killed_while_it_saves_leaves_whole_versions_alone(clinic: Collection) -> None:
    with subprocess.Popen([sys.executable, "-c", SAVES.replace("range(12)", "[3, 4] * 5_000"), "Ada"], cwd=PROJECT) as saving:
        wait_until(lambda: clinic.item("a").versions >= 20)
        saving.kill()
    collection = open_collection("Clinic")
    history = collection.history("a")
    assert [version.number for version in history] == list(range(1, len(history) + 1))
    assert np.array_equal(current(collection), read_mask(collection.version_mask("a", len(history)))[0])
    assert save(collection, marked(4), base=len(history)).number == len(history) + 1


@pytest.mark.parametrize("before", ["the version before", "nothing"])
def test_a_kill_between_version_and_current_mask_is_repaired_by_the_next_open(clinic: Collection, before: str) -> None:
    save(clinic, marked(1), base=0)
    save(clinic, marked(2), base=1)
    if before == "nothing":
        (clinic.folder / "masks" / "a.png").unlink()
    else:
        shutil.copy(clinic.version_mask("a", 1), clinic.folder / "masks" / "a.png")
    unfinished = clinic.folder / "history" / "a" / ".x.999999999.partial"
    (unfinished / "version").mkdir(parents=True)
    partial = clinic.folder / "masks" / ".a.png.999999999.partial"
    partial.touch()
    assert np.array_equal(current(open_collection("Clinic")), marked(2))
    assert len(clinic.history("a")) == 2
    assert not partial.exists()
    save(clinic, marked(3), base=2)
    assert not unfinished.exists()


def test_a_mask_that_another_program_changed_becomes_a_version(clinic: Collection) -> None:
    save(clinic, marked(1), base=0)
    Image.fromarray(marked(5, 6)).save(clinic.folder / "masks" / "a.png")
    Image.fromarray(marked(7)).save(clinic.folder / "masks" / "b.png")
    late = save(clinic, marked(2), base=1)
    assert (late.number, late.is_conflict) == (3, True)
    assert np.array_equal(read_mask(clinic.version_mask("a", 2))[0], marked(5, 6))
    assert clinic.history("a")[1].began_as == "a change by another program"
    assert np.array_equal(current(open_collection("Clinic"), "b"), marked(7))
    assert clinic.item("b").versions == 1


def test_a_proposal_is_no_mask_until_a_person_saves_one(clinic: Collection) -> None:
    assert clinic.proposal("a") is None
    clinic.propose("a", marked(1), model="m at 0.5")
    clinic.propose("a", marked(2), model="n at 0.4")
    item = clinic.item("a")
    assert (item.mask, item.versions) == (None, 0)
    assert item.proposal
    assert np.array_equal(read_mask(item.proposal)[0], marked(2))
    proposal = clinic.proposal("a")
    assert proposal
    assert proposal.author == "n at 0.4"
    assert open_dataset(clinic.source()).pairs == []
    save(clinic, marked(2), base=0)
    assert [pair.id for pair in open_dataset(clinic.source()).pairs] == ["a"]
    assert clinic.item("a").proposal == item.proposal


def test_photographs_get_safe_names_of_their_own_and_each_content_is_there_once(clinic: Collection, tmp_path: Path) -> None:
    names = ["a.png", "A.jpg", "..x y?.png", "é/1.png", "Ada's photo (2).png", "_.png"]
    files = [photograph(tmp_path / "more" / name, 10 * place) for place, name in enumerate(names)]
    ids = clinic.add_photographs(files, copy=True)
    assert ids == ["a-2", "A-3", "x_y_", "1", "Ada_s_photo_2_", "photograph"]
    again = photograph(tmp_path / "copy" / "other name.png", 200)
    assert clinic.add_photographs([again, files[1], files[1]], copy=True) == ["a", "A-3", "A-3"]
    assert len(clinic.items()) == 8
    assert all(file.exists() for file in files)


def test_what_is_no_photograph_is_not_added(clinic: Collection, tmp_path: Path) -> None:
    text = tmp_path / "x.txt"
    text.write_text("x")
    shutil.copy(text, tmp_path / "x.jpg")
    for file, sentence in ((text, "x.txt is not called"), (tmp_path / "x.jpg", "is not an image"), (tmp_path / "y.jpg", "exist")):
        with pytest.raises(InputError, match=sentence):
            clinic.add_photographs([file], copy=True)
    assert len(clinic.items()) == 2


def test_a_photograph_that_is_referred_to_stays_where_it_is_and_is_missed_when_gone(tmp_path: Path) -> None:
    collection = create_collection("Linked")
    photos = [photograph(tmp_path / "photos" / f"{name}.png", colour) for name, colour in (("a", 1), ("b", 2))]
    before = [photo.stat().st_mtime_ns for photo in photos]
    assert collection.add_photographs(photos, copy=False) == ["a", "b"]
    for id in "ab":
        save(collection, marked(1), base=0, id=id)
    assert collection.photograph("a").readlink() == photos[0]
    assert [photo.stat().st_mtime_ns for photo in photos] == before
    photos[0].unlink()
    with pytest.raises(InputError, match=r"The photograph a of Linked is gone from .*photos/a\.png; put it back there\."):
        save(collection, marked(2), base=1)
    assert [item.id for item in open_collection("Linked").items()] == ["a", "b"]
    dataset = open_dataset(collection.source())
    assert [pair.id for pair in dataset.pairs] == ["b"]
    assert any("lead nowhere" in note and "a.png" in note for note in dataset.notes)


def test_the_mask_of_a_photograph_that_is_gone_goes_to_no_other_of_a_similar_name(tmp_path: Path) -> None:
    collection = create_collection("Linked")
    photos = [photograph(tmp_path / f"{name}.png", colour) for colour, name in enumerate(("x", "x_1", "x_mask", "y"))]
    collection.add_photographs(photos, copy=False, masks=dict.fromkeys(photos[1:], marked(1)))
    for photo in photos[1:3]:
        photo.unlink()
    dataset = open_dataset(collection.source())
    assert [pair.id for pair in dataset.pairs] == ["y"]
    assert any("lead nowhere" in note and "images/x_1.png, images/x_mask.png" in note for note in dataset.notes)


def test_a_mask_has_the_size_of_the_upright_photograph(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways = photograph(tmp_path / "side.jpg", exif=exif)
    mask = np.zeros((12, 8), bool)
    mask[:3] = True
    collection = create_collection("Sideways")
    collection.add_photographs([sideways], copy=True, masks={sideways: mask}, author="Ada")
    assert collection.size("side") == (8, 12)
    (version,) = collection.history("side")
    assert (version.began_as, version.author, version.seconds) == ("truth", "Ada", 0)
    (pair,) = open_dataset(collection.source()).pairs
    truth = read_truth(pair)
    assert truth.fitted == ""
    assert np.array_equal(truth.mask, mask)


def test_a_collection_in_work_is_a_dataset_of_what_has_masks(tmp_path: Path) -> None:
    """Names of photographs that say something, and versions and proposals of them, must not confuse the layout."""
    collection = create_collection("lesion masks")
    names = ["image_1", "image_1_mask", "mask_2", "x", "x_1", "train_3"]
    for seed, name in enumerate(names):
        Image.fromarray(lesion(seed=seed)[0]).save(tmp_path / f"{name}.png")
    ids = collection.add_photographs([tmp_path / f"{name}.png" for name in names], copy=True)
    assert ids == names
    for seed, id in enumerate(ids):
        collection.propose(id, lesion(seed=seed)[1], model="m")
        if id not in ("image_1", "x"):
            for base in range(2):
                save(collection, lesion(seed=seed)[1], base=base, id=id)
    dataset = open_dataset(collection.source())
    assert [(pair.id, pair.mask.name, pair.split) for pair in dataset.pairs] == [
        (id, f"{id}.png", "train") for id in ("image_1_mask", "mask_2", "train_3", "x_1")
    ]
    assert dataset.notes == ["Photographs of the collection without a mask yet are not used: 2."]
    assert check_names(dataset) == []
    split = dataset.split(SplitSpec(0, 0.25))
    assert (len(split.train), len(split.val)) == (3, 1)


def test_what_is_excluded_is_left_out_of_the_dataset_and_stays_in_the_collection(clinic: Collection) -> None:
    for id in "ab":
        save(clinic, marked(1), base=0, id=id)
    clinic.exclude("a", "two lesions,\nblurred", "Ada")
    assert [(item.id, item.excluded) for item in clinic.items()] == [("a", "two lesions, blurred"), ("b", None)]
    dataset = open_dataset(clinic.source())
    assert ([pair.id for pair in dataset.pairs], dataset.notes) == (
        ["b"],
        ["Photographs that excluded.csv lists are left out: 1."],
    )
    clinic.include("a")
    assert [pair.id for pair in open_dataset(clinic.source()).pairs] == ["a", "b"]
    assert clinic.item("a").excluded is None


def test_a_folder_that_cannot_be_written_is_one_sentence(clinic: Collection) -> None:
    (clinic.folder / "history").write_text("in the way")
    with pytest.raises(InputError, match="The collection Clinic cannot be written"):
        save(clinic, marked(1), base=0)
