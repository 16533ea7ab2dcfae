"""The image cache: every pair of a dataset is decoded once for a size, and then read through memory maps.

It knows how pairs are found and decoded, but not what trains on them. Begin with `storage.cache_pairs`, which opens a cache and
keeps all of them within their limit of disk space; `cached_pairs` is what a training reads, `image_cache` decodes and shares,
and `pixel_store` is the files on the disk.
"""
