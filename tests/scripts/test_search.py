"""The search for a recipe: which photographs score, what a candidate gains, and the whole way from candidates to the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.search.candidates import by_candidate, enqueue
from scripts.search.table import table
from scripts.search.transfer import OWN, Source, gain
from seg_core.errors import InputError
from seg_core.evaluation.bootstrap import mean_interval
from seg_core.runs.store import RunStore
from seg_core.runs.worker import work
from tests.helpers import make_dataset, tiny_config

SETTINGS = tiny_config(epochs=1, swa_fraction=0).model_dump(exclude={"recipe", "log", "groups", "encoder_rate"})


def test_a_source_gives_one_photograph_of_each_lesion_spread_evenly(tmp_path: Path) -> None:
    folder = make_dataset(tmp_path / "elsewhere", train=6)
    lesions = ["a", "a", "b", "c", "c", "d"]
    (folder / "lesions.csv").write_text("id,lesion\n" + "\n".join(f"ISIC_{n:07d},{name}" for n, name in enumerate(lesions)))
    numbers = {
        (text, most): [int(pair.id[-1]) for pair in Source.of(text, most).pairs]
        for text, most in ((f"{folder}=lesions.csv:lesion", 600), (f"{folder}=lesions.csv:lesion", 2), (str(folder), 3))
    }
    assert list(numbers.values()) == [[0, 2, 3, 5], [0, 5], [0, 2, 5]]
    assert Source.of(str(folder)).name == "elsewhere"


def test_the_gain_is_the_mean_over_sources_on_shared_photographs() -> None:
    first = {OWN: {"a": 0.5, "b": 0.75, "only here": 0.125}, "other": {"x": 0.25, "y": 0.25, "z": 0.5}}
    second = {OWN: {"a": 0.625, "b": 1.0}, "other": {"x": 0.25, "y": 0.5, "z": 0.5}}
    found = gain(second, first)
    own, other = mean_interval([0.125, 0.25]), mean_interval([0.0, 0.25, 0.0])
    assert found.mean == pytest.approx((0.1875 + 0.25 / 3) / 2)
    assert found.mean - found.low == pytest.approx(((own.mean - own.low) ** 2 + (other.mean - other.low) ** 2) ** 0.5 / 2)
    assert found.high - found.mean == pytest.approx(((own.high - own.mean) ** 2 + (other.high - other.mean) ** 2) ** 0.5 / 2)
    assert gain(first, second).mean == pytest.approx(-found.mean)
    with pytest.raises(InputError, match="share no photographs of other; train them on the same folds"):
        gain(second, {OWN: first[OWN], "other": {"w": 0.5}})


@pytest.mark.slow
def test_candidates_are_trained_once_and_compared_on_their_fold_and_on_another_source(tmp_path: Path, lab_home: Path) -> None:
    store = RunStore()
    data = str(make_dataset(tmp_path / "data", train=10))
    source = Source.of(str(make_dataset(tmp_path / "elsewhere", train=3, first=20)))
    common = " ".join(f"{name}={value}" for name, value in SETTINGS.items())
    for candidate in ("baseline", "plain: decoder=plain", "plain: decoder=plain"):
        enqueue(candidate, common, data, 1, store)
        work(store.list_runs()[0].id, store)
    assert len(store.list_runs()) == 2

    header, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table(store, [source]).splitlines()]
    first, second = (dict(zip(header, row, strict=True)) for row in rows)
    assert [first["candidate"], second["candidate"]] == [name for name, _ in by_candidate(store)] == ["baseline", "plain"]
    assert "decoder plain" in second["settings"]
    for row in (first, second):
        assert float(row["mean"]) == pytest.approx((float(row[OWN]) + float(row["elsewhere"])) / 2, abs=1e-4)
    assert first["gain"] == ""
    assert float(second["gain"].split()[0]) == pytest.approx(float(second["mean"]) - float(first["mean"]), abs=2e-4)
    assert len(list((lab_home / "cache" / "search").glob("*.npz"))) == 4  # each model on its fold and on the other source
    assert table(store, [source], against="plain").splitlines()[3].split("|")[8].strip() == ""
    with pytest.raises(InputError, match="There is no candidate 'unet'; train it first"):
        table(store, [source], against="unet")
    store.close()
