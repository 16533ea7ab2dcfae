"""Time and disk space that the folds of a cross-validation take until each could train.

    python -m benchmarks.folds --data ../shared/data/isic2016-256 [--folds 5] [--size 256]

Prints the figures of docs/performance.md, in Markdown. Each fold is prepared by a process of its own, one after the other; all
of them share an image cache that is empty at first.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measuring import timed_result


def main() -> None:
    """Prepare every fold and print; or, as a child process, prepare one and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, metavar="DIR", help="a dataset")
    parser.add_argument("--folds", type=int, default=5, metavar="N")
    parser.add_argument("--size", type=int, default=256, metavar="PIXELS", help="the network's resolution")
    parser.add_argument("--fold", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.fold:
        print(json.dumps(_prepare(options.data, options.folds, options.fold, options.size)))
        return
    print("| fold | prepared in, s | decoded for it | caches | on the disk, MB |\n|" + " --- |" * 5)
    with tempfile.TemporaryDirectory() as home:
        for fold in range(1, options.folds + 1):
            command = [sys.executable, "-m", "benchmarks.folds", *sys.argv[1:], "--fold", str(fold)]
            done = subprocess.run(command, env={**os.environ, "LESIONLAB_HOME": home}, stdout=subprocess.PIPE, check=True)
            seconds, decoded, caches, size = json.loads(done.stdout)
            print(f"| {fold} | {seconds:.2f} | {decoded:,} | {caches} | {size:,.1f} |", flush=True)


def _prepare(data: str, folds: int, fold: int, size: int) -> tuple[float, int, int, float]:
    from seg_core.config import Config
    from seg_core.data.cache.storage import cache_bytes, cache_folder
    from seg_core.data.dataset import open_dataset
    from seg_core.training.preparation import prepare

    decoded: list[int] = []
    config = Config.of(image_size=size, folds=folds, fold=fold)
    seconds, _ = timed_result(lambda: prepare(open_dataset(Path(data)), config, lambda done, total, what: decoded.append(done)))
    return seconds, len(decoded), len(list(cache_folder().glob("*/done.npy"))), cache_bytes() / 1e6


if __name__ == "__main__":
    main()
