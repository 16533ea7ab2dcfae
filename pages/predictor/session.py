"""The state of one visitor of the Predict page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pages.predictor.controls import Controls
from pages.predictor.photo import Photo
from seg_core.errors import InputError

MOST_PHOTOS = 24
"""Photographs that one visitor can have at a time."""


@dataclass
class Session:
    """The photographs of one visitor, the one shown, and the last values of the controls."""

    photos: list[Photo] = field(default_factory=list)
    shown: int = 0
    controls: Controls = field(default_factory=Controls)
    turn: int = 0
    """Counts the visitor's requests: a slow answer is dropped once a later request has come."""
    filling: int = 0
    """Counts the requests that predict the photographs that are not shown: a later one takes over from an earlier one."""
    on_page: bool = False
    """True while the page shows photographs."""
    seen: float = 0
    """When the page last asked something, on the clock of `time.monotonic`."""

    @property
    def photo(self) -> Photo | None:
        """The photograph that is shown."""
        return self.photos[self.place] if self.photos else None

    @property
    def place(self) -> int:
        """Place of the photograph that is shown."""
        return max(0, min(self.shown, len(self.photos) - 1))  # another widget of the tab may have removed some

    def begin_request(self, controls: Controls) -> int:
        """Note the controls of a new request; returns the turn of the request."""
        self.controls = controls
        self.turn += 1
        return self.turn

    def add(self, files: Iterable[tuple[Path, str]]) -> list[str]:
        """Add photographs, given as file and name, and show the first new one; returns one sentence for each that is refused."""
        problems: list[str] = []
        first: Photo | None = None
        for file, name in files:
            if len(self.photos) >= MOST_PHOTOS:
                problems.append(f"At most {MOST_PHOTOS} photographs are kept at a time; remove them and drop the others again.")
                break
            try:
                photo = Photo.read(file, name)
            except InputError as error:
                problems.append(str(error))
                continue
            self.photos.append(photo)
            first = first or photo
        # Others may have been added, or all removed, while these were read.
        self.shown = next((place for place, photo in enumerate(self.photos) if photo is first), self.shown)
        return problems

    def take_over(self, before: Session) -> None:
        """Continue the session of the tab's last widget; what was dropped into this one meanwhile comes after its photographs."""
        if self.photos:
            self.shown += len(before.photos)
            before.photos.extend(self.photos)
        else:
            self.shown = before.shown
        # The same list, since the last widget may still be reading what was dropped before it was left.
        self.photos = before.photos
        if not self.turn:
            self.controls = before.controls

    def forget(self, limit: float) -> None:
        """Forget the photographs that were added before a time, on the clock of `time.monotonic`."""
        shown = self.photo
        self.photos[:] = [photo for photo in self.photos if photo.added >= limit]
        self.shown = next((place for place, photo in enumerate(self.photos) if photo is shown), 0)

    def remove(self, place: int) -> None:
        """Forget one photograph; its file goes with the next sweep of the temporary folder."""
        if place in range(len(self.photos)):
            self.shown = self.place - (place < self.place)
            del self.photos[place]

    def clear(self) -> None:
        """Forget all photographs."""
        self.photos.clear()
        self.shown = 0
        self.turn += 1
        self.filling += 1
