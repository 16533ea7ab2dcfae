"""Collections: photographs with masks that people correct, each in a folder of the home folder, with every version kept.

Begin with `store.open_collection`. A collection is a dataset in the layout ``images/`` and ``masks/`` that `open_dataset` reads
like any other; ``history/`` holds the versions of each mask (`versions`), ``proposed/`` masks by models that nobody has looked
at, ``excluded.csv`` what is left out (`seg_core.data.excluded`). `contents` reads these and `collection` changes them;
`photographs` adds photographs, `sources` whole datasets and folders, and `export` writes the layouts of other programs.
"""
