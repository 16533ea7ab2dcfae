"""Columns of CSV files beside a dataset: which divide its photographs, by what titles, and where the bounds are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from seg_core.data.columns import MOST_VALUES, columns_of, title_of
from seg_core.data.dataset import open_dataset
from seg_core.data.partition import Partition
from tests.helpers import SHARED_DATA, make_dataset

IDS = [f"ISIC_{number:07d}" for number in range(14)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("columns"), train=14)


def columns(folder: Path, text: str, name: str = "metadata.csv") -> dict[str, Partition]:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    found, problems = columns_of([str(folder)], open_dataset(folder).unique_pairs)
    file.unlink()
    assert problems == []
    return {partition.title: partition for partition in found}


def table(**values: Sequence[object]) -> str:
    rows = [",".join(["isic_id", *values]), *(",".join(map(str, row)) for row in zip(IDS, *values.values(), strict=True))]
    return "\n".join(rows)


def members(partition: Partition) -> dict[str, list[int]]:
    """Numbers of the photographs of each part."""
    return {
        part.name: [number for number, row in enumerate(partition.rows_of(IDS)) if row == place]
        for place, part in enumerate(partition.parts)
    }


def test_texts_are_values_and_what_says_nothing_is_left_out(folder: Path) -> None:
    sites = ["torso", "head/neck", "", "unknown", "NA"] + ["torso"] * 9
    found = columns(
        folder,
        table(
            anatom_site_general=sites,
            lesion_id=[number % 2 for number in range(14)],
            patientID=[number % 2 for number in range(14)],
            same=["x"] * 14,
            note=[f"note {number}" for number in range(14)],
        ),
    )
    assert list(found) == ["Site"]
    assert members(found["Site"]) == {"head/neck": [1], "torso": [0, *range(5, 14)]}
    assert found["Site"].parts[0].phrase == "photographs with site head/neck"
    assert found["Site"].note == "From the column anatom_site_general of metadata.csv."


def test_up_to_twelve_texts_are_values(folder: Path) -> None:
    for count, expected in ((MOST_VALUES, ["Kind"]), (MOST_VALUES + 1, [])):
        assert list(columns(folder, table(kind=[f"kind {min(number, count - 1)}" for number in range(14)]))) == expected


def test_ages_are_divided_every_twenty_years(folder: Path) -> None:
    ages = [0, 19, 20, 39, 40, 59, 60, 79, 80, 95, "", 5, 45, 85.0]
    found = columns(folder, table(age_approx=ages))
    assert members(found["Age"]) == {
        "below 20": [0, 1, 11],
        "20 to 39": [2, 3],
        "40 to 59": [4, 5, 12],
        "60 to 79": [6, 7],
        "80 and more": [8, 9, 13],
    }


def test_numbers_are_divided_into_thirds_and_few_numbers_are_values(folder: Path) -> None:
    found = columns(
        folder,
        table(
            diameter=[1.5, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, "", ""],
            fitzpatrick_skin_type=[1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, "", 10],
            skewed=[0] * 8 + [1, 2, 3, 4, 5, 6],
        ),
    )
    thirds = {"below 5": [0, 1, 2, 3], "from 5 to below 9": [4, 5, 6, 7], "from 9 on": [8, 9, 10, 11]}
    assert members(found["Diameter"]) == thirds
    # The middle third begins among the zeros, which stay together.
    assert members(found["Skewed"]) == {"below 2": list(range(9)), "from 2 on": list(range(9, 14))}
    # Seven different numbers are thirds too; six are values, in the order of the numbers.
    assert [part.name for part in found["Skin type (Fitzpatrick)"].parts] == ["below 3", "from 3 to below 5", "from 5 on"]
    six = columns(folder, table(fitzpatrick_skin_type=[6, 2, 3, 4, 5, 1, 1, 2, 3, 4, 5, 6, "", 1]))
    assert [part.name for part in six["Skin type (Fitzpatrick)"].parts] == list("123456")


def test_columns_are_found_with_any_delimiter_case_and_ending_and_files_of_others_are_left_alone(folder: Path) -> None:
    text = "image;dx\n" + "\n".join(f"{id.lower()}.JPG;{'nv' if id < IDS[7] else 'mel'}" for id in IDS)
    assert members(columns(folder, text)["Diagnosis"]) == {"mel": list(range(7, 14)), "nv": list(range(7))}
    assert columns(folder, "name,kind\nelse,x\nother,y\n") == {}
    assert columns(folder, "id,reason,who,when\n" + f"{IDS[0]},dark,Ada,2026\n{IDS[1]},cut,Eve,2026", "accepted.csv") == {}


def test_a_file_that_is_no_text_is_told(folder: Path) -> None:
    file = folder / "broken.csv"
    file.write_bytes(b"\xff\xfe\x00\x01")
    found, problems = columns_of([str(folder)], open_dataset(folder).unique_pairs)
    file.unlink()
    assert found == []
    assert problems == [f"{file} cannot be read (it is no table of text); save it as CSV in UTF-8."]


def test_titles_are_readable() -> None:
    assert [title_of(column) for column in ("age_approx", "sex", "dx", "localization", "mel_class", "ABCD")] == [
        *("Age", "Sex", "Diagnosis", "Site"),
        *("Mel class", "ABCD"),
    ]


def test_the_diagnoses_of_ham10000_are_found() -> None:
    folder = SHARED_DATA / "ham10000-320"
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}")
    ((diagnosis,), problems) = columns_of([str(folder)], open_dataset(folder).unique_pairs)
    assert (diagnosis.title, problems) == ("Diagnosis", [])
    assert [part.name for part in diagnosis.parts] == ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
    counts = [list(diagnosis.part_of.values()).count(place) for place in range(7)]
    assert counts == [191, 286, 615, 59, 552, 1783, 81]  # cut -d, -f3 lesions.csv | sort | uniq -c
