"""Commands on skeletons, instances and keypoints."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from counterpart.core.errors import UsageError
from counterpart.core.project.aside import refuse_aside, why_aside
from counterpart.core.project.commands.base import Command
from counterpart.core.project.commands.masks import store_provenance
from counterpart.core.project.edit import Edit
from counterpart.core.project.masks import mark_edited
from counterpart.core.project.model import Provenance
from counterpart.core.project.points import KeypointSet, Origin, Skeleton, Visibility
from counterpart.core.project.rows import keypoint_row, keypoint_set, read_keypoints
from counterpart.core.project.skeletons import checked_names, tidied
from counterpart.core.wording import plural


def _instance(edit: Edit, instance: int) -> tuple[int, KeypointSet]:
    row = edit.get("keypoints", (instance,))
    if row is None:
        raise UsageError(f"there is no instance {instance}", hint="It may have been removed")
    return keypoint_set((instance,), row)


def _skeleton(edit: Edit, skeleton: int) -> Skeleton:
    found = edit.all_skeletons().get(skeleton)
    if found is None:
        raise UsageError(f"there is no skeleton {skeleton}", hint="Add or import one first")
    return found


def _checked(edit: Edit, points: KeypointSet) -> KeypointSet:
    skeleton = _skeleton(edit, points.skeleton)
    if len(points) != len(skeleton):
        raise UsageError(f"{len(points)} points for the {len(skeleton)} keypoints of {skeleton.name}")
    return points


def _store(edit: Edit, image: int, points: KeypointSet) -> None:
    edit.put("keypoints", (points.instance,), keypoint_row(image, points))


def _index(points: KeypointSet, index: int) -> int:
    if not 0 <= index < len(points):
        raise UsageError(f"the skeleton has no keypoint {index}")
    return index


# Skeletons


@dataclass(eq=False)
class AddSkeleton(Command):
    """Add a skeleton; `outcome.created` has its id. The id in the value is taken when it is free.

    Attributes:
        skeleton: Its names are tidied, see `core.project.names`.
        typed: Whether a person named it: names that look alike are refused then. Those of a file stay apart.
    """

    skeleton: Skeleton
    typed: bool = False

    @property
    def text(self) -> str:
        return f"Add skeleton {self.skeleton.name}"

    def do(self, edit: Edit) -> None:
        known = edit.all_skeletons()
        skeleton = checked_names(self.skeleton, known.values()) if self.typed else tidied(self.skeleton)
        number = skeleton.id
        if number <= 0 or number in known or number <= edit.counters.get("skeleton", 0):
            number = edit.new_id("skeleton")
        edit.claim_id("skeleton", number)
        edit.put_skeleton(dataclasses.replace(skeleton, id=number))
        self.outcome.created.append(number)


@dataclass(eq=False)
class ChangeSkeleton(Command):
    """Rename, add, remove or reorder keypoints. Every annotated point follows its keypoint by `point_ids`; none shifts.

    Attributes:
        skeleton: The skeleton as it should be, with the id of the one to change. A keypoint keeps its place in the
            annotations by keeping its `point_ids` entry; a new one gets an entry that no keypoint had before.
    """

    skeleton: Skeleton

    @property
    def text(self) -> str:
        return f"Change skeleton {self.skeleton.name}"

    def do(self, edit: Edit) -> None:
        old = _skeleton(edit, self.skeleton.id)
        others = [each for each in edit.all_skeletons().values() if each.id != old.id]
        edit.put_skeleton(checked_names(self.skeleton, others, old))
        places = {point: index for index, point in enumerate(old.point_ids)}
        source = [places.get(point) for point in self.skeleton.point_ids]
        if source == list(range(len(old))):
            return
        for key, row in edit.find("keypoints", "skeleton", old.id).items():
            image, points = keypoint_set(key, row)
            _store(edit, image, points.reordered(source))
            self.outcome.changed.append(image)


@dataclass(eq=False)
class RemoveSkeleton(Command):
    """Remove a skeleton with all its instances on all images."""

    skeleton_id: int

    @property
    def text(self) -> str:
        return "Remove skeleton"

    def do(self, edit: Edit) -> None:
        _skeleton(edit, self.skeleton_id)
        for key in edit.find("keypoints", "skeleton", self.skeleton_id):
            edit.put("keypoints", key, None)
        edit.put("skeletons", (self.skeleton_id,), None)


# Instances and points


@dataclass(eq=False)
class AddInstance(Command):
    """Add an instance to an image; `outcome.created` has its id."""

    image_id: int
    points: KeypointSet

    @property
    def text(self) -> str:
        return "Add instance"

    def do(self, edit: Edit) -> None:
        refuse_aside(edit, self.image_id)
        number = edit.new_id("instance")
        _store(edit, self.image_id, dataclasses.replace(_checked(edit, self.points), instance=number))
        if (self.points.origin != Origin.TRANSFERRED).any():
            mark_edited(edit, self.image_id)
        self.outcome.created.append(number)
        self.outcome.changed.append(self.image_id)


@dataclass(eq=False)
class RemoveInstances(Command):
    """Remove instances with their points."""

    instances: Sequence[int]

    @property
    def text(self) -> str:
        return plural(len(self.instances), "Remove instance")

    def do(self, edit: Edit) -> None:
        for instance in self.instances:
            image, _ = _instance(edit, instance)
            edit.put("keypoints", (instance,), None)
            mark_edited(edit, image)
            self.outcome.changed.append(image)


@dataclass(eq=False)
class SetKeypoints(Command):
    """Replace all points of an instance, as a person does by moving, turning or scaling it.

    Attributes:
        points: The new points, with the id of the instance.
        title: For the menu.
    """

    points: KeypointSet
    title: str = "Change keypoints"

    @property
    def text(self) -> str:
        return self.title

    def do(self, edit: Edit) -> None:
        image, _ = _instance(edit, self.points.instance)
        _store(edit, image, _checked(edit, self.points))
        mark_edited(edit, image)
        self.outcome.changed.append(image)


def _with_point(points: KeypointSet, index: int, xy: tuple[float, float] | None, visibility: int | None) -> KeypointSet:
    """The set with one point as a person placed it."""
    places, seen = points.xy.copy(), points.visibility.copy()
    score, origin = points.score.copy(), points.origin.copy()
    if xy is not None:
        places[index] = xy
        if seen[index] == Visibility.ABSENT:
            seen[index] = Visibility.VISIBLE
    if visibility is not None:
        seen[index] = visibility
    score[index], origin[index] = 1.0, Origin.USER
    return dataclasses.replace(points, xy=places, visibility=seen, score=score, origin=origin)


@dataclass(eq=False)
class MoveKeypoint(Command):
    """Place a point. It becomes a person's; an absent one becomes visible.

    Attributes:
        instance: The instance.
        index: Which keypoint of the skeleton.
        xy: Image pixels.
    """

    instance: int
    index: int
    xy: tuple[float, float]

    @property
    def text(self) -> str:
        return "Move keypoint"

    def do(self, edit: Edit) -> None:
        if not np.isfinite(self.xy).all():
            raise UsageError(f"{self.xy} is not a place")
        image, points = _instance(edit, self.instance)
        _store(edit, image, _with_point(points, _index(points, self.index), self.xy, None))
        mark_edited(edit, image)
        self.outcome.changed.append(image)


@dataclass(eq=False)
class SetVisibility(Command):
    """Set a point's visibility (0 absent, 1 occluded, 2 visible). An absent point remembers its place."""

    instance: int
    index: int
    visibility: int

    @property
    def text(self) -> str:
        return "Set visibility"

    def do(self, edit: Edit) -> None:
        if self.visibility not in (0, 1, 2):
            raise UsageError(f"{self.visibility} is not a visibility", hint="Use 0, 1 or 2")
        image, points = _instance(edit, self.instance)
        _store(edit, image, _with_point(points, _index(points, self.index), None, self.visibility))
        mark_edited(edit, image)
        self.outcome.changed.append(image)


