"""All that is annotated on an image: scaled to another size of it, or taken away."""

from __future__ import annotations

import dataclasses
from typing import cast

import numpy as np

from counterpart.core.geometry import rescaled_map, rescaled_xy
from counterpart.core.project.edit import Edit
from counterpart.core.project.masks import clear_map, write_packed
from counterpart.core.project.points import Box
from counterpart.core.project.rows import (
    keypoint_row,
    keypoint_set,
    match_row,
    match_set,
    read_labels,
    read_part_states,
    read_touched,
)
from counterpart.core.project.tiles import pack_labels

Size = tuple[int, int]


def remove_annotations(edit: Edit, image: int) -> None:
    """Take away the labels, points and matches of an image. Works on damaged ones too."""
    clear_map(edit, image)
    for key in edit.find("keypoints", "image", image):
        edit.put("keypoints", key, None)
    for column in ("image_a", "image_b"):
        for key in edit.find("matches", column, image):
            edit.put("matches", key, None)


def rescale_annotations(edit: Edit, image: int, old: Size, new: Size) -> None:
    """Scale the labels, points and matches of an image to another (height, width) of it.

    Raises:
        ProjectError: They are damaged.
    """
    _rescale_labels(edit, image, new)
    for key, row in edit.find("keypoints", "image", image).items():
        points = keypoint_set(key, row)[1]
        box = None if points.box is None else _rescaled_box(points.box, old, new)
        edit.put(
            "keypoints",
            key,
            keypoint_row(image, dataclasses.replace(points, xy=rescaled_xy(points.xy, old, new), box=box)),
            row,
        )
    for key, row in edit.find("matches", "image_a", image).items():
        matches = match_set(key, row)
        factor = np.float32((new[0] * new[1] / (old[0] * old[1])) ** 0.5)  # cycle errors are in pixels of image a
        matches = dataclasses.replace(
            matches, xy_a=rescaled_xy(matches.xy_a, old, new), cycle_error=matches.cycle_error * factor
        )
        edit.put("matches", key, match_row(matches), row)
    for key, row in edit.find("matches", "image_b", image).items():
        matches = match_set(key, row)
        edit.put("matches", key, match_row(dataclasses.replace(matches, xy_b=rescaled_xy(matches.xy_b, old, new))), row)


def _rescale_labels(edit: Edit, image: int, new: Size) -> None:
    found = read_labels(edit, image)
    if found is None:
        return
    labels, provenance = found
    touched, states = read_touched(edit, image), read_part_states(edit, image)
    packed = pack_labels(rescaled_map(labels, new))
    clear_map(edit, image)
    write_packed(
        edit, image, packed, {part: state for part, (state, _) in states.items()}, provenance, keep_empty=states
    )
    if touched is not None:
        for number, blob in pack_labels(rescaled_map(touched.view(np.uint8), new)).tiles.items():
            edit.put("touched_tiles", (image, number), (blob,))


def _rescaled_box(box: Box, old: Size, new: Size) -> Box:
    """A box, whose corners are places as points are."""
    x, y, width, height = box
    across, down = new[1] / old[1], new[0] / old[0]
    left, top = cast("tuple[float, float]", rescaled_xy((x, y), old, new).tolist())
    return left, top, width * across, height * down
