"""Changing a skeleton keeps the identity of its keypoints; taking points away and exchanging them is undone exactly."""

import numpy as np
import pytest

from counterpart.core.errors import FormatError, UsageError
from counterpart.core.formats.coco_keypoints import built_in_skeletons, read_coco_skeletons
from counterpart.core.project.commands import (
    AddInstance,
    AddSkeleton,
    ChangeSkeleton,
    ClearKeypoints,
    ConfirmKeypoints,
    SwapKeypoints,
)
from counterpart.core.project.document import Document
from counterpart.core.project.points import KeypointSet, Origin, Skeleton
from counterpart.core.project.skeletons import (
    add_point,
    move_point,
    recolour_point,
    remove_point,
    rename_point,
    set_twin,
    toggle_edge,
)
from counterpart.core.transfer.skeleton import derive_mirror_pairs
from tests.core.project_tools import new_images

SKELETON = Skeleton(("nose", "left", "right", "tail"), ((0, 1), (0, 2), (0, 3)), (), ((1, 2),), "beast", 1)
PLACES = np.array([(1, 1), (2, 2), (3, 3), (4, 4)], float)


def test_moving_a_keypoint_takes_edges_and_sides_along():
    moved = move_point(SKELETON, 0, 3)
    assert moved.names == ("left", "right", "tail", "nose")
    assert moved.point_ids == (2, 3, 4, 1)
    assert moved.edges == ((3, 0), (3, 1), (3, 2))
    assert moved.mirror_pairs == ((0, 1),)
    assert move_point(moved, 3, 0) == SKELETON


def test_removing_and_adding_never_gives_an_identity_twice():
    less = remove_point(SKELETON, 3)
    assert less.names == ("nose", "left", "right")
    assert less.edges == ((0, 1), (0, 2))
    assert add_point(less, "hoof").point_ids == (1, 2, 3, 4)
    assert add_point(less, "hoof", taken=(4,)).point_ids == (1, 2, 3, 5)
    with pytest.raises(UsageError, match="needs a keypoint"):
        remove_point(Skeleton(("only",)), 0)


def test_names_must_differ_and_be_something():
    assert rename_point(SKELETON, 0, " snout ").names[0] == "snout"
    with pytest.raises(UsageError, match="there is a keypoint named tail already"):
        rename_point(SKELETON, 0, "tail")
    with pytest.raises(UsageError, match="needs a name"):
        add_point(SKELETON, "  ")


def test_edges_sides_and_colours_are_set_and_taken_away():
    assert (1, 2) in toggle_edge(SKELETON, 1, 2).edges
    assert toggle_edge(SKELETON, 1, 0).edges == ((0, 2), (0, 3))
    assert toggle_edge(SKELETON, 1, 1) == SKELETON
    assert set_twin(SKELETON, 1, None).mirror_pairs == ()
    assert set_twin(SKELETON, 3, 1).mirror_pairs == ((3, 1),)
    grey = [(9, 9, 9)] * 4
    coloured = recolour_point(SKELETON, 2, (1, 2, 3), grey)
    assert coloured.colours[2] == (1, 2, 3)
    assert len(add_point(coloured, "hoof").colours) == 5
    assert len(remove_point(coloured, 0).colours) == 3


@pytest.mark.parametrize("skeleton", built_in_skeletons(), ids=lambda each: each.name)
def test_built_in_skeletons_hang_together_and_know_their_sides(skeleton):
    joined, grown = {0}, True
    while grown:
        grown = False
        for a, b in skeleton.edges:
            if (a in joined) != (b in joined):
                joined |= {a, b}
                grown = True
    assert joined == set(range(len(skeleton)))
    sided = sum(name.startswith(("left_", "right_")) for name in skeleton.names)
    assert 2 * len(derive_mirror_pairs(skeleton.names)) == sided


def test_a_file_without_skeletons_is_refused_by_name(tmp_path):
    file = tmp_path / "masks.json"
    file.write_text('{"categories": [{"id": 1, "name": "cat"}]}')
    with pytest.raises(FormatError, match=r"masks\.json"):
        read_coco_skeletons(file)


@pytest.fixture
def document(tmp_path):
    made = Document.untitled()
    made.apply(AddSkeleton(SKELETON))
    yield made
    made.close()


def placed(document, tmp_path, **more):
    (image, *_) = document.add_images(new_images(tmp_path, 1))
    add = AddInstance(image, KeypointSet.make(PLACES, skeleton=1, **more))
    document.apply(add)
    return add.outcome.created[0]


def points(document, instance):
    return document.instance(instance)[1]


def test_points_follow_their_keypoint_through_every_change(document, tmp_path):
    number = placed(document, tmp_path)
    changed = add_point(remove_point(move_point(rename_point(SKELETON, 3, "tip"), 3, 0), 2), "hoof", taken=(1, 2, 3, 4))
    command = ChangeSkeleton(changed)
    document.apply(command)
    assert changed.names == ("tip", "nose", "right", "hoof")
    assert points(document, number).xy[:3] == pytest.approx(PLACES[[3, 0, 2]])
    assert points(document, number).visibility[3] == 0
    document.revert(command)
    assert points(document, number).xy == pytest.approx(PLACES)


def test_a_cleared_point_is_as_if_it_had_never_been_placed(document, tmp_path):
    number = placed(document, tmp_path)
    command = ClearKeypoints(number, [1])
    document.apply(command)
    after = points(document, number)
    assert np.isnan(after.xy[1]).all()
    assert after.visibility.tolist() == [2, 0, 2, 2]
    document.revert(command)
    assert points(document, number).xy == pytest.approx(PLACES)
    with pytest.raises(UsageError, match="no keypoint 9"):
        document.apply(ClearKeypoints(number, [9]))


def test_swapped_points_are_confirmed_and_take_all_that_is_theirs_along(document, tmp_path):
    number = placed(document, tmp_path, visibility=[2, 1, 2, 2], score=[0.9, 0.2, 0.8, 0.7], origin=Origin.TRANSFERRED)
    command = SwapKeypoints(number, [(1, 2)])
    document.apply(command)
    after = points(document, number)
    assert after.xy == pytest.approx(PLACES[[0, 2, 1, 3]])
    assert after.score == pytest.approx([0.9, 0.8, 0.2, 0.7])
    assert after.origin.tolist() == [1, 2, 2, 1]
    assert after.visibility.tolist() == [2, 2, 2, 2]
    document.revert(command)
    assert points(document, number).origin.tolist() == [1, 1, 1, 1]
    with pytest.raises(UsageError, match="two others"):
        document.apply(SwapKeypoints(number, [(1, 2), (2, 3)]))


def test_a_doubtful_point_becomes_visible_when_it_is_confirmed(document, tmp_path):
    number = placed(document, tmp_path, visibility=[2, 1, 1, 2], origin=[1, 1, 0, 1])
    document.apply(ConfirmKeypoints([number]))
    assert points(document, number).visibility.tolist() == [2, 2, 1, 2]
    assert points(document, number).origin.tolist() == [2, 2, 0, 2]
