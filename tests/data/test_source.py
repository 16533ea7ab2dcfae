"""Dataset sources as people type and paste them, and what they say besides the folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from seg_core.data.dataset import open_dataset
from seg_core.data.source import Source, clean_source
from seg_core.errors import InputError
from tests.helpers import make_dataset


@pytest.mark.parametrize(
    "typed",
    [
        "~/My Photos",
        ' "~/My Photos" ',
        "'{home}/My Photos/'",
        "“{home}/My Photos”",
        "‘~/My Photos’",
        "«{home}/My Photos»",
        "My Photos",
        "./x/../My Photos/",
        r"{home}/My\ Photos",
        r"~/My\ Photos/",
        "file://{home}/My%20Photos",
        "file://localhost{home}/My%20Photos/",
        "file:{home}/My%20Photos",
        "\t{home}/My Photos\n",
    ],
)
def test_paths_as_people_paste_them(typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "My Photos").mkdir()
    assert clean_source(typed.format(home=tmp_path)) == str(tmp_path / "My Photos")


@pytest.mark.parametrize("name", ["who?", "a?images=b", "it's", "50%", "back\\ slash", "‘quoted’", "a&b=c"])
def test_a_folder_whose_name_holds_such_signs_is_found(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    source = Source.parse(tmp_path / name).with_choices(lesion=2)
    assert source == Source(str(tmp_path / name), lesion="2")
    assert Source.parse(str(source)) == source


def test_what_is_said_besides_the_folder_survives_as_text() -> None:
    source = Source("/data/skin", ("photos & more", "50% off?"), ("labels",), "2")
    assert str(source) == "/data/skin?images=photos %26 more&images=50%25 off%3F&masks=labels&lesion=2"
    assert Source.parse(str(source)) == source
    assert source.name == "skin"
    assert Source.parse("/data/skin.zip").name == "skin"
    assert Source.parse("/data/skin?colour=blue") == Source("/data/skin?colour=blue")
    assert Source.parse("sample").with_choices("a", "b", 1) == Source("sample")


def test_named_folders_lie_below_the_source_or_where_the_user_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("data/photos", "elsewhere/masks"):
        (tmp_path / name).mkdir(parents=True)
    source = Source.parse("data").with_choices(["photos", "data/photos/", tmp_path / "data" / "photos"], "elsewhere/masks")
    assert source == Source(str(tmp_path / "data"), ("photos",) * 3, (str(tmp_path / "elsewhere" / "masks"),))
    with pytest.raises(InputError, match="is empty; name a folder"):
        source.with_choices(images=" ")


def test_a_dataset_is_opened_by_the_names_of_its_folders(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data", layout="flat", train=2)
    (data / "images").rename(data / "first")
    (data / "masks").rename(data / "second")
    dataset = open_dataset(data, images="first", masks="second", lesion=255)
    assert dataset.sources == (f"{data}?images=first&masks=second&lesion=255",)
    assert dataset.counts == {"train": 2, "val": 0, "test": 0}
    assert dataset.name == "data"
    assert open_dataset(dataset.sources).pairs == dataset.pairs
