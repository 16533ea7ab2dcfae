"""Why a process is gone, as far as Linux tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from seg_core.runs import causes
from seg_core.runs.causes import cause_of_end, forget_kills, note_kills
from seg_core.runs.processes import Owner

pytestmark = pytest.mark.skipif(not psutil.LINUX, reason="other systems do not tell")


def test_memory_is_the_cause_if_linux_has_killed_for_it_since_the_run_began(
    tmp_path: Path, gone: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills = iter([3, 3, 4, 4])
    monkeypatch.setattr(causes, "_memory_kills", lambda: next(kills))
    note_kills(tmp_path)
    assert cause_of_end(gone, tmp_path) == ""
    assert "ran out of memory" in cause_of_end(gone, tmp_path)
    assert cause_of_end(replace(gone, host="another"), tmp_path) == ""
    forget_kills(tmp_path)
    assert cause_of_end(gone, tmp_path) == ""


def test_a_process_older_than_the_machines_uptime_was_ended_by_a_restart(tmp_path: Path, gone: Owner) -> None:
    earlier = replace(gone, started=gone.started + 10**8)
    assert cause_of_end(earlier, tmp_path) == "The machine restarted while it trained. It can be resumed."
