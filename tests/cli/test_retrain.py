"""The command `retrain`: it trains, and says whether it helped."""

from __future__ import annotations

from pathlib import Path

import pytest

from seg_core.data.collection.store import create_collection
from seg_core.network import build_model
from seg_core.prediction.checkpoint_file import save_checkpoint
from seg_core.runs.store import RunStore
from tests.cli.lab import Lab
from tests.helpers import corrected, metadata_of, tiny_config

pytestmark = pytest.mark.usefixtures("thin_network")


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Lab:
    monkeypatch.setattr("seg_core.training.device.bf16_is_faster", lambda: False)  # takes seconds to measure
    return Lab(monkeypatch, capsys)


@pytest.fixture
def before(tmp_path: Path) -> Path:
    config, file = tiny_config(), tmp_path / "skin.safetensors"
    save_checkpoint(file, build_model(config), metadata_of(config, name="skin"))
    return file


def test_a_model_is_retrained_and_judged(lab: Lab, before: Path, tmp_path: Path) -> None:
    corrected(tmp_path / "clinic", 14)
    done = lab("retrain", before, "--collection", "Clinic", "--epochs", 1, "--margin", 0.1, "--seed", 5, "--json")
    assert done.status == 0, done.err
    assert "Run 1: 8 corrections train, 6 are held out; stop it with Ctrl-C" in done.err
    result = done.json
    assert (result["status"], result["corrections"], result["held_out"], result["before"]) == ("finished", 8, 6, str(before))
    proof = result["proof"]
    assert proof["outcome"] in ("better", "no worse", "worse", "not shown")
    assert (proof["n"], proof["margin"]) == (6, 0.1)
    assert proof["difference"]["mean"] == pytest.approx(proof["after"] - proof["before"])

    again = lab("retrain", before, "--collection", "Clinic", "--epochs", 1, "--anew", "--name", "from nothing")
    (sentence,) = [line for line in again.out.splitlines() if "on 6 held-out photographs" in line]
    assert sentence.startswith(("Better: ", "No worse within 0.01", "Worse: ", "Not shown to be better"))
    longer = lab("runs", "continue", 1, "--epochs", 1)  # the verdict is of the model as it is now
    assert "on 6 held-out photographs" in longer.out
    before.unlink()
    gone = lab("runs", "continue", 1, "--epochs", 1)
    assert gone.status == 0
    assert gone.out.splitlines()[-1].startswith(f"Before and after are not compared. The checkpoint {before} cannot be read")
    first, second = RunStore().list_runs()[::-1]
    assert (first.config.seed, first.config.begin_from, second.config.begin_from, second.name) == (
        5,
        str(before),
        "",
        "from nothing",
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("{before} --collection Ward", "There is no collection Ward; there are Clinic."),
        (
            "{before} --collection Clinic --margin 0",
            "The margin cannot be 0; give a loss in IoU above 0 and up to 0.2, such as 0.01.",
        ),
        ("/no/model --collection Clinic", "The checkpoint /no/model cannot be read (No such file or directory); check the path."),
        (
            "{before} --collection Clinic",
            "Clinic has 0 corrected masks: 0 to train on and 0 to hold out. To be judged, a retraining needs at least 6 of each; "
            "correct 12 more.",
        ),
    ],
)
def test_what_cannot_be_retrained_is_one_sentence(arguments: str, sentence: str, lab: Lab, before: Path) -> None:
    create_collection("Clinic")
    assert lab.refuses("retrain", *arguments.format(before=before).split()) == sentence
    assert RunStore().list_runs() == []
