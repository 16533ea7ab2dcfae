"""The text files of Ultralytics: one for each photograph, with a class and a polygon in each line.

https://docs.ultralytics.com/datasets/segment/. Positions are shares of the photograph's width and height.
"""

from __future__ import annotations

import numpy as np

from seg_core.data.annotations.shapes import Annotated, Shape, Size

_BOX = 4


def read_yolo(text: str, name: str, size: Size) -> tuple[Annotated | None, int]:
    """Read the text file of a photograph; return None for one with boxes alone, and how many boxes it has.

    Raises:
        ValueError: if a line is no class and polygon.
    """
    photo, boxes = Annotated(name, size), 0
    for line in text.splitlines():
        label, *numbers = line.split() or [""]
        if len(numbers) == _BOX:
            boxes += 1
        elif numbers:
            corners = np.asarray([float(number) for number in numbers]).reshape(-1, 2) * size
            photo.shapes.append(Shape(label, corners.ravel().tolist()))
    return photo if photo.shapes or not boxes else None, boxes
