"""Commands on label maps and review states."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import ProjectError, UsageError
from counterpart.core.project.aside import why_aside
from counterpart.core.project.commands.base import Command
from counterpart.core.project.edit import Edit
from counterpart.core.project.masks import (
    assign_box,
    clear_map,
    label_size,
    mark_edited,
    protected_parts,
    write_packed,
)
from counterpart.core.project.model import (
    BACKGROUND,
    Box4,
    ImageState,
    LabelMap,
    Labels,
    PartLabel,
    PartState,
    Provenance,
)
from counterpart.core.project.names import same_name, tidy_name
from counterpart.core.project.palette import next_colour
from counterpart.core.project.rows import provenance_row, read_part_states, read_touched
from counterpart.core.project.schema import Row
from counterpart.core.project.tiles import PackedLabels, pack_labels

_NO_MASK = np.zeros((0, 0), np.bool_)
_SEVERAL = 50


@dataclass(eq=False)
class Paint(Command):
    """Give the pixels under a mask to a part, or erase them: one stroke. A stroke that changes nothing is no step.

    Attributes:
        image_id: The image.
        part_id: The part, 0 to erase.
        bbox: (top, left, bottom, right) pixels; may reach over the image's edge.
        mask: Bool array of the box's size.
        hw: (height, width) of the image, needed only while the project does not know it.
        title: For the menu; made from the part's name when empty.
    """

    image_id: int
    part_id: int
    bbox: Box4
    mask: NDArray[np.bool_]
    hw: tuple[int, int] | None = None
    title: str = ""

    @property
    def text(self) -> str:
        return self.title or ("Erase" if self.part_id == BACKGROUND else "Paint")

    def do(self, edit: Edit) -> None:
        part = edit.all_parts().get(self.part_id)
        if part is not None and part.locked:
            raise UsageError(f"the part {part.name} is locked", hint="Unlock it to paint with it")
        if assign_box(edit, self.image_id, self.bbox, self.part_id, np.asarray(self.mask, np.bool_), self.hw):
            mark_edited(edit, self.image_id)
            self.outcome.changed.append(self.image_id)

    def release(self) -> None:
        self.mask = _NO_MASK


@dataclass(eq=False)
class SetLabels(Command):
    """Give every pixel of a box its own label, as a person's work: paste, refine, fill holes, smooth.

    Attributes:
        image_id: The image.
        bbox: (top, left, bottom, right) pixels.
        labels: (height, width) part ids of the box.
        mask: Which pixels of the box to set; all when left out.
        hw: (height, width) of the image, needed only while the project does not know it.
        title: For the menu.
    """

    image_id: int
    bbox: Box4
    labels: Labels
    mask: NDArray[np.bool_] | None = None
    hw: tuple[int, int] | None = None
    title: str = "Change labels"

    @property
    def text(self) -> str:
        return self.title

    def do(self, edit: Edit) -> None:
        labels = np.asarray(self.labels)
        mask = np.ones(labels.shape, np.bool_) if self.mask is None else np.asarray(self.mask, np.bool_)
        if assign_box(edit, self.image_id, self.bbox, labels, mask, self.hw):
            mark_edited(edit, self.image_id)
            self.outcome.changed.append(self.image_id)

    def release(self) -> None:
        self.labels, self.mask = np.zeros((0, 0), np.uint8), None


@dataclass(eq=False)
class ClearLabels(Command):
    """Remove all labels of images, whoever made them; also the way to give up labels that are damaged."""

    image_ids: Sequence[int]

    @property
    def text(self) -> str:
        return "Clear labels"

    def do(self, edit: Edit) -> None:
        for image in self.image_ids:
            if edit.get("label_maps", (image,)) is None and not read_part_states(edit, image):
                continue
            clear_map(edit, image)
            edit.put_image(dataclasses.replace(edit.image(image), state="todo", doubt=None))
            self.outcome.changed.append(image)


@dataclass(eq=False)
class AcceptPredictions(Command):
    """Confirm predicted parts as they are: from now on no prediction replaces them.

    Attributes:
        image_ids: The images.
        parts: Only these parts; all when left out.
    """

    image_ids: Sequence[int]
    parts: Sequence[int] | None = None

    @property
    def text(self) -> str:
        return "Accept predictions"

    def do(self, edit: Edit) -> None:
        aside = {image: said for image in self.image_ids if (said := why_aside(edit, image))}
        self.outcome.skipped += aside.items()
        wanted = [image for image in self.image_ids if image not in aside]
        for image in _confirm_parts(edit, wanted, self.parts):
            mark_edited(edit, image)
            self.outcome.changed.append(image)


@dataclass(eq=False)
class SetReviewState(Command):
    """Set how far the work on images is. `reviewed` also confirms their predicted parts."""

    image_ids: Sequence[int]
    state: ImageState

    @property
    def text(self) -> str:
        return f"Mark {self.state}"

    def do(self, edit: Edit) -> None:
        confirmed = set(_confirm_parts(edit, self.image_ids, None)) if self.state == "reviewed" else set()
        for image in self.image_ids:
            record = edit.image(image)
            if record.state != self.state:
                edit.put_image(dataclasses.replace(record, state=self.state))
            if image in confirmed or record.state != self.state:
                self.outcome.changed.append(image)


def _confirm_parts(edit: Edit, images: Sequence[int], parts: Sequence[int] | None) -> list[int]:
    """Take predicted parts of images over as reviewed; the images that had any, in their order."""
    predicted: dict[int, dict[int, Row]] = {}
    if len(images) > _SEVERAL:  # one look at the whole table takes less than one for each image
        for (image, part), row in edit.find("label_parts", "state", "predicted").items():
            predicted.setdefault(cast("int", image), {})[cast("int", part)] = row
    found = []
    for image in images:
        rows = predicted.get(image, {}) if len(images) > _SEVERAL else read_part_states(edit, image)
        wanted = {part: row for part, row in rows.items() if row[0] == "predicted" and (parts is None or part in parts)}
        for part, row in sorted(wanted.items()):
            edit.put("label_parts", (image, part), ("reviewed", row[1]), row)
        if wanted:
            found.append(image)
    return found


@dataclass(eq=False)
class ReplaceMasks(Command):
    """Take over a job's masks of many images, in one step.

    What a person drew, confirmed or locked is never overwritten: parts that are `edited` or `reviewed` on an image,
    pixels that were painted or erased by hand, images that are reviewed or skipped. Images that changed after the job
    began are left alone and named in `outcome.skipped`, to be offered.

    Attributes:
        results: New label maps by image. Packed ones (`core.project.tiles.pack_labels`, on the worker) are quickest.
        labels: What the results' values mean: a part id, or a name, which is made a part when there is none of that
            name. Left out, values are part ids.
        revision: The document's revision that the job worked from; None to take any.
        provenance: Where the results come from.
        doubts: How doubtful each image is, in [0, 1].
        changed: What to do with an image that changed since: leave it, or merge under the same protection.
        overwrite: Replace a person's work as well. Only on an explicit wish.
        state: Whose the results are: a program's, or a person's when they come from a file of annotations.
        new_parts: Looks for parts that have to be made, by name; the palette's next colour for others.
        title: For the menu.
    """

    results: Mapping[int, PackedLabels | LabelMap | Labels]
    labels: Mapping[int, int | str] | None = None
    revision: int | None = None
    provenance: Provenance | None = None
    doubts: Mapping[int, float] = field(default_factory=dict)
    changed: Literal["skip", "merge"] = "skip"
    overwrite: bool = False
    state: PartState = "predicted"
    new_parts: Sequence[PartLabel] = ()
    title: str = "Replace masks"

    @property
    def text(self) -> str:
        return self.title

    def do(self, edit: Edit) -> None:
        usable: dict[int, PackedLabels] = {}
        for image, result in self.results.items():
            packed = _packed(result)
            reason = self._refusal(edit, image, packed)
            if reason:
                self.outcome.skipped.append((image, reason))
            else:
                usable[image] = packed
        if not usable:
            return
        table = self._resolve(edit, usable)
        number = store_provenance(edit, self.provenance)
        for image, packed in usable.items():
            self._replace(edit, image, _relabelled(packed, table), number)

    def release(self) -> None:
        self.results = {}

    def _refusal(self, edit: Edit, image: int, packed: PackedLabels) -> str:
        if not edit.has_image(image):
            return "it is no longer in the project"
        record = edit.image(image)
        if not self.overwrite and record.state in ("reviewed", "skipped"):
            return f"it is marked {record.state}"
        if self.changed == "skip" and edit.changed_since("labels", image, self.revision):
            return "it was changed while the job was running"
        said = why_aside(edit, image)
        if said:
            return said
        hw = label_size(edit, image)
        if hw is not None and hw != packed.hw:
            return f"the mask is {packed.hw[1]} x {packed.hw[0]} pixels, the image {hw[1]} x {hw[0]}"
        return ""

    def _resolve(self, edit: Edit, usable: Mapping[int, PackedLabels]) -> dict[int, int]:
        """Part id of every value that occurs, making the parts that are missing."""
        found = {value for packed in usable.values() for value in packed.areas}
        wanted: Mapping[int, int | str] = {value: value for value in found} if self.labels is None else self.labels
        missing = sorted(found - set(wanted))
        if missing:
            raise UsageError(f"the result has the label {missing[0]}, which has no meaning")
        table = {}
        for value in sorted(set(wanted) if self.labels is not None else found):
            table[value] = self._part_for(edit, wanted[value])
        return table

    def _part_for(self, edit: Edit, wanted: int | str) -> int:
        parts = edit.all_parts()
        if isinstance(wanted, int):
            if wanted == BACKGROUND or wanted in parts:
                return wanted
            edit.claim_id("part", wanted)
            number, name = wanted, f"part {wanted}"
        else:
            alike = [part for part in parts.values() if same_name(part.name, wanted)]
            if alike:  # an older project may hold two that differ in spaces: the exact one goes first
                return min(alike, key=lambda part: part.name != wanted).id
            number = edit.new_id("part")
            name = tidy_name(wanted) or f"part {number}"
        taken = {part.colour for part in parts.values()}
        looks = next((part.colour for part in self.new_parts if same_name(part.name, name)), None)
        colour = looks if looks is not None and looks not in taken else next_colour(taken)
        order = max((part.order for part in parts.values()), default=-1) + 1
        edit.put_part(PartLabel(number, name, colour, order))
        self.outcome.created.append(number)
        return number

    def _replace(self, edit: Edit, image: int, packed: PackedLabels, provenance: int) -> None:
        before = read_part_states(edit, image)
        states: dict[int, PartState] = {}
        if self.overwrite:
            clear_map(edit, image)
        else:
            protected = protected_parts(edit, image, edit.all_parts())
            states = {part: state for part, (state, _) in before.items() if state != "predicted"}
            try:
                packed = _under_protection(edit, image, packed, protected)
            except ProjectError as error:
                self.outcome.skipped.append((image, error.what))
                return
        owner: dict[int, PartState] = dict.fromkeys(packed.areas, self.state)
        write_packed(edit, image, packed, owner | states, provenance, keep_empty=states)
        record = edit.image(image)
        done: ImageState = "predicted" if self.state == "predicted" else "edited"
        state: ImageState = done if record.state == "todo" or self.overwrite or done == "edited" else record.state
        doubt = self.doubts.get(image, record.doubt)
        height, width = packed.hw
        edit.put_image(dataclasses.replace(record, state=state, doubt=doubt, height=height, width=width))
        self.outcome.changed.append(image)


def _packed(result: PackedLabels | LabelMap | Labels) -> PackedLabels:
    if isinstance(result, PackedLabels):
        return result
    return pack_labels(result.labels if isinstance(result, LabelMap) else result)


def _relabelled(packed: PackedLabels, table: Mapping[int, int]) -> PackedLabels:
    if all(table[value] == value for value in packed.areas):
        return packed
    highest = max(packed.areas)
    lut = np.zeros(highest + 1, np.uint16)
    for value in packed.areas:
        lut[value] = table[value]
    return pack_labels(lut[packed.unpack()])


def _under_protection(edit: Edit, image: int, packed: PackedLabels, protected: set[int]) -> PackedLabels:
    """The new labels with what must not be overwritten kept from the old."""
    touched = read_touched(edit, image)
    old = edit.labels(image) if protected or touched is not None else None
    if not protected and touched is None:
        return packed
    new = packed.unpack()
    new[np.isin(new, list(protected))] = BACKGROUND
    if old is not None:
        keep = np.isin(old, list(protected))
        if touched is not None:
            keep |= touched
        new = np.where(keep, old, new)
    return pack_labels(new)


def store_provenance(edit: Edit, provenance: Provenance | None) -> int:
    """Write down where results come from; its id, 0 for None."""
    if provenance is None:
        return 0
    number = edit.new_id("provenance")
    edit.put("provenance", (number,), provenance_row(provenance), None)
    return number
