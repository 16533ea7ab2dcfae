"""Model files that anybody may have written: each is used or refused in a sentence, within limits of time and memory."""

from __future__ import annotations

import copy
import json
import os
import random
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from seg_core.errors import InputError
from seg_core.network import build_model
from seg_core.prediction.catalogue import available_checkpoints, models_folder, unusable_models
from seg_core.prediction.checkpoint import load_checkpoint
from seg_core.prediction.checkpoint_file import read_metadata, save_checkpoint
from seg_core.prediction.export import onnx_bytes
from seg_core.prediction.foreign_file import SETTINGS_KEY, read_settings
from seg_core.prediction.metadata import METADATA_KEY
from seg_core.prediction.tensor_file import CHECKSUM_KEY
from seg_core.prediction.trial import try_foreign
from tests.helpers import lesion, metadata_of, tiny_config

pytestmark = pytest.mark.usefixtures("thin_network")

LONGEST, MOST_MEMORY = 5.0, 1_000_000_000
EPOCH = dict.fromkeys(("loss", "accuracy", "iou", "dice", "report_iou", "report_dice"), 0.5)
KNOWN = {"metrics": {"train": EPOCH, "val": EPOCH}, "history": [{"train": EPOCH, "val": EPOCH, "seconds": 1.0}]}
HOSTILE: tuple[Any, ...] = (
    None,
    True,
    -1,
    10**400,
    1e999,
    float("nan"),
    "",
    "\udcff",
    "x" * 100_000,
    [],
    {},
    [[[]]],
    {"a": {"a": {}}},
    [0] * 100_000,
    "NESTED",
)
PHOTO = lesion()[0]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("good") / "good.safetensors"
    config = tiny_config(decoder="plain")
    save_checkpoint(path, build_model(config), metadata_of(config, **KNOWN))
    return path.read_bytes()


