"""A label map in the making: what the canvas shows while a gesture lasts, and what the gesture comes to.

The document's label map never changes in place. A draft is a writable copy of it that tools paint into, box by box; it
knows what it has changed, can take back a preview, and ends in exactly one command. Taking over the document's new map
afterwards costs the box that changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterpart.core.project.commands import Paint, SetLabels
from counterpart.core.project.model import Box4, Labels
from counterpart.core.tools.combine import Mode, combine, with_room
from counterpart.core.tools.region import Region, clip_box, part_bbox, unite_boxes

_BAND = 64


@dataclass(frozen=True, slots=True, eq=False)
class LabelEdit:
    """New labels for some pixels of a box.

    Attributes:
        bbox: (top, left, bottom, right) image pixels, half open.
        labels: (height, width) part ids of the box.
        mask: (height, width) bool, the pixels that change.
    """

    bbox: Box4
    labels: Labels
    mask: NDArray[np.bool_]

    def command(self, image_id: int, title: str, hw: tuple[int, int] | None = None) -> Paint | SetLabels:
        """The command that makes the edit: `Paint` where all pixels get one label, else `SetLabels`."""
        label = self._only_label()
        if label is not None:
            return Paint(image_id, label, self.bbox, self.mask, hw, title)
        return SetLabels(image_id, self.bbox, self.labels, self.mask, hw, title)

    def _only_label(self) -> int | None:
        """The label that all pixels get, None where they get several or there are none."""
        if not self.mask.any():
            return None
        row = int(self.mask.any(axis=1).argmax())
        label = int(self.labels[row, int(self.mask[row].argmax())])
        # Band by band: what is made of the whole of a large image costs more memory than time is needed to look at it.
        for top in range(0, self.mask.shape[0], _BAND):
            band = slice(top, top + _BAND)
            if bool(((self.labels[band] != label) & self.mask[band]).any()):
                return None
        return label


class LabelDraft:
    """A label map that a gesture paints into.

    Args:
        labels: (H, W) part ids as the document has them, or None where the image has none; copied.
        hw: (height, width) of the image.
    """

    def __init__(self, labels: Labels | None, hw: tuple[int, int]) -> None:
        if labels is not None and labels.shape != hw:
            raise ValueError(f"labels of {labels.shape} for an image of {hw}")
        self.hw = hw
        self._base: Labels = np.zeros(hw, np.uint8) if labels is None else labels
        self._labels: Labels = self._base.copy()
        self._box: Box4 = (0, 0, 0, 0)
        self._behind: Box4 = (0, 0, 0, 0)

    @property
    def labels(self) -> Labels:
        """(H, W) part ids to be shown; read only. Another array after the first part above 255 was painted."""
        self._catch_up()
        view = self._labels.view()
        view.flags.writeable = False
        return view

    def apply(
        self,
        region: Region,
        part_id: int,
        mode: Mode = "add",
        locked: Iterable[int] = frozenset(),
        preserve: bool = False,
    ) -> Box4 | None:
        """Combine a selection with the draft; see `core.tools.combine.combine`.

        Returns:
            The box to redraw, None where nothing changed. `intersect` looks at the part's whole box.
        """
        self._catch_up()
        if mode == "intersect":
            around = unite_boxes(part_bbox(self._labels, part_id), None)
            region = Region(around, region.within(around))
        if region.mask.size == 0:
            return None
        place = self._labels[region.slices]
        new, changed = combine(place, region.mask, part_id, mode, locked, preserve)
        if new is place:
            return None
        tight = Region.of(changed, region.bbox[0], region.bbox[1]).bbox
        self._labels = with_room(self._labels, int(np.iinfo(new.dtype).max))
        self._labels[region.slices] = new
        self._box = unite_boxes(self._box, tight)
        return tight

    def edit(self, edit: LabelEdit) -> Box4 | None:
        """Show an edit; the box to redraw, None where nothing changes."""
        if not edit.mask.any():
            return None
        self._catch_up()
        self._labels = with_room(self._labels, int(edit.labels[edit.mask].max()))
        top, left, bottom, right = edit.bbox
        self._labels[top:bottom, left:right][edit.mask] = edit.labels[edit.mask]
        self._box = unite_boxes(self._box, edit.bbox)
        return edit.bbox

    def preview(
        self,
        region: Region,
        part_id: int,
        mode: Mode = "add",
        locked: Iterable[int] = frozenset(),
        preserve: bool = False,
    ) -> Box4 | None:
        """Show a selection in place of whatever was shown before: a wand's region while its tolerance is dragged.

        Returns:
            The box to redraw, None where nothing is to be.
        """
        before = self.revert()
        after = self.apply(region, part_id, mode, locked, preserve)
        return None if before is None and after is None else unite_boxes(before, after)

    def revert(self) -> Box4 | None:
        """Forget everything since the document's labels; the box to redraw, None where nothing was changed."""
        box, self._box = self._box, (0, 0, 0, 0)
        if box[0] >= box[2] or box[1] >= box[3]:
            return None
        self._catch_up()
        place = np.s_[box[0] : box[2], box[1] : box[3]]
        self._labels[place] = self._base[place]
        return box

    def result(self) -> LabelEdit | None:
        """What the gesture came to, in the smallest box; None where it changed nothing.

        Its labels are seen through to the draft: make the command before the draft is painted into again.
        """
        self._catch_up()
        top, left, bottom, right = self._box
        place = np.s_[top:bottom, left:right]
        region = Region.of(self._labels[place] != self._base[place], top, left)
        if region.is_empty:
            return None
        labels = self._labels[region.slices]
        labels.flags.writeable = False
        return LabelEdit(region.bbox, labels, region.mask)

    def rebase(self, labels: Labels | None, bbox: Box4 | None = None) -> Box4:
        """Take over the document's labels after a command. They are copied when the draft is needed next, not now.

        Args:
            labels: (H, W) part ids as they are now.
            bbox: Where they differ from those before, when it is known; else everything is copied. What the draft
                itself changed is always taken over.

        Returns:
            The box to redraw.
        """
        base: Labels = np.zeros(self.hw, np.uint8) if labels is None else labels
        if base.shape != self.hw:
            raise ValueError(f"labels of {base.shape} for an image of {self.hw}")
        box = (0, 0, *self.hw) if bbox is None else unite_boxes(self._box, clip_box(bbox, (0, 0, *self.hw)))
        self._base, self._box = base, (0, 0, 0, 0)
        self._behind = unite_boxes(self._behind, box)
        return box

    def _catch_up(self) -> None:
        box, self._behind = self._behind, (0, 0, 0, 0)
        if box[0] >= box[2] or box[1] >= box[3]:
            return
        self._labels = with_room(self._labels, int(np.iinfo(self._base.dtype).max))
        place = np.s_[box[0] : box[2], box[1] : box[3]]
        self._labels[place] = self._base[place]
