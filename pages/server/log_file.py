"""The app's log file: everything that it prints, with the time, so that a failure at night can be read in the morning."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, TextIO

from seg_core.common.log_file import LONGEST


def open_log(file: Path) -> logging.Logger:
    """Return a logger that writes to a file, which is renamed to FILE.1 and begun anew when it is long.

    Where it cannot be written, because the disk is full or read-only, what it would hold is dropped: the terminal still has it.
    """
    handler = _QuietHandler(file, maxBytes=LONGEST, backupCount=1, encoding="utf-8", errors="replace", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s"))
    logger = logging.Logger("lesionlab.app")  # not among the others: what those print comes here by way of the terminal
    logger.addHandler(handler)
    return logger


class _QuietHandler(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # the usual one would print, which comes here again
        pass


class Logged:
    """A text stream whose lines also go to a logger. Everything else is that of the stream behind it."""

    def __init__(self, stream: TextIO, logger: logging.Logger) -> None:
        self._stream, self._logger = stream, logger
        self._begun = ""

    def write(self, text: str) -> int:
        """Write a text to the stream, and the lines that it ends to the log."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in filter(str.strip, lines):
            self._logger.info("%s", line)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
