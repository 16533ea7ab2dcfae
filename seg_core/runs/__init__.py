"""Runs: their database, the queue, and the processes that train them.

Knows training, evaluation and what is below them, and nothing of jobs, commands or pages; only the worker of a run loads torch,
once it has claimed it. Begin with `store.RunStore`, then `ownership` for who may work on what, and `worker` for what it does.
"""
