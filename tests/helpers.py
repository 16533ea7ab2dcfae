"""Helpers of the tests: waiting for a condition, tiny datasets, tiny configs and thin networks."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import pytest
from PIL import Image

from seg_core.config import Config
from seg_core.data.collection.collection import Collection
from seg_core.data.collection.store import create_collection
from seg_core.data.folders import Pair, list_folder
from seg_core.data.masks.decide import Census, decide
from seg_core.data.masks.folder import put_together
from seg_core.data.masks.pixels import read_pixels

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

T = TypeVar("T")

PASSWORD = "grüne Wiese, 7 Kühe"
VIEWER_PASSWORD = "nur schauen"

SHARED_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
"""Real photographs, for the tests that use them where they are present."""

# For each layout: folder of photographs, folder of masks, suffix of a mask's name, and the name of each split.
_ISIC_SPLITS = {"train": "Training", "val": "Validation", "test": "Test"}
LAYOUTS: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "generic": ("{}/images", "{}/masks", "", {"train": "train", "val": "val", "test": "test"}),
    "flat": ("images", "masks", "", {"train": ""}),
    "isic2016": ("ISBI2016_ISIC_Part1_{}_Data", "ISBI2016_ISIC_Part1_{}_GroundTruth", "_Segmentation", _ISIC_SPLITS),
    "isic2017": ("ISIC-2017_{}_Data", "ISIC-2017_{}_Part1_GroundTruth", "_segmentation", {**_ISIC_SPLITS, "test": "Test_v2"}),
    "isic2018": ("ISIC2018_Task1-2_{}_Input", "ISIC2018_Task1_{}_GroundTruth", "_segmentation", _ISIC_SPLITS),
}


class _HasPlace(Protocol):
    at: Path | str


def file_of(store: _HasPlace) -> Path:
    """The file of a store that is in one; a test that needs it is skipped on a server."""
    if not isinstance(store.at, Path):
        pytest.skip("only for stores in a file")
    return store.at


def in_a_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in a thread of its own: the browser of other tests has a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def wait_until(condition: Callable[[], T], timeout: float = 60, what: str = "") -> T:
    """Poll ``condition`` until its value is true, and return that value; fail after ``timeout`` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what or condition}")
        time.sleep(0.02)
    return value


def wait_in_page(page: Page, script: str, arg: Any = None, timeout: float = 60) -> Any:
    """Poll a script in a page until its value is true, and return that value.

    Playwright's own ``wait_for_function`` makes a function of the text inside the page, which the app's policy forbids.
    """
    return wait_until(lambda: page.evaluate(script, arg), timeout, what=script)


def go_to(page: Page, name: str) -> None:
    """Open a page by its link at the top; the page before may hold a link of the same name."""
    page.get_by_test_id("stTopNavLinkContainer").get_by_role("link", name=name, exact=True).click()


def choose(box: Locator, name: str) -> None:
    """Choose an option of a list by its name; the list is opened again where the page, still being drawn, closed it."""
    option = box.page.get_by_role("option", name=name, exact=True)

    def opened() -> int:
        box.press("ArrowDown")
        return option.count()

    wait_until(opened, what=f"the list with {name} is open")
    option.click()


