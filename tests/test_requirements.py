"""The lists of packages: complete, pinned and hashed, so that an installation is what was tested or nothing; and their audit."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import requires
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.audit import OUT_OF_REACH, report
from seg_core.common.home import PROJECT

APP = ("requirements.txt", "requirements-cuda.txt")
LISTS = (*APP, "requirements-cluster.txt", "requirements-dev.txt", "requirements-weights.txt")


def entries(name: str) -> list[str]:
    """Return the entries of a list, each with its hashes on one line."""
    text = (PROJECT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]


def pinned(name: str) -> dict[str, Requirement]:
    """Return the packages of a list by name."""
    found = [Requirement(re.sub(r"--hash=\S+", "", entry)) for entry in entries(name)]
    return {canonicalize_name(each.name): each for each in found}


@pytest.mark.parametrize("name", LISTS)
def test_every_package_has_one_version_and_hashes(name: str) -> None:
    loose = [entry for entry in entries(name) if not re.match(r"[\w.-]+==[\w.]+ (;.*)?( +--hash=sha256:[0-9a-f]{64})+$", entry)]
    assert not loose
    assert "://" not in (PROJECT / name).read_text(encoding="utf-8")


def test_the_lists_of_the_app_are_apart_and_agree_with_that_of_the_tests() -> None:
    app, cuda, dev = (pinned(name) for name in LISTS[:3])
    assert not app.keys() & cuda.keys()
    assert {name: dev[name].specifier for name in app.keys() & dev.keys()} == {
        name: app[name].specifier for name in app.keys() & dev.keys()
    }


def test_what_is_installed_without_looking_for_dependencies_has_them_all() -> None:
    listed = {name: each for file in APP for name, each in pinned(file).items()}
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [Requirement(each) for each in project["dependencies"]]
    seen: set[str] = set()
    while needed:
        need = needed.pop()
        name = canonicalize_name(need.name)
        assert name in listed, f"{name} is in no list"
        version = next(iter(listed[name].specifier)).version
        assert need.specifier.contains(version, prereleases=True), f"{need} is asked for, {version} is listed"
        for text in requires(name) or [] if name not in seen else []:
            further = Requirement(text)
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in (*need.extras, "")):
                needed.append(further)
        seen.add(name)


def package(name: str, *flaws: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "vulns": list(flaws)}


@pytest.mark.parametrize(
    ("packages", "status", "lines"),
    [
        ([package("one"), package("two")], 0, ["Packages looked up: 2; known vulnerabilities: 0."]),
        (
            [package("one", {"id": "CVE-1", "fix_versions": ["1.1", "2.0"]}, {"id": "CVE-2", "fix_versions": []})],
            1,
            [
                "one 1.0: CVE-1, mended in 1.1 and 2.0",
                "one 1.0: CVE-2, mended in no version yet",
                "Packages looked up: 1; known vulnerabilities: 2.",
            ],
        ),
        ([{"name": "one", "skip_reason": "not found"}], 3, [OUT_OF_REACH]),
        (
            [package("one"), {"name": "two", "skip_reason": "not found"}],
            0,
            ["The database does not know two.", "Packages looked up: 1; known vulnerabilities: 0."],
        ),
    ],
)
def test_the_audit_says_what_it_knows(packages: list[dict[str, Any]], status: int, lines: list[str]) -> None:
    assert report(packages) == (status, lines)


@pytest.mark.parametrize("name", ["README.md", "Dockerfile"])
def test_torchs_build_for_the_cpu_has_the_versions_of_the_lists(name: str) -> None:
    text = (PROJECT / name).read_text(encoding="utf-8")
    for package in ("torch", "torchvision"):
        assert set(re.findall(rf"\b{package}==([\d.]+)", text)) == {str(pinned("requirements.txt")[package].specifier)[2:]}
