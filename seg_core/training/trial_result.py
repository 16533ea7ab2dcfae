"""What a trial of a training has shown, as it is kept. Loads no torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from seg_core.errors import InputError

NEARLY_LOWEST, BELOW = 0.95, 5
"""The suggested rate is the first at which the loss has fallen by this share of its whole fall, divided by ``BELOW``."""


@dataclass(frozen=True)
class Trial:
    """What some steps of a training have shown."""

    images_per_second: float
    """Photographs in training."""
    memory: float
    """The most that the process took, in GB; on a GPU, of its memory."""
    rates: list[float]
    """Learning rates (S,), rising; empty if they were not tried."""
    losses: list[float]
    """Training loss at each, (S,), smoothed."""

    @property
    def suggested(self) -> float | None:
        """A fifth of the first rate at which the loss is nearly as low as it gets, to one digit; None if it never fell."""
        if len(self.losses) < 2 or not min(self.losses) < self.losses[0]:
            return None
        enough = self.losses[0] - NEARLY_LOWEST * (self.losses[0] - min(self.losses))
        rate = next(rate for rate, loss in zip(self.rates, self.losses, strict=True) if loss <= enough)
        return float(f"{rate / BELOW:.0e}")

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Trial:
        """Read what `save` wrote.

        Raises:
            InputError: if it is missing or damaged.
        """
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            raise InputError("What the trial showed cannot be read; try again.") from None
