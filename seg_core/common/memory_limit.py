"""A limit on the memory of a process that reads what anybody may have written."""

from __future__ import annotations

import contextlib

import psutil


def limit_memory(more_bytes: int) -> None:
    """Let this process take so many bytes beyond what it has, and leave no core file if it dies. Windows knows no such limit."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        has = psutil.Process().memory_info()
        most = getattr(has, "data", has.vms) + more_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
