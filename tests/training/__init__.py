"""Tests of the training room. `trainings` runs the tiny trainings that several files compare."""
