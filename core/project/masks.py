"""What commands do to label maps, as functions over an `Edit`: paint a box, replace a map, exchange labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import cast

import numpy as np
from numpy.typing import NDArray

from core.errors import ProjectError, UsageError
from core.project.edit import Edit
from core.project.model import BACKGROUND, Labels, PartLabel, PartState, mask_bbox
from core.project.rows import read_box, read_part_states
from core.project.tiles import (
    PackedLabels,
    TileDamagedError,
    encode_tile,
    relabel_tile,
    tile_boxes,
    tiles_bbox,
)

__all__ = [
    "assign_box",
    "clear_map",
    "exchange_labels",
    "label_size",
    "mark_edited",
    "merged_state",
    "protected_parts",
    "write_packed",
]

Box4 = tuple[int, int, int, int]


def label_size(edit: Edit, image: int) -> tuple[int, int] | None:
    """(height, width) of an image's label map, or of the image where it has none; None while neither is known."""
    header = edit.get("label_maps", (image,))
    if header is not None:
        return cast("tuple[int, int]", header[:2])
    hw = edit.image(image).hw
    return hw if min(hw) > 0 else None


def assign_box(
    edit: Edit, image: int, bbox: Box4, values: int | Labels, mask: NDArray[np.bool_], hw: tuple[int, int] | None = None
) -> bool:
    """Give pixels of a box new labels, as a person's work. Pixels of locked parts keep theirs.

    Args:
        edit: The change in the making.
        image: The image.
        bbox: (top, left, bottom, right); what lies outside the image is ignored.
        values: One label, or a label for each pixel of the box.
        mask: Which pixels of the box.
        hw: Size of the image, where the project does not know it yet.

    Returns:
        Whether any pixel changed.

    Raises:
        UsageError: The arrays do not fit the box, or the image's size is unknown.
        ProjectError: The labels that are there are damaged.
    """
    size = label_size(edit, image) or hw
    if size is None:
        raise UsageError("the size of the image is not known yet", hint="Open the image once")
    if hw is not None and hw != size:
        raise UsageError(f"labels of {hw[1]} x {hw[0]} pixels do not fit an image of {size[1]} x {size[0]}")
    bbox, mask, values = _clipped(size, bbox, mask, values)
    if not mask.any():
        return False
    outer_box = _tile_aligned(size, bbox)
    outer = read_box(edit, "label_tiles", image, size, outer_box)
    region = outer[_inside(outer_box, bbox)]
    locked = [part.id for part in edit.all_parts().values() if part.locked]
    if locked:
        mask = mask & ~np.isin(region, locked)
    wanted = np.broadcast_to(np.asarray(values), region.shape)
    changed = mask & (region != wanted)
    tight = mask_bbox(changed)
    if tight is None:
        return False
    old, new = region[changed], wanted[changed]
    _refuse_unknown(edit, new)
    region[changed] = new
    exact = (bbox[0] + tight[0], bbox[1] + tight[1], bbox[0] + tight[2], bbox[1] + tight[3])
    _put_header(edit, image, size)
    _touch(edit, image, size, bbox, mask)
    _put_tiles(edit, "label_tiles", image, size, outer, outer_box, exact)
    edit.boxes[image] = _union(edit.boxes.get(image), exact)
    _recount(edit, image, _delta(old, new))
    return True


def write_packed(
    edit: Edit,
    image: int,
    packed: PackedLabels,
    states: Mapping[int, PartState],
    provenance: int,
    *,
    keep_empty: Iterable[int] = (),
) -> None:
    """Replace the label map of an image whole.

    Args:
        edit: The change in the making.
        image: The image.
        packed: The new labels.
        states: Whose the parts are; parts left out are `predicted`.
        provenance: Of what is predicted.
        keep_empty: Parts that keep a row though they have no pixels: a person says they are not there.
    """
    there = edit.find("label_tiles", "image", image)
    for key, row in there.items():
        if key[1] not in packed.tiles:
            edit.put("label_tiles", key, None, row)
    for number, blob in packed.tiles.items():
        edit.put("label_tiles", (image, number), (blob,), there.get((image, number)))
    edit.put("label_maps", (image,), (*packed.hw, provenance))
    wanted = dict(packed.areas) | {part: 0 for part in keep_empty if part not in packed.areas}
    for part in read_part_states(edit, image):
        if part not in wanted:
            edit.put("label_parts", (image, part), None)
    for part, pixels in wanted.items():
        edit.put("label_parts", (image, part), (states.get(part, "predicted"), pixels))
    edit.boxes.pop(image, None)


def clear_map(edit: Edit, image: int) -> None:
    """Remove everything that is known about an image's labels. Works on damaged ones too."""
    for table in ("label_tiles", "touched_tiles", "label_parts"):
        for key, row in edit.find(table, "image", image).items():
            edit.put(table, key, None, row)
    edit.put("label_maps", (image,), None)
    edit.boxes.pop(image, None)


