"""The documents that come with LesionLab, made ready to be read inside the app."""

from __future__ import annotations

import html
import re
from pathlib import Path, PurePosixPath

from pages.shared.address import address
from seg_core.common.home import PROJECT

DOCUMENTS = {
    "README.md": "Read me",
    "docs/data.md": "Data: what is known of a dataset",
    "docs/models.md": "Models: where those that ship come from",
    "docs/comparing.md": "Comparing models",
    "docs/metrics.md": "Metrics: which to report for which question",
    "docs/recipe.md": "Recipe: how it was found",
    "docs/report.md": "Report: the student report and our runs",
    "docs/api.md": "API: runs by scripts",
    "docs/alerts.md": "Alerts: who is told, and how",
    "docs/scale.md": "Scale: several processes and machines",
    "docs/performance.md": "Performance: what was measured",
    "docs/security.md": "Security: what is defended, and what is not",
    "docs/design.md": "Design: how LesionLab is built",
    "CONTRIBUTING.md": "Contributing",
    "SECURITY.md": "Reporting a weakness",
    "CHANGELOG.md": "Changes",
    "LICENSE": "License",
}
"""Title by path, those that a user reads first."""
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^(#{1,6} +)(.+)$", re.MULTILINE)
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def can_read(path: str) -> bool:
    """True for a document that the app shows: those listed, and the cards of the models that ship."""
    return (path in DOCUMENTS or re.fullmatch(r"checkpoints/[\w-]+\.md", path) is not None) and (PROJECT / path).is_file()


def readable(path: str) -> str:
    """Return a document in Markdown whose links to other documents and whose pictures work inside the app."""
    text = (PROJECT / path).read_text(encoding="utf-8")
    if not path.endswith(".md"):
        return f"```text\n{text}\n```"
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)  # facts for model hubs, at the head of a card
    folder = PurePosixPath(path).parent

    def led(match: re.Match[str]) -> str:
        return _led(folder, *match.groups())

    parts = _FENCE.split(text)
    # What stands between fences is code.
    parts[::2] = [_HEADING.sub(_anchored, _LINK.sub(led, part)) for part in parts[::2]]
    return "".join(parts)


def link(path: str, text: str) -> str:
    """Return a link to a document, or to the list of them if ``path`` is empty; see ``pages/assets/documents.js``."""
    query = f"?doc={html.escape(path)}" if path else ""
    return f'<a href="about{query}" target="_self">{text}</a>'  # without a target, Streamlit would open a new tab


def _led(folder: PurePosixPath, picture: str, text: str, target: str) -> str:
    """Return a link of a document in ``folder``; what the app does not show, such as a program, is named without a link."""
    if target.startswith(("#", "http://", "https://")):
        return f"{picture}[{text}]({target})"
    path = _normal(folder / target.partition("#")[0])
    if picture:
        return f"![{text}]({address(f'/assets/pictures/{Path(path).name}')})"
    return link(path, re.sub(r"`([^`]*)`", r"<code>\1</code>", text)) if can_read(path) else text


def _normal(path: PurePosixPath) -> str:
    """Return a path without ``..``."""
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts = parts[:-1]
        else:
            parts.append(part)
    return "/".join(parts)


def _anchored(match: re.Match[str]) -> str:
    """Put the name that GitHub gives a heading before it: the documents link to these names."""
    name = re.sub(r"[^\w -]", "", match[2].lower().replace("`", "")).replace(" ", "-")
    return f'<a id="{name}"></a>\n\n{match[0]}'
