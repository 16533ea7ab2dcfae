"""Look up the pinned packages in the database of known vulnerabilities, which pip-audit asks: ``make audit``.

Exit status: 0 if none is known, 1 if some are, 3 if the database cannot be reached.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from seg_core.common.home import PROJECT

LISTS = ("requirements.txt", "requirements-cuda.txt", "requirements-dev.txt")
OUT_OF_REACH = "The database of known vulnerabilities cannot be reached from here, so no package was looked up."


def main() -> int:
    """Look everything up and print what was found."""
    lists = [option for name in LISTS for option in ("--requirement", name)]
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format", "json", *lists]
    done = subprocess.run([*command, "--progress-spinner", "off"], cwd=PROJECT, capture_output=True, text=True)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except ValueError:  # it stops at the first package for which the database does not answer
        print(OUT_OF_REACH, done.stderr.strip().splitlines()[-1:], file=sys.stderr)
        return 3
    status, lines = report(packages)
    print("\n".join(lines))
    return status


def report(packages: Sequence[dict[str, Any]]) -> tuple[int, list[str]]:
    """Return the exit status and the lines to print on packages as pip-audit describes them.

    A database that is out of reach behind a mirror answers that it knows no package at all.
    """
    known = {package["name"]: package for package in packages if "skip_reason" not in package}
    unknown = sorted({package["name"] for package in packages} - set(known))
    if not known:
        return 3, [OUT_OF_REACH]
    lines = [
        f"{name} {package['version']}: {flaw['id']}, mended in {' and '.join(flaw['fix_versions']) or 'no version yet'}"
        for name, package in known.items()
        for flaw in package["vulns"]
    ]
    told = [f"The database does not know {', '.join(unknown)}."] if unknown else []
    return int(bool(lines)), [*lines, *told, f"Packages looked up: {len(known)}; known vulnerabilities: {len(lines)}."]


if __name__ == "__main__":
    sys.exit(main())
