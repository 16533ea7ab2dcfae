"""Sweeps: many settings tried on validation photographs, and the best of them proved with fresh seeds.

`stepping.step` moves a sweep on; whoever has a moment calls it. `space` reads what to try, `proposing` says what comes next and
`pruning` what is not worth going on with, `proof` whether the best one is better. `store` keeps them. Begin with `sweep`.
"""
