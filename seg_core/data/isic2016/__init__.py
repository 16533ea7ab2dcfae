"""The official data of ISIC 2016, Part 1: download, resume, and unpacking of archives that are not trusted.

It knows only how a data folder is named, `seg_core.common` and `errors`. Begin with `fetch.fetch_isic2016`; `download` fetches
one file over HTTP, and `unpacking` turns an archive into a folder.
"""
