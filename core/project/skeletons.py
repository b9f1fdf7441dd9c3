"""Changes of a skeleton as functions: keypoints keep their identity, so that no annotated point shifts to another."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from counterpart.core.errors import UsageError
from counterpart.core.project.names import checked_name, tidy_name
from counterpart.core.project.palette import Colour
from counterpart.core.project.points import Skeleton


def _arranged(skeleton: Skeleton, order: Sequence[int]) -> Skeleton:
    """The skeleton with only these keypoints, in this order; edges and pairs follow or go with them."""
    place = {old: new for new, old in enumerate(order)}

    def pairs(found: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        return tuple((place[a], place[b]) for a, b in found if a in place and b in place)

    return dataclasses.replace(
        skeleton,
        names=tuple(skeleton.names[old] for old in order),
        point_ids=tuple(skeleton.point_ids[old] for old in order),
        colours=tuple(skeleton.colours[old] for old in order) if skeleton.colours else (),
        edges=pairs(skeleton.edges),
        mirror_pairs=pairs(skeleton.mirror_pairs),
    )


def add_point(skeleton: Skeleton, name: str, taken: Sequence[int] = (), colour: Colour = (200, 200, 200)) -> Skeleton:
    """A keypoint more, at the end.

    Args:
        skeleton: The skeleton.
        name: The keypoint's name.
        taken: Identities that keypoints had which were removed since: they are not given again.
        colour: Its colour, where the skeleton has colours of its own.

    Raises:
        UsageError: The name is empty or taken, or looks like another keypoint's.
    """
    name = checked_name(name, skeleton.names, "keypoint")
    number = max([0, *skeleton.point_ids, *taken]) + 1
    return dataclasses.replace(
        skeleton,
        names=(*skeleton.names, name),
        point_ids=(*skeleton.point_ids, number),
        colours=(*skeleton.colours, colour) if skeleton.colours else (),
    )


def remove_point(skeleton: Skeleton, index: int) -> Skeleton:
    """A keypoint less, with its edges and its twin's bond.

    Raises:
        UsageError: It is the last one.
    """
    if len(skeleton) == 1:
        raise UsageError("a skeleton needs a keypoint", hint="Remove the whole skeleton instead")
    return _arranged(skeleton, [each for each in range(len(skeleton)) if each != index])


def move_point(skeleton: Skeleton, index: int, to: int) -> Skeleton:
    """A keypoint at another place of the order."""
    order = [each for each in range(len(skeleton)) if each != index]
    order.insert(min(max(to, 0), len(order)), index)
    return _arranged(skeleton, order)


def rename_point(skeleton: Skeleton, index: int, name: str) -> Skeleton:
    """A keypoint under another name.

    Raises:
        UsageError: The name is empty or taken, or looks like another keypoint's.
    """
    names = list(skeleton.names)
    others = names[:index] + names[index + 1 :]
    names[index] = checked_name(name, others, "keypoint")
    return dataclasses.replace(skeleton, names=tuple(names))


def checked_names(skeleton: Skeleton, others: Iterable[Skeleton], before: Skeleton | None = None) -> Skeleton:
    """A skeleton with its name and those of its keypoints as they are written down.

    Args:
        skeleton: The skeleton.
        others: Those that it must not be mistaken for.
        before: What it was until now: names that stay are not looked at, an older project may hold any.

    Raises:
        UsageError: A name is empty, or looks like another one.
    """
    old = {} if before is None else dict(zip(before.point_ids, before.names, strict=True))
    names = list(skeleton.names)
    for index, point in enumerate(skeleton.point_ids):
        if names[index] != old.get(point):
            names[index] = checked_name(names[index], names[:index] + names[index + 1 :], "keypoint")
    name = skeleton.name
    if before is None or name != before.name:
        name = checked_name(name, (other.name for other in others), "skeleton")
    return dataclasses.replace(skeleton, names=tuple(names), name=name)


def tidied(skeleton: Skeleton) -> Skeleton:
    """A skeleton of a file with its names as they are written down; those that would become one stay as they were."""
    names = tuple(tidy_name(name) or name for name in skeleton.names)
    return dataclasses.replace(
        skeleton,
        names=names if len(set(names)) == len(names) else skeleton.names,
        name=tidy_name(skeleton.name) or skeleton.name,
    )


def recolour_point(skeleton: Skeleton, index: int, colour: Colour, others: Sequence[Colour]) -> Skeleton:
    """A keypoint in another colour; `others` are the colours of all, for a skeleton that had none of its own."""
    chosen = list(skeleton.colours or others)
    chosen[index] = colour
    return dataclasses.replace(skeleton, colours=tuple(chosen))


def set_twin(skeleton: Skeleton, left: int, right: int | None) -> Skeleton:
    """Make two keypoints left and right of each other, or a keypoint one without a twin."""
    ends = {left} if right is None else {left, right}
    kept = tuple(pair for pair in skeleton.mirror_pairs if not ends & set(pair))
    pair = () if right is None or right == left else ((left, right),)
    return dataclasses.replace(skeleton, mirror_pairs=kept + pair)


def toggle_edge(skeleton: Skeleton, first: int, second: int) -> Skeleton:
    """Join two keypoints by an edge, or take it away."""
    if first == second:
        return skeleton
    kept = tuple(edge for edge in skeleton.edges if set(edge) != {first, second})
    more = () if len(kept) < len(skeleton.edges) else ((first, second),)
    return dataclasses.replace(skeleton, edges=kept + more)
