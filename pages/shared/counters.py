"""What this process counts for `/api/metrics`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram

REGISTRY = CollectorRegistry()
"""Ours alone: that of the library holds figures of its own."""
PREDICTIONS = Histogram(
    "lesionlab_prediction_seconds",
    "Time of a model for one photograph of a visitor.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
    registry=REGISTRY,
)
