"""The part of a batch that one process computes, where several train one model together."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Part:
    """The photographs of a batch of ``total`` from ``begin`` to before ``end``.

    Every process draws the same random numbers for the whole batch, and takes those of its part: so they train on what one
    process alone would train on.

    Attributes:
        weight: what the mean over the part counts in the mean over all processes, so that the latter is the mean over the batch.
    """

    begin: int
    end: int
    total: int
    weight: float = 1.0

    @classmethod
    def whole(cls, total: int) -> Part:
        """Return the part of a process that trains alone."""
        return cls(0, total, total)

    @classmethod
    def of_rank(cls, rank: int, world: int, total: int) -> Part:
        """Return the part of the process ``rank`` of ``world``: with those of the others, each photograph once.

        Where there are fewer photographs than processes, some compute the first one too; there it counts nothing.
        """
        begin, end = (-(-total * place // world) for place in (rank, rank + 1))
        return cls(begin, end, total, (end - begin) * world / total) if begin < end else cls(0, 1, total, 0.0)

    def of(self, values: torch.Tensor) -> torch.Tensor:
        """Return the part of values (total, …) of the whole batch."""
        return values[self.begin : self.end]

    def among(self, chosen: torch.Tensor, *values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return those of the indices ``chosen`` (N,) that are in the part, from its beginning, and their ``values`` (N, …)."""
        mine = (chosen >= self.begin) & (chosen < self.end)
        return chosen[mine] - self.begin, *(value[mine.to(value.device)] for value in values)
