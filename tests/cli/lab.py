"""The command line, called in the process of the tests."""

from __future__ import annotations

import json
import sys
from typing import Any, NamedTuple

import pytest

from seg_core import cli


class Done(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The last line on stdout, which is one JSON object."""
        value = json.loads(self.out.splitlines()[-1])
        assert isinstance(value, dict)
        return value


class Lab:
    """The command line, called in this process: a new one would spend seconds on importing torch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *arguments: object) -> Done:
        self._monkeypatch.setattr(sys, "argv", ["seg_core", *map(str, arguments)])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        code = ended.value.code
        assert isinstance(code, int)
        return Done(code, *self._capsys.readouterr())

    def refuses(self, *arguments: object) -> str:
        """The one line on stderr with which these arguments are refused."""
        status, out, err = self(*arguments)
        assert (status, out) == (2, "")
        (line,) = err.splitlines()
        assert line.startswith("lesionlab: ")
        assert "Traceback" not in line
        return line.removeprefix("lesionlab: ")
