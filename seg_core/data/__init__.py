"""Datasets: pairs of photographs and masks in folders, their splits, checks, and everything read from their files.

This room knows `seg_core.common`, `config` and `errors`, and never torch. Begin with `dataset.open_dataset`, which lists the
pairs of some folders: `source` reads what the user typed, `words` and `layouts` tell folders of photographs from folders of
masks, `pairing` matches their names, and `folders` puts the pairs together. `image` reads files, `check` names their problems,
and `verdicts` keeps what people decided about masks. The rooms inside are the rule for masks (`masks`), annotation files as masks
(`annotations`), the image cache (`cache`), the scan of a dataset (`scan`), collections of corrected masks (`collection`), the
built-in sample (`sample`) and the download of the official data (`isic2016`).
"""
