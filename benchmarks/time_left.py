"""How right the time left is that a run tells after three epochs, on ten trainings of the built-in sample.

    python -m benchmarks.time_left [--epochs 12] [--only N]

Prints a table for docs/performance.md, in Markdown. The trainings differ in variant, recipe, decoder, size and averaging.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

from seg_core.config import Config
from seg_core.runs.store import RunStore
from seg_core.runs.worker import work

AFTER = 3
CONFIGS: dict[str, dict[str, Any]] = {
    "best, 7 of 10 epochs averaged": {},
    "best, none averaged": {"swa_fraction": 0.0},
    "best, frozen encoder": {"variant": "trainable-decoder"},
    "best, frozen decoder": {"variant": "frozen-decoder"},
    "best, U-Net decoder": {"decoder": "unet"},
    "best, 192 px": {"image_size": 192},
    "best, batches of 4": {"batch_size": 4},
    "report": {"recipe": "report"},
    "report, frozen encoder": {"recipe": "report", "variant": "trainable-decoder"},
    "report, half of the epochs averaged": {"recipe": "report", "swa_fraction": 0.5},
}


def main() -> None:
    """Train, and compare the time left after three epochs with the time that it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12, metavar="N")
    parser.add_argument("--only", type=int, default=len(CONFIGS), metavar="N", help="so many of the trainings")
    options = parser.parse_args()
    print("| training | time left after three epochs, s | it took, s | told / took |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as home:
        os.environ["LESIONLAB_HOME"] = home
        store = RunStore(Path(home, "lesionlab.db"))
        for name, settings in islice(CONFIGS.items(), options.only):
            told, took = _train(
                store, Config.of(**{"recipe": "best", "encoder_weights": "random", "epochs": options.epochs} | settings)
            )
            print(f"| {name} | {told:.1f} | {took:.1f} | {told / took:.2f} |", flush=True)


def _train(store: RunStore, config: Config) -> tuple[float, float]:
    """Return the seconds that were told to be left after three epochs, and those that the last epoch ended after these."""
    run_id, ended, told = store.queue.add("", config, "sample").id, dict[int, float](), 0.0
    add_epoch = store.progress.add_epoch

    def noting(run_id: int, epoch: int, *metrics: Any, **values: Any) -> None:
        nonlocal told
        ended[epoch] = time.perf_counter()
        if epoch == AFTER:
            told = values["eta_seconds"]
        add_epoch(run_id, epoch, *metrics, **values)

    store.progress.add_epoch = noting  # type: ignore[method-assign]
    try:
        work(run_id, store)
    finally:
        store.progress.add_epoch = add_epoch  # type: ignore[method-assign]
    return told, ended[config.epochs] - ended[AFTER]


if __name__ == "__main__":
    main()
