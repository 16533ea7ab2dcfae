"""The command line as a person meets it, in this process: how a command ended, and what is wrong with that."""

from __future__ import annotations

import io
import sys
import time
import traceback
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from typing import NamedTuple
from unittest.mock import patch

from typer.core import TyperGroup
from typer.main import get_command

from seg_core import cli

MOST_SECONDS = 5.0
STATUSES = {0, 1, 2, 3}


class Done(NamedTuple):
    """How a command ended; ``raised`` is the traceback that a person would have seen."""

    status: object
    out: str
    err: str
    seconds: float
    raised: str = ""

    @property
    def fault(self) -> str:
        """What no command may do; empty if it did none of that."""
        if self.raised or "Traceback" in self.err:
            return self.raised or self.err
        if self.status not in STATUSES:
            return f"exit status {self.status}"
        if self.status == 2 and not self.err.rstrip("\n").rpartition("\n")[2].startswith("lesionlab: "):
            return f"not one sentence at the end: {self.err!r}"
        return f"it took {self.seconds:.1f} s" if self.seconds > MOST_SECONDS else ""


@cache
def _commands() -> TyperGroup:
    """The commands as Typer makes them of their functions at each start, which takes most of a command's time."""
    made = get_command(cli.app)
    assert isinstance(made, TyperGroup)
    return made


def command(*arguments: object) -> Done:
    """Run one command."""
    out, err, raised = io.StringIO(), io.StringIO(), ""
    status: object = None
    began = time.monotonic()
    with (
        patch.object(sys, "argv", ["lesionlab", *map(str, arguments)]),
        patch.object(sys, "stdin", io.StringIO()),
        patch.object(cli, "app", _commands()),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            cli.main()
        except SystemExit as end:
            status = end.code
        except BaseException:  # noqa: BLE001 - whatever it is, a person would have seen it
            raised = traceback.format_exc()
    return Done(status, out.getvalue(), err.getvalue(), time.monotonic() - began, raised)
