"""Time until the first batch of a training of 1,000 to 100,000 photographs, with the memory and disk space it takes.

    python -m benchmarks.large_dataset [--photos 100000] [--size 128] [--folder DIR]

Prints a table of docs/performance.md, in Markdown. The photographs are some hundred generated ones of 256 × 256 pixels under many
names (hard links); every fiftieth has a grey mask, which is worth a note. Each row is measured by a process of its own, with an
image cache of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.measuring import peak_memory, timed_result

ORIGINALS = 400
BATCH = 16
COLUMNS = {
    "list": "folders listed, s",
    "names": "names checked, s",
    "stat": "files' sizes and times, s",
    "key": "cache key and fingerprint, s",
    "first": "all of it until the first batch, s",
    "decoded": "decoded by then",
    "batch": "the last 16 of the training split read, ms",
    "memory": "more memory than without data, MB",
    "cache": "cache on the disk by then, MB",
    "full": "and when it is filled, MB",
    "index": "its index, MB",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=100_000, metavar="N", help="photographs of the largest dataset")
    parser.add_argument("--size", type=int, default=128, metavar="PIXELS", help="the network's resolution")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where to make the datasets, which are removed at the end")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(_measure(options.measure, options.size)))
        return
    print(f"| photographs | {' | '.join(COLUMNS.values())} |\n|{' --- |' * (len(COLUMNS) + 1)}")
    with tempfile.TemporaryDirectory(dir=options.folder) as made:
        originals = _paint(Path(made, "originals"))
        for count in (options.photos // 100, options.photos // 10, options.photos):
            _link(originals, Path(made, str(count)), count)
            figures = _in_a_process(Path(made, str(count)), options.size)
            print(f"| {count:,} | {' | '.join(_short(figures[name]) for name in COLUMNS)} |", flush=True)


def _paint(folder: Path) -> list[tuple[Path, Path]]:
    """Make photographs of a dark ellipse on noise, which is as hard to decode as skin with hair, and their masks."""
    draw = np.random.default_rng(0)
    y, x = np.mgrid[:256, :256]
    folder.mkdir()
    pairs = []
    for number in range(ORIGINALS):
        (cx, cy), (rx, ry) = draw.uniform(100, 156, 2), draw.uniform(30, 80, 2)
        lesion = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1
        pixels = np.where(lesion[..., None], (110, 70, 50), (220, 180, 160)) + draw.integers(-20, 21, (256, 256, 3))
        photo, mask = folder / f"{number}.jpg", folder / f"{number}.png"
        Image.fromarray(pixels.astype(np.uint8)).save(photo, quality=90)
        Image.fromarray((lesion * (200 if number % 50 == 0 else 255)).astype(np.uint8)).save(mask)
        pairs.append((photo, mask))
    return pairs


def _link(originals: list[tuple[Path, Path]], folder: Path, count: int) -> None:
    for kind, place in (("images", 0), ("masks", 1)):
        (folder / kind).mkdir(parents=True)
        for number in range(count):
            original = originals[number % ORIGINALS][place]
            os.link(original, folder / kind / f"ISIC_{number:07d}{original.suffix}")


def _in_a_process(folder: Path, size: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=folder.parent) as home:
        command = [sys.executable, "-m", "benchmarks.large_dataset", "--measure", str(folder), "--size", str(size)]
        environment = {**os.environ, "LESIONLAB_HOME": home, "LESIONLAB_CACHE_GB": "1000"}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        figures: dict[str, float] = json.loads(done.stdout)
        return figures


def _measure(folder: Path, size: int) -> dict[str, float]:
    from seg_core.config import Config
    from seg_core.data.cache.storage import cache_bytes, cache_folder, cache_key
    from seg_core.data.check import check_names
    from seg_core.data.dataset import open_dataset
    from seg_core.data.fingerprint import dataset_fingerprint, pair_facts
    from seg_core.training.preparation import prepare

    memory, started = peak_memory(), time.perf_counter()
    seconds = {}
    seconds["list"], dataset = timed_result(lambda: open_dataset(folder))
    data = prepare(dataset, Config.of(image_size=size, batch_size=BATCH), lambda done, total, what: None)
    data.train.read(range(BATCH))
    first = time.perf_counter() - started
    memory = peak_memory() - memory
    ready = data.train.ready + data.val.ready
    batch, _ = timed_result(lambda: data.train.read(range(len(data.train) - BATCH, len(data.train))))

    seconds["names"], _ = timed_result(lambda: check_names(dataset))
    seconds["stat"], facts = timed_result(lambda: pair_facts(dataset.pairs))
    seconds["key"], _ = timed_result(lambda: (cache_key(dataset.pairs, size, facts), dataset_fingerprint(dataset.pairs, facts)))
    files = [file for file in cache_folder().glob("*/*") if file.name in ("done.npy", "problems.jsonl")]
    return {
        **seconds,
        "first": first,
        "decoded": ready,
        "batch": batch * 1e3,
        "memory": memory,
        "cache": cache_bytes() / 1e6,
        "full": sum(file.stat().st_size for file in cache_folder().glob("*/*")) / 1e6,
        "index": sum(file.stat().st_size for file in files) / 1e6,
    }


def _short(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.2g}" if figure < 1 else f"{figure:.1f}"


if __name__ == "__main__":
    main()
