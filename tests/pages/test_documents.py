"""The documents of the About page: their links and pictures work inside the app."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest

from pages.shared.documents import DOCUMENTS, can_read, readable
from seg_core.common.home import PROJECT

CARDS = [f"checkpoints/{file.name}" for file in (PROJECT / "checkpoints").glob("*.md")]


@pytest.mark.parametrize(
    ("path", "shown"),
    [(path, True) for path in DOCUMENTS]
    + [("checkpoints/fine-tune-best.md", True)]
    + [(path, False) for path in ("", "docs", "app.py", "../etc/passwd", "checkpoints/../README.md", "checkpoints/none.md")],
)
def test_only_documents_are_shown(path: str, shown: bool) -> None:
    assert can_read(path) is shown


@pytest.mark.parametrize("path", [*DOCUMENTS, *CARDS])
def test_every_link_leads_to_something(path: str) -> None:
    text = re.sub(r"^```.*?^```$", "", readable(path), flags=re.MULTILINE | re.DOTALL)
    anchors = set(re.findall(r'<a id="([^"]+)">', text))
    for document in re.findall(r'href="about\?doc=([^"]+)"', text):
        assert can_read(document)
    for target in re.findall(r"\]\(([^()\s]+)\)", text):
        if target.startswith("/assets/pictures/"):
            assert (PROJECT / "docs" / "images" / PurePosixPath(target).name).is_file()
        elif target.startswith("#"):
            assert target[1:] in anchors
        else:
            assert target.startswith("https://"), target


def test_links_pictures_and_code_of_a_document() -> None:
    assert not readable("checkpoints/fine-tune-best.md").startswith("---"), "facts for model hubs are not for readers"
    design = readable("docs/design.md")
    assert '<a href="about?doc=CONTRIBUTING.md" target="_self">CONTRIBUTING.md</a>' in design
    assert '<a id="the-first-page-stands-at-"></a>\n\n### The first page stands at /' in design
    assert "```mermaid\nflowchart TB" in design
    assert "](/assets/pictures/report-curves.png)" in readable("docs/report.md")
    assert readable("LICENSE").startswith("```text\nMIT License")
