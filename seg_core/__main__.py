"""``python -m seg_core``: the command line."""

import os

# OpenMP's threads wait asleep, not spinning: beside another busy process a training is twice as fast, and alone about as fast
# (docs/performance.md). It is read once, when torch is loaded; who sets it decides.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from seg_core.cli import main

if __name__ == "__main__":
    main()