@dataclass(eq=False)
class MarkTemplates(Command):
    """Say whether instances serve as templates for transfer."""

    instances: Sequence[int]
    template: bool = True

    @property
    def text(self) -> str:
        return "Mark as template" if self.template else "No longer a template"

    def do(self, edit: Edit) -> None:
        for instance in self.instances:
            image, points = _instance(edit, instance)
            _store(edit, image, dataclasses.replace(points, template=self.template))


@dataclass(eq=False)
class ConfirmKeypoints(Command):
    """Confirm transferred points where they are. Doubtful ones, until now marked as hidden, become visible.

    Attributes:
        instances: The instances.
        indices: Only these keypoints; all when left out.
    """

    instances: Sequence[int]
    indices: Sequence[int] | None = None

    @property
    def text(self) -> str:
        return "Confirm keypoints"

    def do(self, edit: Edit) -> None:
        for instance in self.instances:
            image, points = _instance(edit, instance)
            chosen = points.origin == Origin.TRANSFERRED
            if self.indices is not None:
                chosen &= np.isin(np.arange(len(points)), self.indices)
            if not chosen.any():
                continue
            origin = np.where(chosen, Origin.CONFIRMED, points.origin)
            visibility = np.where(chosen & (points.visibility == Visibility.OCCLUDED), 2, points.visibility)
            _store(edit, image, dataclasses.replace(points, origin=origin, visibility=visibility))
            mark_edited(edit, image)
            self.outcome.changed.append(image)


