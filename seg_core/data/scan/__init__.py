"""The scan of a dataset, and the near-duplicates and leakage found by it.

It knows how pairs are found and decoded, but no jobs and no pages. Begin with `dataset_scan.scan_dataset`; `duplicates`
compares the fingerprints of a scan by the measures of `similarity`.
"""
