"""Launching and steering runs: the parts of the Train, Monitor and Report pages.

`form` and `settings` make a run from what was typed; `details`, `actions` and `downloads` show one and act on it.
They use the run store, the live components and the shared parts of pages. Begin with `form`.
"""
