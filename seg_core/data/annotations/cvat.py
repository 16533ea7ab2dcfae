"""CVAT's XML, "CVAT for images 1.1": https://docs.cvat.ai/docs/manual/advanced/xml_format/."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from seg_core.data.annotations.shapes import Annotated, Annotations, Shape, Size, checked_size, ellipse, filled_runs


def is_cvat(root: Element) -> bool:
    """True for the content of an XML file that CVAT has exported."""
    return root.tag == "annotations" and (root.find("image") is not None or root.find("track") is not None)


def read_cvat(root: Element) -> Annotations:
    """Read CVAT's annotations of photographs. One without any has no lesion; one with boxes alone is left out.

    Raises:
        KeyError, TypeError, ValueError: if something is missing or wrong, or these are annotations of a video.
    """
    if root.find("image") is None:
        raise ValueError("annotations of a video")
    photos, boxes = [], 0
    for image in root.iter("image"):
        photo = Annotated(image.attrib["name"], checked_size(image.attrib["width"], image.attrib["height"]))
        photo.shapes += (
            Shape(each.get("label", ""), region) for each in image if (region := _region(each, photo.size)) is not None
        )
        of_image = len(image.findall("box"))
        boxes += of_image
        photos += [photo] if photo.shapes or not of_image else []
    return Annotations("CVAT", photos, boxes)


def _region(mark: Element, size: Size) -> list[float] | np.ndarray | None:
    if mark.tag == "polygon":
        return [float(part) for corner in mark.attrib["points"].split(";") for part in corner.split(",")]
    if mark.tag == "ellipse":
        x, y, radius_x, radius_y = (float(mark.attrib[key]) for key in ("cx", "cy", "rx", "ry"))
        return ellipse(x, y, radius_x, radius_y, float(mark.get("rotation", 0)))
    if mark.tag == "mask":
        return _placed(mark, size)
    return None


def _placed(mark: Element, size: Size) -> np.ndarray:
    """Return a mask that is stored as the run lengths, row by row, of the box around it."""
    left, top, width, height = (round(float(mark.attrib[key])) for key in ("left", "top", "width", "height"))
    if min(left, top, width, height) < 0 or left + width > size[0] or top + height > size[1]:
        raise ValueError("a mask outside of its photograph")
    mask = np.zeros(size[::-1], dtype=bool)
    runs = [int(part) for part in mark.attrib["rle"].split(",")]
    mask[top : top + height, left : left + width] = filled_runs(runs, width * height).reshape(height, width)
    return mask