def lesion(size: tuple[int, int] = (64, 64), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw a dark ellipse on skin: photograph (H, W, 3) uint8 and mask (H, W) bool; ``size`` is (width, height)."""
    random = np.random.default_rng(seed)
    width, height = size
    y, x = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
    (cx, cy), (rx, ry) = random.uniform(0.4, 0.6, 2), random.uniform(0.15, 0.3, 2)
    mask: np.ndarray = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1
    colours = np.where(mask[..., None], (110, 70, 50), (220, 180, 160)) + random.integers(-12, 13, (height, width, 3))
    return colours.astype(np.uint8), mask


def write_pair(photo: Path, mask: Path, size: tuple[int, int] = (64, 64), seed: int = 0) -> None:
    """Write a `lesion` as a photograph and a mask of 0 and 255; make their folders."""
    pixels, truth = lesion(size, seed)
    for path in (photo, mask):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(photo, quality=95)
    Image.fromarray(truth.astype(np.uint8) * 255).save(mask)


def read_mask(source: Path | bytes, name: str = "") -> tuple[np.ndarray, bool]:
    """Read a mask as the only one of its folder: (H, W) bool, and True if values between background and lesion were cut."""
    pixels = read_pixels(source, name or (source.name if isinstance(source, Path) else "The mask"))
    rule = decide(put_together([Census.of(pixels)], pixels.name, complete=True), None, probabilities=False)
    return rule.mask(pixels), rule.is_cut(pixels)


def find_pairs(folder: Path) -> list[Pair]:
    """List the pairs in a folder."""
    return list_folder(folder).pairs


def keep_sample(home: Path, sample: Path) -> None:
    """Put the built-in dataset, made once for all tests, where a home folder keeps it."""
    (home / "cache").mkdir(exist_ok=True)
    (home / "cache" / sample.name).symlink_to(sample)


def make_dataset(
    folder: Path, *, layout: str = "generic", size: tuple[int, int] = (64, 64), first: int = 0, **splits: int
) -> Path:
    """Write ``train=…``, ``val=…`` and ``test=…`` pairs, numbered from ``first`` as ISIC_0000000 and so on; return ``folder``."""
    photos, masks, suffix, names = LAYOUTS[layout]
    numbered = enumerate((split for split, count in splits.items() for _ in range(count)), start=first)
    for number, split in numbered:
        id = f"ISIC_{number:07d}"
        photo = folder / photos.format(names[split]) / f"{id}.jpg"
        write_pair(photo, folder / masks.format(names[split]) / f"{id}{suffix}.png", size, number)
    return folder


def textured(folder: Path, *, first: int = 0, train: int = 0, val: int = 0, test: int = 0) -> Path:
    """As `make_dataset`, with photographs whose details tell them apart; drawn ellipses look too much alike."""
    make_dataset(folder, first=first, train=train, val=val, test=test)
    for file in folder.glob("*/images/*.jpg"):
        random = np.random.default_rng(int(file.stem[5:]))
        large, small = random.integers(60, 181, (4, 4)).repeat(16, 0).repeat(16, 1), random.integers(-15, 16, (32, 32))
        grey = (large + small.repeat(2, 0).repeat(2, 1)).astype(np.uint8)
        Image.fromarray(np.stack([grey] * 3, axis=2)).save(file, quality=95)
    return folder


def corrected(folder: Path, count: int, name: str = "Clinic") -> Collection:
    """Make a collection of `textured` photographs, written to ``folder``, with masks that a person drew."""
    data, collection = textured(folder, train=count), create_collection(name)
    for id in collection.add_photographs(sorted((data / "train" / "images").iterdir()), copy=True):
        mask, _ = read_mask(data / "train" / "masks" / f"{id}.png")
        collection.save(id, mask, author="Ada", began_as="empty", seconds=1, base=0)
    return collection


def metadata_of(config: Config, **known: Any) -> dict[str, Any]:
    """Return metadata for `seg_core.prediction.checkpoint_file.save_checkpoint`, of a model that was never trained."""
    none = {"train": 0, "val": 0, "test": 0, "val_is_own": False}
    return {
        "name": "",
        "label": "Model 2 · fine-tuned (best)",
        "config": config.model_dump(),
        "parameters": 0,
        "normalisation": {},
        "dataset": {"name": "nothing", "fingerprint": "", **none},
        "epoch": 1,
        "epoch_is_whole": True,
        "metrics": {},
        "history": [],
        "seconds": 0.0,
        "device": "cpu",
        "precision": "32-true",
        "threads": 1,
        "versions": {},
        "created": "",
        **known,
    }


@contextmanager
def thin_networks() -> Iterator[None]:
    """Build networks of few channels with one small block for each resolution: trainings take a third of the time, or less.

    A checkpoint of such a network can be read within this context alone, since its depth is not in the file.
    """
    from torchvision.models import mobilenet_v2

    from seg_core.network import architecture, decoders, encoder
    from seg_core.prediction import catalogue, onnx_graph

    first, second, *others = (block for place, block in enumerate(architecture.BLOCKS) if place == 0 or block[3] == 2)
    blocks = ((*first[:2], 1, 1), (*second[:2], 1, 2), *((1, channels, 1, 2) for _, channels, _, _ in others))
    strides = (2, *(stride for *_, stride in blocks), 1)
    last = len(strides) - 1
    taps = (*(layer for layer in range(last) if strides[layer + 1] == 2), last)
    with pytest.MonkeyPatch.context() as patch:
        thin = {
            "BLOCKS": blocks,
            "WIDTHS": (8, 8, 8, 8, 16, 40, 1280),
            "LAST": last,
            "TAP_CHANNELS": (8, 8, 8, 16, 1280),
            "CHANNELS": (32, 16, 8, 8, 8),
        }
        for name, value in thin.items():
            patch.setattr(architecture, name, value)
        patch.setattr(decoders, "CHANNELS", thin["CHANNELS"])
        patch.setattr(encoder, "mobilenet_v2", partial(mobilenet_v2, width_mult=0.25, num_classes=1))
        patch.setattr(encoder.MobileNetV2Encoder, "channels", thin["TAP_CHANNELS"])
        patch.setattr(encoder, "BLOCKS", blocks)
        patch.setattr(encoder, "TAPS", taps)
        for name, value in {"STRIDES": strides, "LAST": last, "TAPS": taps}.items():
            patch.setattr(onnx_graph, name, value)
        yield
    catalogue._entry.cache_clear()  # what it says of the models that ship is wrong by now


def tiny_config(recipe: str = "best", **settings: Any) -> Config:
    """Return settings for a training that takes about a second and gives the same weights every time.

    Drawn ellipses look alike, so copies are not looked for.
    """
    tiny = {
        "copies": "anywhere",
        "image_size": 64,
        "batch_size": 4,
        "epochs": 2,
        "encoder_weights": "random",
        "device": "cpu",
        "precision": "32-true",
    }
    return Config.of(recipe, **{**tiny, **settings})


def forget_leaving(problems: list[str]) -> None:
    """Drop what Gradio complains of while a page goes away: that its requests were ended."""
    problems[:] = [each for each in problems if not re.search("AbortError: signal is aborted|Connection errored out", each)]
