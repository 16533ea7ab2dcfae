"""Helpers without a subject of their own: the home folder, atomic files, a parallel map, colours, versions, text.

Knows `seg_core.errors` only. Begin with `home`, which says where LesionLab keeps its files.
"""
