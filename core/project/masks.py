"""What commands do to label maps, as functions over an `Edit`: paint a box, replace a map, exchange labels."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import ProjectError, UsageError
from core.project.edit import Edit
from core.project.model import BACKGROUND, Labels, PartLabel, PartState, mask_bbox
from core.project.rows import read_part_states, tile_labels
from core.project.schema import Key, Row
from core.project.tiles import (
    PackedLabels,
    TileDamagedError,
    encode_tile,
    relabel_tile,
    tile_boxes,
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
    strokes = list(_tile_strokes(edit, image, size, bbox, mask, values))
    exact = _union(stroke.changed for stroke in strokes if stroke.changed is not None)
    if exact is None:
        return False
    delta: Counter[int] = Counter()
    for stroke in strokes:
        delta.update(stroke.gained)
        delta.subtract(stroke.lost)
    _refuse_unknown(edit, {part for stroke in strokes for part in stroke.gained})
    _put_header(edit, image, size)
    for stroke in strokes:
        if stroke.changed is not None:
            _put_tile(edit, "label_tiles", (image, stroke.number), stroke.labels, stroke.was)
        _touch(edit, (image, stroke.number), stroke.hw, stroke.inside, stroke.mask)
    known = edit.boxes.get(image)
    edit.boxes[image] = exact if known is None else _union([known, exact]) or exact
    _recount(edit, image, {part: gain for part, gain in delta.items() if part != BACKGROUND})
    return True


@dataclass(frozen=True, slots=True, eq=False)
class _TileStroke:
    """What a stroke does to one tile.

    Attributes:
        number: Of the tile.
        labels: The tile's labels afterwards.
        was: Its row before.
        inside: The part of the tile that the stroke's box covers.
        mask: Pixels of that part that a person decided on.
        changed: (top, left, bottom, right) box in the image of the pixels that changed, None for none.
        gained: Pixels that got each label.
        lost: Pixels that had each label before.
    """

    number: int
    labels: Labels
    was: Row | None
    inside: tuple[slice, slice]
    mask: NDArray[np.bool_]
    changed: Box4 | None
    gained: dict[int, int]
    lost: dict[int, int]

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width of the tile."""
        return self.labels.shape[0], self.labels.shape[1]


def _tile_strokes(
    edit: Edit, image: int, hw: tuple[int, int], bbox: Box4, mask: NDArray[np.bool_], values: int | Labels
) -> Iterator[_TileStroke]:
    """A stroke tile by tile: a long thin one costs the tiles it crosses, not its box."""
    locked = [part.id for part in edit.all_parts().values() if part.locked]
    for number, tile_box in tile_boxes(hw, bbox):
        cut = _intersection(tile_box, bbox)
        here = _inside(bbox, cut)
        own = mask[here]
        if not cv2.countNonZero(own.view(np.uint8)):
            continue
        was = edit.get("label_tiles", (image, number))
        labels = tile_labels(was, tile_box, number)
        inside = _inside(tile_box, cut)
        region = labels[inside]
        if locked:
            own = own & ~np.isin(region, locked)
        wanted = values if isinstance(values, int) else values[here]
        changing = own & (region != wanted)
        tight = mask_bbox(changing)
        if tight is None:
            yield _TileStroke(number, labels, was, inside, own, None, {}, {})
            continue
        lost = _counts(region, changing)
        gained = {wanted: sum(lost.values())} if isinstance(wanted, int) else _counts(wanted, changing)
        if labels.itemsize == 1 and max(gained) > 255:
            labels = labels.astype(np.uint16)
        np.copyto(labels[inside], np.asarray(wanted, labels.dtype), where=changing)
        place = (cut[0] + tight[0], cut[1] + tight[1], cut[0] + tight[2], cut[1] + tight[3])
        yield _TileStroke(number, labels, was, inside, own, place, gained, lost)


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


def _refuse_unknown(edit: Edit, labels: set[int]) -> None:
    known = edit.all_parts()
    for label in sorted(labels):
        if label != BACKGROUND and label not in known:
            raise UsageError(f"there is no part {label}", hint="Add it first")


def _intersection(a: Box4, b: Box4) -> Box4:
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


def _inside(outer: Box4, inner: Box4) -> tuple[slice, slice]:
    """Where a box lies in an array that covers a larger one."""
    top, left = outer[:2]
    return slice(inner[0] - top, inner[2] - top), slice(inner[1] - left, inner[3] - left)


def _put_tile(edit: Edit, table: str, key: Key, tile: Labels, was: Row | None) -> None:
    edit.put(table, key, (encode_tile(tile),) if cv2.countNonZero(tile) else None, was)


def _put_header(edit: Edit, image: int, hw: tuple[int, int]) -> None:
    if edit.get("label_maps", (image,)) is None:
        edit.put("label_maps", (image,), (*hw, 0))
    record = edit.image(image)
    if record.hw != hw:
        edit.put_image(dataclasses.replace(record, height=hw[0], width=hw[1]))


def _touch(edit: Edit, key: Key, hw: tuple[int, int], inside: tuple[slice, slice], mask: NDArray[np.bool_]) -> None:
    """Remember which pixels of a tile a person decided on, so that no prediction takes them back."""
    was = edit.get("touched_tiles", key)
    try:
        tile = tile_labels(was, (0, 0, *hw), cast("int", key[1]))
    except ProjectError:  # what was touched before is lost, what is touched now is not
        tile = np.zeros(hw, np.uint8)
    region = tile[inside]
    union = region | mask
    if not np.array_equal(union, region):
        region[...] = union
        _put_tile(edit, "touched_tiles", key, tile, was)


def _counts(labels: Labels, mask: NDArray[np.bool_]) -> dict[int, int]:
    """Pixels of every label that occurs under a mask within a tile."""
    if labels.dtype == np.uint8:
        counts = cv2.calcHist([labels], [0], mask.view(np.uint8), [256], [0, 256]).reshape(-1).astype(np.int64)
    else:
        counts = np.bincount(labels[mask])
    return {int(label): int(counts[label]) for label in np.flatnonzero(counts)}


def _recount(edit: Edit, image: int, delta: Mapping[int, int]) -> None:
    for part, gain in delta.items():
        row = edit.get("label_parts", (image, part))
        state, pixels = cast("tuple[PartState, int]", row) if row is not None else ("edited", 0)
        edit.put("label_parts", (image, part), ("reviewed" if state == "reviewed" else "edited", pixels + gain))


def _union(boxes: Iterable[Box4]) -> Box4 | None:
    """The box around some boxes, None for none."""
    listed = list(boxes)
    if not listed:
        return None
    tops, lefts, bottoms, rights = zip(*listed, strict=True)
    return min(tops), min(lefts), max(bottoms), max(rights)


def protected_parts(edit: Edit, image: int, parts: Mapping[int, PartLabel]) -> set[int]:
    """Parts of an image that a prediction must leave alone: a person's, confirmed, or locked."""
    owned = {part for part, (state, _) in read_part_states(edit, image).items() if state != "predicted"}
    return owned | {part.id for part in parts.values() if part.locked}
