"""Runs: their database, the queue, and the processes that train them.

May use training and what is below it, and knows nothing of jobs, commands or pages; only the worker of a run loads torch, once
it has claimed it. Begin with `store.RunStore`. `queue` is what people ask for; `claims` decides which run is next by the
protocol of `claim_protocol`, `dispatch` takes it, `launcher` starts its process, and `worker` is what that process does.
"""
