"""Loggers: programs that people already have, to which a training also reports.

`listener.Logged` listens to a training's events and passes them to each logger of `Config.log`, each on a thread of its own, so
that a slow or broken one costs the training nothing. `logger.Logger` is what a logger can do; `kinds` lists those there are, with
their packages, which are imported when a training asks for them. Loads no torch.
"""