@dataclass(eq=False)
class PredictKeypoints(Command):
    """Take over a job's keypoints for many images, in one step.

    A result with the id of an instance updates that one; otherwise it updates the only instance of its skeleton on the
    image, or becomes a new one. Points that a person set or confirmed stay; only transferred ones are replaced. Images
    that were reviewed, skipped, or changed since the job began are left alone and named in `outcome.skipped`; so is
    every result of a skeleton whose keypoints were added, removed or put in another order since.

    Attributes:
        results: New instances by image.
        revision: The document's revision that the job worked from; None to take any.
        provenance: Where the results come from.
    """

    results: Mapping[int, Sequence[KeypointSet]]
    revision: int | None = None
    provenance: Provenance | None = None

    @property
    def text(self) -> str:
        return "Transfer keypoints"

    def do(self, edit: Edit) -> None:
        number = None
        for image, results in self.results.items():
            reason = self._refusal(edit, image)
            if reason:
                self.outcome.skipped.append((image, reason))
                continue
            if any(edit.changed_since("skeleton", points.skeleton, self.revision) for points in results):
                # The results are in the old order of keypoints, which may be of the same number.
                self.outcome.skipped.append((image, "its skeleton was changed while the job was running"))
                continue
            if number is None:
                number = store_provenance(edit, self.provenance)
            there = list(read_keypoints(edit, image))
            for points in results:
                self._take(edit, image, dataclasses.replace(_checked(edit, points), provenance=number), there)
            record = edit.image(image)
            if record.state == "todo":
                edit.put_image(dataclasses.replace(record, state="predicted"))
            self.outcome.changed.append(image)

    def release(self) -> None:
        self.results = {}

    def _refusal(self, edit: Edit, image: int) -> str:
        if not edit.has_image(image):
            return "it is no longer in the project"
        if edit.image(image).state in ("reviewed", "skipped"):
            return f"it is marked {edit.image(image).state}"
        if edit.changed_since("keypoints", image, self.revision):
            return "it was changed while the job was running"
        return why_aside(edit, image)

    @staticmethod
    def _take(edit: Edit, image: int, points: KeypointSet, there: list[KeypointSet]) -> None:
        """Take one result over; `there` are the instances that were there before and that none has updated yet."""
        alike = [old for old in there if old.skeleton == points.skeleton]
        same = [old for old in alike if old.instance == points.instance]
        old = same[0] if same else alike[0] if len(alike) == 1 and points.instance == 0 else None
        if old is None:
            _store(edit, image, dataclasses.replace(points, instance=edit.new_id("instance")))
            return
        there.remove(old)  # a second result without an id is another instance
        keep = (old.origin != Origin.TRANSFERRED) & ((old.visibility > 0) | np.isfinite(old.xy).all(axis=1))
        _store(
            edit,
            image,
            dataclasses.replace(
                old,
                xy=np.where(keep[:, None], old.xy, points.xy),
                visibility=np.where(keep, old.visibility, points.visibility),
                score=np.where(keep, old.score, points.score),
                origin=np.where(keep, old.origin, points.origin),
                box=old.box or points.box,
                provenance=points.provenance,
            ),
        )
