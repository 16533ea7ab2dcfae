"""Trains the models that ship anew and writes them with their cards into checkpoints/.

    make models DATA=DIR        (or: python -m benchmarks.ship_models --data DIR)

Each is an ordinary run: it waits its turn, shows in Monitor, and its command stands in its card.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from seg_core.config import VARIANTS
from seg_core.home import SHIPPED_CHECKPOINTS

RECIPE = "report"


def lesionlab(*arguments: str) -> dict[str, Any]:
    """Run a command of ``python -m seg_core`` and give the object that it prints; its own words go to the terminal."""
    done = subprocess.run([sys.executable, "-m", "seg_core", *arguments, "--json"], stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Train and publish each variant by the recipe of the comparison."""
    parser = argparse.ArgumentParser(description="Train the models that ship anew.")
    parser.add_argument("--data", required=True, help="the dataset folder")
    parser.add_argument("--output", type=Path, default=SHIPPED_CHECKPOINTS, help="where the models go (default: checkpoints/)")
    options = parser.parse_args()
    for variant in VARIANTS:
        run = lesionlab("train", "--data", options.data, "--variant", variant, "--recipe", RECIPE)
        published = lesionlab("publish", run["checkpoint"], "--data", options.data, "--output", str(options.output))
        print(published["checkpoint"], json.dumps(published["evaluation"]))


if __name__ == "__main__":
    main()
