"""Trying ONNX files that anybody may have written: in a process of its own, with limits, which may die without harm.

A file of some kilobytes can ask for any amount of memory or time, and a damaged one can crash the engine, which is native code.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from seg_core.common.home import PROJECT, expanded
from seg_core.common.memory_limit import limit_memory
from seg_core.errors import InputError
from seg_core.prediction.foreign_file import ForeignFacts, ForeignSettings

MOST_BYTES = 500_000_000
"""Largest file that is tried."""
MEMORY = 1_000_000_000
"""Bytes that a trial may take beside four times the file."""
SECONDS = 20


def try_foreign(content: bytes, name: str, settings: ForeignSettings | None = None) -> ForeignFacts:
    """Read an ONNX file, try it once and, with ``settings``, predict a photograph with them, in another process.

    Raises:
        InputError: as `seg_core.prediction.foreign.read_foreign` and `keep_foreign`, or if it needs too much memory or time.
    """
    _require_size(len(content), name)
    order = json.dumps({"name": name, "settings": settings and asdict(settings)}).encode()
    command = [sys.executable, "-m", "seg_core.prediction.trial"]
    try:
        done = subprocess.run(
            command,
            cwd=PROJECT,
            input=struct.pack("<I", len(order)) + order + content,
            capture_output=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"{name} takes longer than {SECONDS} s for one photograph; export a smaller model.") from None
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
        if "refused" in answer:
            raise InputError(str(answer["refused"]))
        facts: ForeignFacts = TypeAdapter(ForeignFacts).validate_python(answer["facts"])
    except (IndexError, KeyError, TypeError, ValidationError, json.JSONDecodeError):
        memory = f"{MEMORY / 1e9:g} GB of memory"
        raise InputError(f"{name} crashes when it is run, or needs more than {memory}; export the model again.") from None
    return facts


def try_file(path: Path) -> None:
    """Try an ONNX file of the user's, as `try_foreign`, unless it is one that LesionLab keeps, and so has tried."""
    from seg_core.prediction.catalogue import models_folder
    from seg_core.prediction.foreign import SUFFIX

    path = expanded(path)
    if path.suffix.lower() == SUFFIX and path.is_file() and path.parent.resolve() != models_folder().resolve():
        _require_size(path.stat().st_size, path.name)
        try:
            content = path.read_bytes()
        except OSError:
            return  # whoever loads it says why
        try_foreign(content, path.name)


def _require_size(size: int, name: str) -> None:
    if size > MOST_BYTES:
        raise InputError(f"{name} is larger than {MOST_BYTES // 10**6} MB; export a smaller model.")


def _serve() -> None:
    """Answer one order on stdin with a line of JSON."""
    from seg_core.prediction.foreign import require_fitting
    from seg_core.prediction.foreign_file import read_foreign

    order = sys.stdin.buffer.read()
    length = struct.unpack("<I", order[:4])[0]
    words, content = json.loads(order[4 : 4 + length]), order[4 + length :]
    del order
    limit_memory(MEMORY + 4 * len(content))
    answer: dict[str, Any]
    try:
        _, facts = read_foreign(content, words["name"])
        if words["settings"]:
            require_fitting(content, facts, ForeignSettings(**words["settings"]), words["name"])
        answer = {"facts": asdict(facts)}
    except InputError as error:
        answer = {"refused": str(error)}
    sys.stdout.write(f"\n{json.dumps(answer)}\n")
    sys.stdout.flush()
    os._exit(0)  # what the engine does when it ends is of no interest


if __name__ == "__main__":
    _serve()