def exchange_labels(edit: Edit, image: int, new_ids: Mapping[int, int]) -> None:
    """Replace labels of an image by others (0 for background), counting and carrying over whose they are.

    Raises:
        ProjectError: The labels are damaged; the image is named.
    """
    states = read_part_states(edit, image)
    highest = max([*states, *new_ids.values(), *new_ids, 255])
    table: Labels = np.arange(highest + 1).astype(np.uint8 if highest < 256 else np.uint16)
    for old, new in new_ids.items():
        table[old] = new
    try:
        for key, row in edit.find("label_tiles", "image", image).items():
            blob = relabel_tile(cast("bytes", row[0]), table)
            edit.put("label_tiles", key, None if blob is None else (blob,), row)
    except TileDamagedError:
        raise ProjectError(
            f"the labels of {edit.image(image).name} are damaged, nothing was changed",
            hint="Clear that image's labels first",
        ) from None
    after: dict[int, tuple[PartState, int]] = {}
    for part, (state, pixels) in states.items():
        new = new_ids.get(part, part)
        edit.put("label_parts", (image, part), None)
        if new != BACKGROUND:
            old_state, old_pixels = after.get(new, (state, 0))
            after[new] = merged_state(state, old_state), pixels + old_pixels
    for part, row in after.items():
        edit.put("label_parts", (image, part), row)
    edit.boxes.pop(image, None)


def mark_edited(edit: Edit, image: int) -> None:
    """A person has worked on an image: it is no longer to do, nor a mere prediction."""
    record = edit.image(image)
    if record.state in ("todo", "predicted"):
        edit.put_image(dataclasses.replace(record, state="edited"))


def merged_state(a: PartState, b: PartState) -> PartState:
    """Whose a part is that was made of two: reviewed or predicted only if both were."""
    return a if a == b else "edited"


# Internals


def _clipped(
    hw: tuple[int, int], bbox: Box4, mask: NDArray[np.bool_], values: int | Labels
) -> tuple[Box4, NDArray[np.bool_], int | Labels]:
    """Box, mask and values without what lies outside the image."""
    top, left, bottom, right = bbox
    shape = (bottom - top, right - left)
    if mask.shape != shape or (not isinstance(values, int) and values.shape != shape):
        raise UsageError(f"a mask of {mask.shape} does not fit the box {bbox}")
    inside = (max(top, 0), max(left, 0), min(bottom, hw[0]), min(right, hw[1]))
    if inside[0] >= inside[2] or inside[1] >= inside[3]:
        return (0, 0, 0, 0), np.zeros((0, 0), np.bool_), values if isinstance(values, int) else values[:0, :0]
    cut = np.s_[inside[0] - top : inside[2] - top, inside[1] - left : inside[3] - left]
    return inside, mask[cut], values if isinstance(values, int) else values[cut]


def _refuse_unknown(edit: Edit, labels: Labels) -> None:
    known = edit.all_parts()
    for label in np.flatnonzero(np.bincount(labels)):
        if label != BACKGROUND and int(label) not in known:
            raise UsageError(f"there is no part {label}", hint="Add it first")


def _tile_aligned(hw: tuple[int, int], bbox: Box4) -> Box4:
    """The smallest box of whole tiles around a box."""
    return tiles_bbox(hw, (number for number, _ in tile_boxes(hw, bbox)))


def _inside(outer: Box4, inner: Box4) -> tuple[slice, slice]:
    """Where a box lies in an array that covers a larger one."""
    top, left = outer[:2]
    return slice(inner[0] - top, inner[2] - top), slice(inner[1] - left, inner[3] - left)


def _put_tiles(
    edit: Edit, table: str, image: int, hw: tuple[int, int], outer: Labels, outer_box: Box4, changed: Box4
) -> None:
    """Write the tiles that a changed box touches, from an array that covers them."""
    for number, box in tile_boxes(hw, changed):
        tile = outer[_inside(outer_box, box)]
        edit.put(table, (image, number), (encode_tile(tile),) if tile.any() else None)


def _put_header(edit: Edit, image: int, hw: tuple[int, int]) -> None:
    if edit.get("label_maps", (image,)) is None:
        edit.put("label_maps", (image,), (*hw, 0))
    record = edit.image(image)
    if record.hw != hw:
        edit.put_image(dataclasses.replace(record, height=hw[0], width=hw[1]))


def _touch(edit: Edit, image: int, hw: tuple[int, int], bbox: Box4, mask: NDArray[np.bool_]) -> None:
    """Remember which pixels a person decided on, so that no prediction takes them back."""
    outer_box = _tile_aligned(hw, bbox)
    try:
        outer = read_box(edit, "touched_tiles", image, hw, outer_box)
    except ProjectError:
        outer = np.zeros((outer_box[2] - outer_box[0], outer_box[3] - outer_box[1]), np.uint16)
    region = outer[_inside(outer_box, bbox)]
    region |= mask
    _put_tiles(edit, "touched_tiles", image, hw, outer, outer_box, bbox)


def _delta(old: Labels, new: Labels) -> dict[int, int]:
    """Pixels that each part gains, negative for a loss."""
    length = int(max(old.max(), new.max())) + 1
    gained, lost = np.bincount(new, minlength=length), np.bincount(old, minlength=length)
    involved = np.flatnonzero(gained + lost)
    return {int(part): int(gained[part] - lost[part]) for part in involved if part != BACKGROUND}


def _recount(edit: Edit, image: int, delta: Mapping[int, int]) -> None:
    for part, gain in delta.items():
        row = edit.get("label_parts", (image, part))
        state, pixels = cast("tuple[PartState, int]", row) if row is not None else ("edited", 0)
        edit.put("label_parts", (image, part), ("reviewed" if state == "reviewed" else "edited", pixels + gain))


def _union(a: Box4 | None, b: Box4) -> Box4:
    return b if a is None else (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))


def protected_parts(edit: Edit, image: int, parts: Mapping[int, PartLabel]) -> set[int]:
    """Parts of an image that a prediction must leave alone: a person's, confirmed, or locked."""
    owned = {part for part, (state, _) in read_part_states(edit, image).items() if state != "predicted"}
    return owned | {part.id for part in parts.values() if part.locked}
