"""Colours of runs and models on all pages and in reports."""

from __future__ import annotations

# The palette of Okabe and Ito (2008), distinguishable with every kind of colour vision. The n-th chosen run has the n-th colour.
RUN_COLOURS: tuple[str, ...] = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def run_colour(position: int) -> str:
    """Return the colour of the run at a position among those chosen; colours repeat after six."""
    return RUN_COLOURS[position % len(RUN_COLOURS)]
