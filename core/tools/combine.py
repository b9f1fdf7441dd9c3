"""Laying a selection into a label map: add, subtract, intersect, with locked parts and parts to be preserved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from counterpart.core.project.model import BACKGROUND, Labels

Mode = Literal["add", "subtract", "intersect"]
"""Give the selected pixels to the part, take them from it, or keep of the part only what is selected."""
MODES: tuple[Mode, ...] = get_args(Mode)


def combine(
    labels_box: Labels,
    mask_box: NDArray[np.bool_],
    part_id: int,
    mode: Mode = "add",
    locked: Iterable[int] = frozenset(),
    preserve: bool = False,
) -> tuple[Labels, NDArray[np.bool_]]:
    """Combine a selection with the labels that are there.

    Pixels of locked parts never change. A part that is locked itself neither gains nor loses: nothing changes. With the
    background (0) as the part, `add` erases whatever is selected, and nothing is there to subtract from or intersect
    with.

    Args:
        labels_box: (height, width) uint8 or uint16 part ids; left as they are.
        mask_box: (height, width) bool, what is selected. For `intersect` the box must hold the whole part.
        part_id: The part worked on.
        mode: See `Mode`.
        locked: Parts that are locked.
        preserve: Do not paint over other parts: only background becomes part of `part_id`. While erasing it has no
            effect.

    Returns:
        The new labels (the very same array when nothing changes; uint16 where the part id needs it) and (height, width)
        bool, which pixels changed. They all have the same new value, see `new_value`.

    Raises:
        ValueError: The shapes differ.
    """
    if labels_box.shape != mask_box.shape:
        raise ValueError(f"a mask of {mask_box.shape} does not fit labels of {labels_box.shape}")
    shut = frozenset(int(part) for part in locked) - {BACKGROUND}
    if part_id in shut:
        return labels_box, np.zeros(labels_box.shape, np.bool_)
    own = labels_box == part_id
    if mode == "add":
        changed = mask_box & ~own
        if preserve and part_id != BACKGROUND:
            changed &= labels_box == BACKGROUND
        elif shut:
            for part in shut:
                changed &= labels_box != part
    elif part_id == BACKGROUND:
        changed = np.zeros(labels_box.shape, np.bool_)
    else:
        changed = own & mask_box if mode == "subtract" else own & ~mask_box
    if not changed.any():
        return labels_box, changed
    value = new_value(part_id, mode)
    out = with_room(labels_box, value)
    out = out.copy() if out is labels_box else out
    np.copyto(out, value, where=changed, casting="unsafe")
    return out, changed


def new_value(part_id: int, mode: Mode) -> int:
    """What the pixels that `combine` changes become."""
    return part_id if mode == "add" else BACKGROUND


def with_room(labels: Labels, value: int) -> Labels:
    """The labels in a type that holds `value`: the same array, or a uint16 copy."""
    return labels if value <= np.iinfo(labels.dtype).max else labels.astype(np.uint16)
