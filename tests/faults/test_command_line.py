"""Arguments, names of files and folders, and things that are no files, as people and scripts may give them to commands."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

import pytest

from seg_core.cli import training
from seg_core.common.home import PROJECT
from seg_core.data.collection.store import create_collection
from seg_core.data.isic2016 import download
from seg_core.network import build_model
from seg_core.prediction import foreign
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.prediction.checkpoint_file import save_checkpoint
from seg_core.runs import worker
from seg_core.runs.store import RunStore
from tests.faults.commands import command
from tests.helpers import make_dataset, metadata_of, thin_networks, tiny_config
from tests.runs.stores import CONFIG, finished

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no pipes, sockets and devices as files")

NUMBERS = ["1", "2", "0", "-1", "99", "1e3", "0.5", "nan", "inf", "½", "٣", "0x10", "", " 1 ", "run-1", "#1", "g1", "9" * 30]
TEXTS = ["", " ", "name", "a" * 5000, "<b>", "ΩΩ", "a\nb", "\t", "\udcff", "--", "-", "'", '"', "%s%n", "{0}", "\x1b[31m"]
WORDS = ["test", "val", "train", "all", "best", "report", "onnx", "plain", "pyramid", "fine-tune", "auto", "off", "none", "?"]
SETTINGS = ["--epochs", "--batch-size", "--image-size", "--seed", "--folds", "--fold", "--seeds", "--recipe", "--variant"]
SETTINGS += ["--learning-rate", "--loss", "--decoder", "--groups", "--device", "--precision", "--val-fraction", "--name"]


class Places:
    """Paths of every kind: good ones, missing ones, and things that no command can use."""

    def __init__(self, folder: Path) -> None:
        self.data = make_dataset(folder / "data", size=(64, 48), train=3, test=2)
        self.model = folder / "model.safetensors"
        save_checkpoint(self.model, build_model(tiny_config()), metadata_of(tiny_config()))
        self.photo = next(iter(sorted(self.data.rglob("*.jpg"))))
        create_collection("c").add_photographs([self.photo], copy=True)
        self.out = folder / "out"
        self.out.mkdir()
        self._socket = socket.socket(socket.AF_UNIX)
        odd = folder / "o"
        odd.mkdir()
        place = Path.cwd()
        os.chdir(odd)  # the address of a socket may have 100 characters
        self._socket.bind("socket.jpg")
        os.chdir(place)
        for name in ("pipe", "pipe.jpg", "pipe.safetensors", "pipe.onnx", "pipe.zip", "pipe.csv"):
            os.mkfifo(odd / name)
        (odd / "loop").symlink_to("loop")
        (odd / "loop.jpg").symlink_to("loop.jpg")
        (odd / "dangling.safetensors").symlink_to("nowhere")
        for name in ("empty.jpg", "empty.safetensors", "empty.onnx", "empty.zip", "a\nb.jpg", "-rf.jpg", "ü" * 100 + ".jpg"):
            (odd / name).touch()
        (odd / os.fsdecode(b"\xff\xfe.jpg")).write_bytes(b"no photograph")
        (odd / "folder.safetensors").mkdir()
        (odd / "noise.safetensors").write_bytes(Random(0).randbytes(4000))
        (odd / "groups.csv").write_text("id,lesion\na,b\n")
        self.inputs = [str(path) for path in sorted(odd.iterdir())]
        self.inputs += [
            "",
            ".",
            " ",
            "~nobody/x",
            "/dev/zero",
            "/dev/null",
            "/nowhere/x.jpg",
            "a" * 300,
            "x/" * 3000,
            "http://x",
        ]
        self.inputs += [f"{self.data}?lesion=2", f"{self.data}?images=x&masks=y", f"{self.photo}/below", "sample?x=1"]
        # Never a path that a run as root could harm: nothing here is outside the folder but a device that takes everything.
        self.outputs = [str(self.out / name) for name in ("new", "deep/er/file", "a" * 300, "ΩΩ", "a\nb", "\udcff")]
        self.outputs += [str(odd / name) for name in ("pipe", "socket.jpg", "loop", "folder.safetensors")]
        self.outputs += ["/dev/null", "", f"{self.photo}/below", "/proc/nowhere"]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    """A folder with everything, as the working folder, and a home with a finished and a waiting run; nothing trains."""
    monkeypatch.setenv("LESIONLAB_ISIC_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "WAITS", ())
    monkeypatch.setattr(training, "_train_in_turn", lambda *_: None)
    monkeypatch.setattr(worker, "work_here", lambda store, run_id, _: store.queue.stop(run_id))
    monkeypatch.setattr(foreign, "load_checkpoint", cache(load_checkpoint))  # the good one is loaded once
    store = RunStore()
    finished(store)
    store.queue.add("waits", CONFIG, "sample", foreground=True)
    store.close()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    with thin_networks():
        made = Places(tmp_path)
        yield made
    made.close()


def arguments(places: Places, random: Random) -> list[str]:
    """Return the arguments of a random command: half of them good, the others odd."""

    def either(good: object, odd: list[str]) -> str:
        return str(good) if random.random() < 0.5 else random.choice(odd)

    def some(*options: list[str]) -> list[str]:
        return [part for option in options if random.random() < 0.25 for part in option]

    data, model, number = either(places.data, places.inputs), either(places.model, places.inputs), either(1, NUMBERS)
    photo, out, text = either(places.photo, places.inputs), random.choice(places.outputs), random.choice(TEXTS)
    other, another = random.choice(places.inputs), random.choice(places.inputs)
    folders = some(["--images", other], ["--masks", another], ["--lesion-value", text])
    name, id, json = either("c", TEXTS), either(places.photo.stem, TEXTS), some(["--json"])
    settings = [part for name in random.sample(SETTINGS, 2) for part in (name, random.choice([*NUMBERS, *WORDS, *TEXTS]))]
    return random.choice(
        [
            ["runs", "list", *json],
            ["runs", random.choice(["show", "stop", "resume", "delete", "edit", "move"]), number, *json],
            ["runs", "edit", number, "--name", text, "--notes", text, *some(["--tag", text], ["--tag", text])],
            ["runs", "move", number, "--by", random.choice(NUMBERS)],
            ["runs", "continue", number, "--epochs", random.choice(["0", "-1", "nan", "½", "", "9" * 30])],
            ["runs", "slots", random.choice(NUMBERS[2:]), *json],
            ["runs", "restore", text],
            ["data", "check", data, *folders, *json],
            ["data", "isic2016", "--output", out],
            ["evaluate", model, "--data", data, *folders, *some(["--split", random.choice(WORDS)], ["--tta"])],
            ["predict", model, photo, "--output", out, *some(["--tta"])],
            ["predict", model, photo, other, "--output", out],
            ["export", other, "--output", out, *some(["--format", random.choice(WORDS)])],
            [
                "publish",
                other,
                "--data",
                data,
                "--output",
                out,
                *some(["--suffix", text], ["--also", another], ["--licence", text]),
            ],
            ["report", number, "--output", out],
            ["train", "--data", data, *settings, *folders, *json],
            ["collection", random.choice(["create", "add"]), name, *some(["--data", data], ["--photos", photo], ["--link"])],
            ["collection", random.choice(["history", "include", "show"]), name, *some([id]), *json],
            ["collection", "restore", name, id, number],
            ["collection", "exclude", name, id, "--reason", text],
            ["collection", "export", name, "--format", random.choice(["coco", *WORDS]), "--output", out],
            [random.choice([*TEXTS, *WORDS, "work", "job"]), random.choice([*TEXTS, *NUMBERS[2:]])],
        ]
    )


def fuzz(places: Places, cases: int, seed: int) -> None:
    """Run random commands; none may end in a traceback, hang, or harm what it was only given to read."""
    random, faults = Random(seed), []
    for _ in range(cases):
        given = arguments(places, random)
        if fault := command(*given).fault:
            faults.append(f"{given}: {fault}")
    runs = [run.id for run in RunStore().list_runs()]
    print(f"{cases} commands: {len(faults)} faults, {2 - len(runs)} of 2 runs lost")
    assert not faults, "\n\n".join(faults[:5])
    assert (runs, Path("/dev/null").is_char_device(), places.model.stat().st_size > 1000) == ([2, 1], True, True)


def test_150_odd_command_lines_end_in_one_sentence(places: Places) -> None:
    fuzz(places, 150, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_5000_odd_command_lines_end_in_one_sentence(places: Places) -> None:
    fuzz(places, 5000, seed=2)


def test_a_reader_that_has_read_enough_is_no_error() -> None:
    shell = f"{sys.executable} -m seg_core runs list --json | true"
    done = subprocess.run(["bash", "-c", shell], cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
