"""Time and memory of predictions: a photograph of twelve megapixels by two models, and a folder by one.

    python -m benchmarks.prediction [--data ../shared/data/isic2016-256] [--originals ../shared/data/isic2016-fullres]

Prints Markdown: medians and ranges after a first run that loads everything, and the memory of the process, for models that ship.
With --originals it also measures the commands `predict` and `evaluate` on that dataset, from start to end, and their peak memory.
The machine should be idle otherwise.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from resource import RUSAGE_CHILDREN
from subprocess import run
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from benchmarks.measuring import head, memory, peak_memory, row, timed
from seg_core.common.home import SHIPPED_CHECKPOINTS
from seg_core.data.dataset import open_dataset
from seg_core.data.image import read_once
from seg_core.data.source import SAMPLE
from seg_core.evaluation.evaluate import evaluate
from seg_core.prediction.checkpoint import Checkpoint, load_checkpoint

REPEATS = 9


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure predictions.")
    parser.add_argument("--data", default=SAMPLE, help="the dataset whose test split is evaluated (default: the sample)")
    parser.add_argument("--originals", help="a dataset of photographs of several megapixels")
    options = parser.parse_args()
    head()
    paths = sorted(SHIPPED_CHECKPOINTS.glob("*.safetensors"))[:2]
    _row("a shipped model loaded, ms", lambda: load_checkpoint(paths[0]), 1000)
    models = [load_checkpoint(path) for path in paths]
    small = np.asarray(Image.open(io.BytesIO(_photograph(256, 256))))
    _row("256 px photograph to probabilities, ms", lambda: models[0].predict(small), 1000)
    large = _photograph(4000, 3000)
    _row("12-megapixel JPEG to the masks of two models at its own size, s", lambda: _masks(models, large))
    pairs = open_dataset(options.data).test
    _row(f"{len(pairs)} photographs evaluated, s", lambda: evaluate(models[0], pairs))
    if options.originals:
        _commands(options.originals, paths[0])
    print(f"\nTorch loaded: {'torch' in sys.modules}. Memory of the process: {memory(os.getpid()):.0f} MB.")


def _masks(models: list[Checkpoint], photo: bytes) -> list[np.ndarray]:
    """Predict a photograph by models as the page does: it is decoded once."""
    read = read_once()
    return [model.predict(photo, read=read).mask() for model in models]


def _commands(data: str, model: Path) -> None:
    photographs = [str(pair.image) for pair in open_dataset(data).pairs]
    with TemporaryDirectory() as folder:
        _row(f"`predict` on {len(photographs)} originals, s", lambda: _run("predict", model, *photographs, "--output", folder))
    arguments = ("evaluate", model, "--data", data, "--split", "train", "--json")
    scored = json.loads(_run(*arguments))["n"]
    _row(f"`evaluate` on {scored} originals, s", lambda: _run(*arguments))
    print(f"\nMost memory of these commands: {peak_memory(RUSAGE_CHILDREN):.0f} MB.")


def _run(*arguments: str | Path) -> bytes:
    return run([sys.executable, "-m", "seg_core", *arguments], check=True, capture_output=True).stdout


def _row(name: str, action: Callable[[], object], factor: float = 1) -> None:
    action()
    row(name, [factor * timed(action) for _ in range(REPEATS)])


def _photograph(width: int, height: int) -> bytes:
    """A JPEG of smoothed noise, about as large a file as a camera's."""
    coarse = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(file, "JPEG", quality=92)
    return file.getvalue()


if __name__ == "__main__":
    main()
