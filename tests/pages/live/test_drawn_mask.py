"""The mask that is drawn on, in JavaScript: `drawn_mask_test.js` holds the cases."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_the_edits_of_a_mask(tmp_path: Path) -> None:
    deno = str(Path(sys.executable).with_name("deno"))
    command = [deno, "test", "--allow-read", "--no-remote", "--no-lock", str(Path(__file__).with_name("drawn_mask_test.js"))]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "DENO_DIR": str(tmp_path), "NO_COLOR": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "15 passed" in done.stdout
