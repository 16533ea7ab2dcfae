"""The colours of runs and models wherever they are drawn."""

from __future__ import annotations

# Okabe and Ito's palette, told apart with every kind of colour vision: the n-th chosen run takes the n-th colour on every page.
RUN_COLOURS: tuple[str, ...] = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def run_colour(position: int) -> str:
    """The colour of the run at a position among those chosen; after six they repeat."""
    return RUN_COLOURS[position % len(RUN_COLOURS)]
