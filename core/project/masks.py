"""What commands do to label maps, as functions over an `Edit`: paint a box, replace a map, exchange labels."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ProjectError, UsageError
from counterpart.core.project.aside import refuse_aside
from counterpart.core.project.edit import Edit
from counterpart.core.project.model import BACKGROUND, Box4, Labels, PartLabel, PartState, mask_bbox
from counterpart.core.project.rows import counted_tile, damaged_labels, map_size, read_part_states, tile_labels
from counterpart.core.project.schema import Key, Row
from counterpart.core.project.tiles import (
    PackedLabels,
    TileDamagedError,
    encode_counted,
    encode_tile,
    relabel_tile,
    tile_boxes,
    tile_counts,
    uniform_tile,
)

_FEW = 48


def label_size(edit: Edit, image: int) -> tuple[int, int] | None:
    """(height, width) of an image's label map, or of the image where it has none; None while neither is known."""
    header = edit.get("label_maps", (image,))
    if header is not None:
        return map_size(header)
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
        UsageError: The arrays do not fit the box, the image's size is unknown, or it lies aside.
        ProjectError: The labels that are there are damaged.
    """
    refuse_aside(edit, image)
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
        delta.update(stroke.gain)
    _refuse_unknown(edit, {part for stroke in strokes for part, gain in stroke.gain.items() if gain > 0})
    _put_header(edit, image, size)
    touched = _tile_rows(edit, "touched_tiles", image, [stroke.number for stroke in strokes])
    for stroke in strokes:
        if stroke.changed is not None:
            edit.put("label_tiles", (image, stroke.number), stroke.row, stroke.was)
        _touch(edit, (image, stroke.number), stroke, touched.get(stroke.number))
    known = edit.boxes.get(image)
    edit.boxes[image] = exact if known is None else _union([known, exact]) or exact
    _recount(edit, image, {part: gain for part, gain in delta.items() if part != BACKGROUND})
    return True


@dataclass(frozen=True, slots=True, eq=False)
class _TileStroke:
    """What a stroke does to one tile.

    Attributes:
        number: Of the tile.
        hw: Height and width of the tile.
        row: Its row afterwards, None for background alone.
        was: Its row before.
        inside: The part of the tile that the stroke's box covers.
        mask: Pixels of that part that a person decided on; None for every pixel of the tile.
        changed: (top, left, bottom, right) box in the image of the pixels that changed, None for none.
        gain: Pixels that each label got more, or less.
    """

    number: int
    hw: tuple[int, int]
    row: Row | None
    was: Row | None
    inside: tuple[slice, slice]
    mask: NDArray[np.bool_] | None
    changed: Box4 | None
    gain: Mapping[int, int]


def _tile_strokes(
    edit: Edit, image: int, hw: tuple[int, int], bbox: Box4, mask: NDArray[np.bool_], values: int | Labels
) -> Iterator[_TileStroke]:
    """A stroke tile by tile: a long thin one costs the tiles it crosses, not its box."""
    locked = [part.id for part in edit.all_parts().values() if part.locked]
    crossed = list(_crossed(hw, bbox, mask))
    rows = _tile_rows(edit, "label_tiles", image, [number for number, _, _ in crossed])
    for number, tile_box, cut in crossed:
        was = rows.get(number)
        here = _inside(bbox, cut)
        tile_hw = (tile_box[2] - tile_box[0], tile_box[3] - tile_box[1])
        inside = _inside(tile_box, cut)
        own = mask[here]
        covered = own.shape == tile_hw and bool(own.all())
        if covered and isinstance(values, int):
            before = _counts(was, tile_hw)
            if values not in before and not before.keys() & set(locked):
                gain = {values: tile_hw[0] * tile_hw[1]} | {label: -count for label, count in before.items()}
                row = (uniform_tile(values, tile_hw),) if values != BACKGROUND else None
                yield _TileStroke(number, tile_hw, row, was, inside, None, cut, gain)
                continue
        labels, before = counted_tile(was, tile_box, number)
        region = labels[inside]
        if locked:
            own = own & ~np.isin(region, locked)
            covered = False
        wanted = values if isinstance(values, int) else values[here]
        changing = own & (region != wanted)
        tight = mask_bbox(changing)
        kept = None if covered else own
        if tight is None:
            yield _TileStroke(number, tile_hw, was, was, inside, kept, None, {})
            continue
        if labels.itemsize == 1 and _highest(wanted, changing) > 255:
            labels = labels.astype(np.uint16)
        np.copyto(labels[inside], np.asarray(wanted, labels.dtype), where=changing)
        blob, gained = encode_counted(labels)
        after: Row | None = None if gained.keys() == {BACKGROUND} else (blob,)
        gain = _gain(before, gained, wanted, changing)
        place = (cut[0] + tight[0], cut[1] + tight[1], cut[0] + tight[2], cut[1] + tight[3])
        yield _TileStroke(number, tile_hw, after, was, inside, kept, place, gain)


def _crossed(hw: tuple[int, int], bbox: Box4, mask: NDArray[np.bool_]) -> Iterator[tuple[int, Box4, Box4]]:
    """Number, box, and box within the stroke's box, of every tile in which the mask has a pixel.

    A row of tiles at a time: going through a large mask along its rows is several times quicker than tile by tile.
    """
    top, columns = -1, np.empty(0, np.uint8)
    for number, tile_box in tile_boxes(hw, bbox):
        cut = _intersection(tile_box, bbox)
        rows, cols = _inside(bbox, cut)
        if cut[0] != top:
            top, columns = cut[0], np.bitwise_or.reduce(mask[rows].view(np.uint8), axis=0)
        if columns[cols].any():
            yield number, tile_box, cut


def _tile_rows(edit: Edit, table: str, image: int, numbers: list[int]) -> dict[int, Row]:
    """The rows of some tiles of an image, by number: one by one, or all at once where they are many."""
    if len(numbers) > _FEW:
        return {cast("int", key[1]): row for key, row in edit.find(table, "image", image).items()}
    rows = {number: edit.get(table, (image, number)) for number in numbers}
    return {number: row for number, row in rows.items() if row is not None}


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
    """A person has worked on an image: it is no longer to do, nor a mere prediction.

    Raises:
        UsageError: It lies aside: what the person saw is not what its labels belong to.
    """
    refuse_aside(edit, image)
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


def _put_header(edit: Edit, image: int, hw: tuple[int, int]) -> None:
    if edit.get("label_maps", (image,)) is None:
        edit.put("label_maps", (image,), (*hw, 0))
    record = edit.image(image)
    if record.hw != hw:
        edit.put_image(dataclasses.replace(record, height=hw[0], width=hw[1]))


def _touch(edit: Edit, key: Key, stroke: _TileStroke, was: Row | None) -> None:
    """Remember which pixels of a tile a person decided on, so that no prediction takes them back."""
    everything: Row = (uniform_tile(1, stroke.hw),)
    if was == everything:
        return
    if stroke.mask is None:
        edit.put("touched_tiles", key, everything, was)
        return
    try:
        tile = tile_labels(was, (0, 0, *stroke.hw), cast("int", key[1]))
    except ProjectError:  # what was touched before is lost, what is touched now is not
        tile = np.zeros(stroke.hw, np.uint8)
    region = tile[stroke.inside]
    union = region | stroke.mask
    if not np.array_equal(union, region):
        region[...] = union
        edit.put("touched_tiles", key, (encode_tile(tile),), was)


def _counts(row: Row | None, hw: tuple[int, int]) -> dict[int, int]:
    """Pixels of every label in a tile."""
    if row is None:
        return {BACKGROUND: hw[0] * hw[1]}
    try:
        counts = tile_counts(cast("bytes", row[0]))
    except TileDamagedError as error:
        raise damaged_labels(error) from None
    if sum(counts.values()) != hw[0] * hw[1]:
        raise damaged_labels(TileDamagedError("a tile has another size"))
    return counts


def _gain(
    before: Mapping[int, int], after: Mapping[int, int], wanted: int | Labels, changing: NDArray[np.bool_]
) -> dict[int, int]:
    """Pixels that each label got more, or less; of those that a stroke touched, which may be as many as before."""
    gain = {label: after.get(label, 0) - before.get(label, 0) for label in before.keys() | after.keys()}
    swaps = not isinstance(wanted, int)
    return {
        label: more for label, more in gain.items() if more or (swaps and bool(np.any(changing & (wanted == label))))
    }


def _highest(wanted: int | Labels, changing: NDArray[np.bool_]) -> int:
    """The highest label that a tile gets."""
    if isinstance(wanted, int):
        return wanted
    return 0 if wanted.dtype == np.uint8 else int(wanted[changing].max())


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
