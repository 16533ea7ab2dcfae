"""The command line: ``lesionlab``, or ``python -m seg_core``."""

from __future__ import annotations

import os
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line in an environment that suits training."""
    # OpenMP's threads wait asleep, not spinning: beside another busy process a training is twice as fast, and alone about as fast
    # (docs/performance.md). OpenMP reads it once, when torch is loaded. A value set by the user wins.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

    from seg_core.common.imports import quick_imports

    with quick_imports():
        from seg_core import cli

    cli.main()


if __name__ == "__main__":
    main()
