"""COCO's JSON, with polygons or run lengths: https://cocodataset.org/#format-data.

Label Studio, CVAT, Roboflow, labelme and most other programs export it.
"""

from __future__ import annotations

from typing import Any

from seg_core.data.annotations.shapes import Annotated, Annotations, Shape, checked_size


def is_coco(content: Any) -> bool:
    """True for the content of a JSON file in COCO's form."""
    return isinstance(content, dict) and isinstance(content.get("images"), list) and isinstance(content.get("annotations"), list)


def read_coco(content: Any) -> Annotations:
    """Read COCO's annotations. An image without any has no lesion; one with boxes alone is left out.

    Raises:
        KeyError, TypeError, ValueError: if something is missing or wrong.
    """
    names = {each["id"]: str(each["name"]) for each in content.get("categories", [])}
    photos = {each["id"]: Annotated(each["file_name"], checked_size(each["width"], each["height"])) for each in content["images"]}
    only_boxes, boxes = set(), 0
    for each in content["annotations"]:
        photo, region = photos[each["image_id"]], each.get("segmentation")
        category = each.get("category_id")
        label = names.get(category, "" if category is None else str(category))
        if region:
            photo.shapes += (Shape(label, part) for part in ([region] if isinstance(region, dict) else region))
        else:
            boxes += 1
            only_boxes.add(each["image_id"])
    marked = [photo for id, photo in photos.items() if photo.shapes or id not in only_boxes]
    return Annotations("COCO", marked, boxes)
