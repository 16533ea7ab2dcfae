"""Datasets: pairs of photographs and masks in folders, their splits, checks, and everything read from their files.

This room knows `seg_core.common`, `config` and `errors`, and never torch. Begin with `dataset.open_dataset`, which lists the
pairs of some folders; `folders` knows the layouts and which mask belongs to which photograph, `image` reads files, and `check`
names their problems. The rooms inside are the image cache (`cache`), the scan of a dataset (`scan`), the built-in sample
(`sample`) and the download of the official data (`isic2016`).
"""
