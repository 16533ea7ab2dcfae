"""Processes that work on runs and jobs: who they are, how they start, and how they are asked to stop."""
