"""What tracking within a project works from: its annotated frames, and the frames that may receive something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import dataclass
from typing import Literal

import numpy as np

from counterpart.core.errors import UsageError
from counterpart.core.images.reading import ImageRef, image_size
from counterpart.core.project.points import KeypointSet, Origin
from counterpart.core.project.sequence import FrameState, frame_state
from counterpart.core.project.tiles import PackedLabels, pack_labels
from counterpart.core.project.view import ProjectView
from counterpart.core.track import governed

Direction = Literal["forward", "backward", "both"]
Slot = tuple[int, int]
"""A skeleton, and which of its instances on a frame, counted from 0."""


@dataclass(frozen=True, slots=True, eq=False)
class TrackPlan:
    """What a run works from. Frames are counted from 0 in the order of the project's images.

    Attributes:
        images: Image ids in order.
        refs: Their files.
        hw: Height and width of the frames.
        start, stop: Frames asked for, half open.
        masks: Label maps of annotated frames.
        points: Annotated instances by frame, each with its slot.
        targets: Frames of the span that may receive something.
        instances: Existing instances of those frames, by slot, for points to be put into.
        revision: Of the document.
    """

    images: tuple[int, ...]
    refs: tuple[ImageRef, ...]
    hw: tuple[int, int]
    start: int
    stop: int
    masks: Mapping[int, PackedLabels]
    points: Mapping[int, Mapping[Slot, KeypointSet]]
    targets: frozenset[int]
    instances: Mapping[int, Mapping[Slot, int]]
    revision: int

    @property
    def annotated(self) -> list[int]:
        """Frames that labels or points come from."""
        return sorted({*self.masks, *self.points})


def span_from(view: ProjectView, images: Seq[int], frame: int, direction: Direction) -> range:
    """The frames that an annotated frame speaks for: up to its annotated neighbours, in one direction or both.

    Args:
        view: The project.
        images: The video's frames in order.
        frame: Which of them.
        direction: Where to.

    Raises:
        UsageError: The frame is not annotated.
    """
    annotated = [index for index, image in enumerate(images) if frame_state(view.image(image)) is FrameState.ANNOTATED]
    if frame not in annotated:
        raise UsageError(
            "there is nothing on this frame that you drew or confirmed",
            hint="Paint a part or place keypoints, or accept what is there, then track from it",
        )
    span = governed(annotated, frame, len(images))
    return range(frame if direction == "forward" else span.start, frame + 1 if direction == "backward" else span.stop)


def plan_track(view: ProjectView, images: Seq[int], revision: int, span: range | None = None) -> TrackPlan:
    """Read from a project what tracking needs.

    Args:
        view: The project.
        images: The video's frames in order.
        revision: The project's revision.
        span: Frames wanted; all by default.

    Raises:
        UsageError: Nothing is annotated, annotated frames differ in size, or there is no frame to track to.
    """
    masks = _mask_anchors(view, images)
    points = _point_anchors(view, images)
    if not masks and not points:
        raise UsageError("no frame is annotated yet", hint="Paint a part or place keypoints on one frame, then track")
    span = range(len(images)) if span is None else span
    kept = {*masks, *points} if not (masks and points) else set(masks) & set(points)
    targets = frozenset(
        index for index in span if index not in kept and view.image(images[index]).state not in ("reviewed", "skipped")
    )
    if not targets:
        raise UsageError("every frame here is annotated, reviewed or skipped", hint="There is nothing to track to")
    instances = {index: _instances(view, images[index]) for index in targets} if points else {}
    return TrackPlan(
        tuple(images),
        tuple(view.image_ref(image) for image in images),
        _size(view, images, masks, points),
        span.start,
        span.stop,
        masks,
        points,
        targets,
        {index: found for index, found in instances.items() if found},
        revision,
    )


def _mask_anchors(view: ProjectView, images: Seq[int]) -> dict[int, PackedLabels]:
    """Label maps that a person made or confirmed; a reviewed frame without labels says that nothing is there."""
    found: dict[int, PackedLabels] = {}
    empty = []
    for index, image in enumerate(images):
        record = view.image(image)
        if frame_state(record) is not FrameState.ANNOTATED:
            continue
        owned = any(state != "predicted" for state, _ in view.part_states(image).values())
        packed = view.packed_labels(image) if owned or record.state == "reviewed" else None
        if packed is not None:
            found[index] = packed
        elif record.state == "reviewed":
            empty.append(index)
    sizes = {packed.hw for packed in found.values()}
    if any(packed.areas for packed in found.values()) and len(sizes) == 1:
        nothing = pack_labels(np.zeros(next(iter(sizes)), np.uint8))
        found.update(dict.fromkeys(empty, nothing))
    return found if any(packed.areas for packed in found.values()) else {}


def _point_anchors(view: ProjectView, images: Seq[int]) -> dict[int, dict[Slot, KeypointSet]]:
    found: dict[int, dict[Slot, KeypointSet]] = {}
    for index, image in enumerate(images):
        if frame_state(view.image(image)) is not FrameState.ANNOTATED:
            continue
        slots = _slotted(view.keypoints(image))
        if any(((each.origin != Origin.TRANSFERRED) & each.present).any() for each in slots.values()):
            found[index] = slots
    return found


def _slotted(instances: Seq[KeypointSet]) -> dict[Slot, KeypointSet]:
    counts: Counter[int] = Counter()
    slots = {}
    for each in instances:
        slots[each.skeleton, counts[each.skeleton]] = each
        counts[each.skeleton] += 1
    return slots


def _instances(view: ProjectView, image: int) -> dict[Slot, int]:
    return {slot: each.instance for slot, each in _slotted(view.keypoints(image)).items()}


def _size(
    view: ProjectView, images: Seq[int], masks: Mapping[int, PackedLabels], points: Mapping[int, object]
) -> tuple[int, int]:
    """Height and width of the annotated frames, which must be one."""
    sizes = {index: packed.hw for index, packed in masks.items()}
    for index in points:
        record = view.image(images[index])
        sizes.setdefault(index, record.hw if min(record.hw) > 0 else image_size(view.image_path(record.id)))
    first, hw = min(sizes.items())
    for index, other in sorted(sizes.items()):
        if other != hw:
            names = view.image(images[first]).name, view.image(images[index]).name
            raise UsageError(
                f"{names[0]} is {hw[1]} x {hw[0]} pixels, {names[1]} {other[1]} x {other[0]}",
                hint="Frames of one video have one size; take the others out of the project",
            )
    return hw
