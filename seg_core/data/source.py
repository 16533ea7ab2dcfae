"""Dataset sources: a folder or zip archive and what the user said about it, as one line of text."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote

from seg_core.errors import InputError

MAJORITY = "majority"
"""What counts of the masks of several experts, where nothing is said."""

SAMPLE = "sample"
"""The dataset source that names the built-in sample instead of a folder."""

JOINED = " + "
"""Stands between the names of sources that are joined to a dataset."""

Names = str | Path | Sequence[str | Path] | None
"""One folder, several, or none."""

_QUOTES = "'\"‘’‚‛“”„‟«»‹›`´"
_KEYS = ("images", "masks", "experts", "lesion", "truth")


@dataclass(frozen=True)
class Source:
    """Where a dataset is, and what its user said about it. As text: ``/data/skin?images=photos&masks=labels&lesion=2``.

    Attributes:
        folder: absolute path of a folder or of a zip archive, or ``sample``.
        images: the folders of photographs, below ``folder`` or absolute; empty if they are found by their names.
        masks: likewise the folders of masks.
        lesion: the value, number or name of the class in the masks that is the lesion; None if the masks say so themselves.
        experts: the folders of masks of one expert each, where their names do not tell that.
        truth: what counts of the masks of several experts: ``staple``, or the name of one; None for their majority.
    """

    folder: str
    images: tuple[str, ...] = ()
    masks: tuple[str, ...] = ()
    lesion: str | None = None
    experts: tuple[str, ...] = ()
    truth: str | None = None

    @classmethod
    def parse(cls, source: str | Path) -> Source:
        """Read a source as typed or pasted: see `clean_path`; ``sample`` stays.

        Raises:
            InputError: if it is empty or cannot be a path.
        """
        text = _unquoted(str(source))
        folder, asked, query = text.rpartition("?")
        said = [part.partition("=") for part in query.split("&")] if asked and not _exists(text) else []
        if not said or any(key not in _KEYS or not value for key, _, value in said):
            return cls(text if text == SAMPLE else clean_path(text))
        values = {key: tuple(unquote(value) for of, _, value in said if of == key) for key in _KEYS}
        lesion, truth = (values[key][-1] if values[key] else None for key in ("lesion", "truth"))
        folders = values["images"], values["masks"]
        return cls(clean_path(folder), *folders, lesion, values["experts"], _truth(truth) if truth else None)

    def with_choices(
        self,
        images: Names = None,
        masks: Names = None,
        lesion: str | int | None = None,
        experts: Names = None,
        truth: str | None = None,
    ) -> Source:
        """Return this source with what the user says in addition; None leaves what it said before.

        Names of folders are below the source's folder, or else paths from where the user is. The sample needs none of them.
        """
        if self.folder == SAMPLE:
            if experts or truth:
                raise InputError("The sample has one mask of each photograph: leave out the experts and the truth.")
            return self
        return replace(
            self,
            images=self.images if images is None else self._placed(images),
            masks=self.masks if masks is None else self._placed(masks),
            lesion=self.lesion if lesion is None else str(lesion).strip() or None,
            experts=self.experts if experts is None else self._placed(experts),
            truth=self.truth if truth is None else _truth(truth),
        )

    def _placed(self, names: Names) -> tuple[str, ...]:
        given = [names] if isinstance(names, str | Path) else names or []
        return tuple(self._place(str(name)) for name in given)

    def _place(self, name: str) -> str:
        if not name.strip():
            raise InputError("The name of a folder of photographs or masks is empty; name a folder.")
        if _exists(str(Path(self.folder, name))):
            path = Path(self.folder, name)
        elif _exists(clean_path(name)) and not Path(self.folder).is_file():
            path = Path(clean_path(name))
        else:
            return name.strip().rstrip("/") or "/"  # in a zip archive, or missing: opening the dataset tells
        inside = path.is_relative_to(self.folder) and path != Path(self.folder)
        return str(path.relative_to(self.folder) if inside else path)

    @property
    def name(self) -> str:
        """The folder's own name, for people; of an archive without its ending."""
        path = Path(self.folder)
        return (path.stem if path.suffix.lower() == ".zip" else path.name) or self.folder

    def __str__(self) -> str:
        said = [("images", name) for name in self.images] + [("masks", name) for name in self.masks]
        said += [("experts", name) for name in self.experts]
        said += [(key, value) for key, value in (("lesion", self.lesion), ("truth", self.truth)) if value is not None]
        query = "&".join(f"{key}={re.sub('[%&?]', _escaped, value)}" for key, value in said)
        return f"{self.folder}?{query}" if query else self.folder


def clean_source(source: str | Path) -> str:
    """Return a dataset source, as typed or pasted, as the text under which it is kept.

    Raises:
        InputError: if it is empty or cannot be a path.
    """
    return str(Source.parse(source))


def clean_path(typed: str | Path) -> str:
    r"""Return a path, as people type or paste it, as an absolute path.

    Understood are quotes around it, also curly ones, ``~``, ``file://`` addresses, and a backslash before a space or another
    sign as shells write it, such as ``My\ Photos``.

    Raises:
        InputError: if it is empty or cannot be a path.
    """
    text = _unquoted(str(typed))
    if not text:
        raise InputError(f"The name of a data folder is empty; give a folder or {SAMPLE!r}.")
    if text.lower().startswith("file:"):
        text = unquote(re.sub(r"^file:(?://(?:localhost)?(?=/))?", "", text, flags=re.I))
    elif os.sep == "/" and not _exists(text):
        text = re.sub(r"\\([^\w\\])", r"\1", text)
    try:
        return str(Path(text).expanduser().resolve())
    except (OSError, RuntimeError, ValueError) as error:  # unknown user after ~, loop of links, forbidden character
        raise InputError(f"The data folder {text!r} cannot be found ({error}); check the path.") from None


def _truth(typed: str) -> str | None:
    """Return what counts of several experts' masks; None for the majority, which counts where nothing is said."""
    return None if typed.strip().casefold() in ("", MAJORITY) else typed.strip()


def _unquoted(text: str) -> str:
    text = text.strip()
    return text if _exists(text) else text.strip(_QUOTES).strip()


def _exists(path: str) -> bool:
    try:
        return bool(path) and Path(path).expanduser().exists()
    except (OSError, RuntimeError, ValueError):
        return False


def _escaped(sign: re.Match[str]) -> str:
    return f"%{ord(sign[0]):02X}"
