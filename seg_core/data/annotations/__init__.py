"""Annotation files of other programs, such as COCO's JSON, as masks: what they outline is drawn into images once and kept.

It knows image files, `seg_core.common` and `errors`. Begin with `drawn.draw_masks`, which returns the masks of some annotation
files; `coco`, `label_studio`, `cvat` and `yolo` each read one format into the outlines of `shapes`.
"""
