"""Training: from a dataset and a config to checkpoints.

`loop.train` is the entry point; begin reading there. The loop knows nothing of storage or screens: it reports `events` and asks
whether to stop. This room may use `prediction` and what is below it. Apart from `events`, `history`, `command_line` and
`preparation`, its modules load torch.
"""
