"""Sweeps on pages: the form on Train that starts one, what the Sweeps page shows of it, and the lock on its test photographs.

Begin with `form`.
"""
