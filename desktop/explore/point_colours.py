"""What colours the points of a t-SNE: their image, the part that lies there, or the folder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from counterpart.core.project.document import Document
from counterpart.core.project.palette import colour_at
from counterpart.desktop.explore.explore_jobs import Explored

Colouring = Literal["image", "part", "folder"]

GREY = (128, 132, 140)
"""Of points that nothing is known of."""


def point_colours(found: Explored, document: Document | None, by: Colouring) -> NDArray[np.uint8]:
    """(N, 3) uint8 colours of the points that were found."""
    assert found.points is not None
    points, ids = found.points, tuple(found.request.refs)
    images = [ids[position] for position in points.positions]
    if by == "part" and document is not None:
        return _part_colours(found, images, document)
    keys = images if by == "image" or document is None else _folders(images, document)
    order = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    table = np.array([colour_at(order[key]) for key in keys], dtype=np.uint8).reshape(-1, 3)
    return np.asarray(table[points.result.image])


def _part_colours(found: Explored, images: list[int], document: Document) -> NDArray[np.uint8]:
    assert found.points is not None
    points = found.points
    xy = np.rint(points.image_xy()).astype(np.int64)
    out = np.full((len(xy), 3), GREY, dtype=np.uint8)
    table = {part.id: part.colour for part in document.parts}
    for index, image in enumerate(images):
        label_map = document.label_map(image)
        mine = np.flatnonzero(points.result.image == index)
        if label_map is None:
            continue
        height, width = label_map.hw
        x, y = np.clip(xy[mine].T, 0, [[width - 1], [height - 1]])
        labels = label_map.labels[y, x]
        for part, colour in table.items():
            out[mine[labels == part]] = colour
    return out


def _folders(images: list[int], document: Document) -> list[str]:
    return [str(Path(document.image(image).path).parent) for image in images]