def parts(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Take a file apart: its header, and the bytes of its tensors."""
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def joined(header: dict[str, Any], data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def bytes_changed(content: bytes, chance: random.Random) -> bytes:
    """Some bytes of the header, or of the tensors, are others."""
    changed, end = bytearray(content), chance.choice((8, 20_000, len(content)))
    for _ in range(chance.choice((1, 1, 3, 20))):
        changed[chance.randrange(end)] = chance.randrange(256)
    return bytes(changed)


def length_changed(content: bytes, chance: random.Random) -> bytes:
    """The end is missing, or there is more after it."""
    place = chance.randrange(len(content))
    return content[:place] if chance.random() < 0.7 else content + content[place:]


def metadata_changed(content: bytes, chance: random.Random) -> bytes:
    """One value of the metadata is of another kind, missing, or far out of bounds, in a file without a checksum."""
    header, data = parts(content)
    metadata = json.loads(header["__metadata__"][METADATA_KEY])
    inside: Any = metadata
    while True:
        key = chance.choice(list(inside) if isinstance(inside, dict) else range(len(inside)))
        if isinstance(inside[key], dict | list) and inside[key] and chance.random() < 0.6:
            inside = inside[key]
            continue
        break
    if isinstance(inside, dict) and chance.random() < 0.2:
        del inside[key]
    else:
        inside[key] = chance.choice(HOSTILE)
    nested = "[" * 30_000 + "]" * 30_000
    header["__metadata__"] = {METADATA_KEY: json.dumps(metadata).replace('"NESTED"', nested)}
    return joined(header, data)


def tensors_changed(content: bytes, chance: random.Random) -> bytes:
    """One tensor has another name, type, shape or place, in a file without a checksum."""
    header, data = parts(content)
    del header["__metadata__"][CHECKSUM_KEY]
    name = chance.choice([name for name in header if name != "__metadata__"])
    facts = copy.deepcopy(header[name])
    match chance.choice(("name", "dtype", "shape", "data_offsets", "all")):
        case "name":
            header[chance.choice(("more", "x" * 10_000, "\udcff", name.upper()))] = header.pop(name)
            return joined(header, data)
        case "dtype":
            facts["dtype"] = chance.choice(("F64", "BF16", "I64", "BOOL", None, 3, "F16"))
        case "shape":
            facts["shape"] = chance.choice(([], [2**62], [-1], [1, *facts["shape"]], facts["shape"][::-1], "4", [[4]], [0], None))
        case "data_offsets":
            facts["data_offsets"] = chance.choice(([0, 2**62], [5, 1], [], None, [0, len(data)], [-4, 0], ["a", "b"]))
        case "all":
            header[name] = chance.choice(HOSTILE)
            return joined(header, data)
    header[name] = facts
    return joined(header, data)


def weights_changed(content: bytes, chance: random.Random) -> bytes:
    """Many weights are not finite, or far too large, in a file without a checksum."""
    header, data = parts(content)
    del header["__metadata__"][CHECKSUM_KEY]
    values = np.frombuffer(data[: len(data) // 4 * 4], "<f4").copy()
    start = chance.randrange(len(values))
    values[start : start + chance.choice((1, 1000, 10**6))] = chance.choice((np.nan, np.inf, 0, 3e38, -1e30))
    return joined(header, values.tobytes() + data[len(values) * 4 :])


CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    bytes_changed,
    length_changed,
    metadata_changed,
    metadata_changed,
    tensors_changed,
    weights_changed,
)


class Faults:
    """Counts what was done, and what went wrong with it."""

    def __init__(self) -> None:
        self.count, self.refused, self.lost = 0, 0, list[str]()

    def do(self, what: str, use: Callable[[], object]) -> None:
        """Use a file; anything but success within the limits and an `InputError` of one line is a loss."""
        self.count += 1
        started = self._worked()
        try:
            use()
        except InputError as error:
            self.refused += 1
            if "\n" in str(error) or len(str(error)) > 600:
                self.lost.append(f"{what}: {error}")
        except Exception as error:  # noqa: BLE001 - any other is what is looked for
            self.lost.append(f"{what}: {type(error).__name__} {error}")
        if (seconds := self._worked() - started) > LONGEST:
            self.lost.append(f"{what}: {seconds:.0f} s")

    @staticmethod
    def _worked() -> float:
        """Seconds of work of this process and its children, however busy the machine is."""
        return sum(os.times()[:4])

    def report(self) -> None:
        print(f"{self.count} files, {self.refused} refused in a sentence, {len(self.lost)} lost")
        assert not self.lost, self.lost[:10]
        assert self.count > self.refused > 0


@pytest.fixture
def faults() -> Iterator[Faults]:
    resource = pytest.importorskip("resource")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = Faults()
    yield found
    found.report()
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MOST_MEMORY


def spoil(good: bytes, folder: Path, faults: Faults, count: int) -> None:
    """Predict with ``count`` changed checkpoints, and list the models while one of them is there."""
    chance = random.Random(count)
    path = folder / "0001" / "best.safetensors"
    path.parent.mkdir()
    for number in range(count):
        change = CHANGES[number % len(CHANGES)]
        path.write_bytes(change(good, chance))
        # The engine takes longest, and is the same for all that come so far: one in four gets there.
        use = (lambda: load_checkpoint(path).predict(PHOTO)) if number % 4 == 0 else (lambda: onnx_bytes(path))
        faults.do(f"{change.__name__} {number}", use)
        if number % 10 == 0:
            faults.do(f"list {number}", lambda: [entry.label.encode() for entry in available_checkpoints()])
            faults.do(f"list {number}", lambda: [sentence.encode() for sentence in unusable_models().values()])


def test_hundreds_of_changed_checkpoints_are_used_or_refused(good: bytes, lab_home: Path, faults: Faults) -> None:
    """Changes bytes, lengths, metadata, tensors and weights of a checkpoint at random, and predicts and lists models with it."""
    spoil(good, lab_home, faults, 200)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_thousands_of_changed_checkpoints_are_used_or_refused(good: bytes, lab_home: Path, faults: Faults) -> None:
    """The same, 5,000 times."""
    spoil(good, lab_home, faults, 5000)


def test_weights_in_an_archive_of_gigabytes_are_told_by_their_start(tmp_path: Path) -> None:
    """Packs 300 MB of zeros after the names of a pickle into some hundred kilobytes, as weights of another program."""
    path = tmp_path / "weights.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("weights/data.pkl", "w") as pickle:
        pickle.write(b"segmentation_head.0.weight")
        for _ in range(300):
            pickle.write(bytes(10**6))
    tracemalloc.start()
    with pytest.raises(InputError, match="of another program \\(segmentation-models-pytorch\\)"):
        read_metadata(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def onnx_file(*nodes: onnx.NodeProto, values: dict[str, Any] | None = None, side: int = 32) -> bytes:
    """An ONNX file from the input x (1, 3, side, side) to the output y."""
    stored = [numpy_helper.from_array(np.array(value), name) for name, value in (values or {}).items()]
    photo = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, side, side])
    mask = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(list(nodes), "graph", [photo], [mask], stored)
    return bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9).SerializeToString())


def sigmoid() -> bytes:
    return onnx_file(helper.make_node("Sigmoid", ["x"], ["y"]))


def nested() -> bytes:
    """A graph in a model in a graph, 5,000 deep."""
    content = b""
    for _ in range(5000):
        content = b"\x3a" + _varint(len(content)) + content
    return content


def crowded() -> bytes:
    """Ten million empty nodes in twenty megabytes, which take more than a gigabyte once they are read."""
    nodes = b"\x0a\x00" * 10_000_000
    return b"\x3a" + _varint(len(nodes)) + nodes


def _varint(number: int) -> bytes:
    head = b""
    while number > 127:
        head, number = head + bytes([number & 127 | 128]), number >> 7
    return head + bytes([number])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: onnx_file(helper.make_node("Tile", ["x", "n"], ["y"]), values={"n": [1, 1, 2000, 2000]}), "cannot be run"),
        pytest.param(lambda: onnx_file(helper.make_node("Sigmoid", ["x"], ["y"]), side=10**6), "1000000", marks=pytest.mark.slow),
        pytest.param(nested, "is not an ONNX file", marks=pytest.mark.slow),
        pytest.param(crowded, "is not an ONNX file", marks=pytest.mark.slow),
    ],
)
def test_an_onnx_file_that_asks_for_too_much_is_refused(content: Callable[[], bytes], said: str) -> None:
    """Adds models of a few bytes that need gigabytes, and one nested without end."""
    with pytest.raises(InputError, match=f"model.onnx .*{said}"):
        try_foreign(content(), "model.onnx")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_changed_onnx_files_are_used_or_refused(faults: Faults) -> None:
    """Changes bytes and the length of a model of another program 100 times, and adds it."""
    chance, content = random.Random(1), sigmoid()
    for number in range(100):
        place = chance.randrange(len(content))
        changed = content[:place] + bytes([chance.randrange(256)]) + content[place + 1 :] if number % 3 else content[:place]
        faults.do(f"byte {place}", lambda changed=changed: try_foreign(changed, "model.onnx"))  # type: ignore[misc]


def test_settings_in_an_onnx_file_are_validated(faults: Faults) -> None:
    """Puts hostile settings into a model that LesionLab keeps, and lists the models."""
    settings = {
        "width": 64,
        "height": 64,
        "scaling": "imagenet",
        "output": "sigmoid",
        "lesion": 0,
        "threshold": 0.5,
        "label": "a",
    }
    path = models_folder() / "model.onnx"
    path.parent.mkdir()
    cases = [settings] + [settings | {name: value} for name in settings for value in HOSTILE]
    for number, case in enumerate(cases):
        model = onnx.load_model_from_string(sigmoid())
        text = json.dumps(case).replace('"NESTED"', "[" * 30_000 + "]" * 30_000)
        model.metadata_props.add(key=SETTINGS_KEY, value=text)
        path.write_bytes(model.SerializeToString())
        faults.do(f"{number}", lambda: read_settings(path).label.encode())
        if number % 8 == 0:
            faults.do(f"list {number}", lambda: [available_checkpoints(), unusable_models()])
