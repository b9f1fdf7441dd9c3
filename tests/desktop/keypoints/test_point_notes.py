"""Notes on points: kept in the project's file, and true only while the points are where they were."""

import numpy as np
import pytest

from counterpart.core.images.finding import find_images
from counterpart.core.project.commands import AddInstance, AddSkeleton, MoveKeypoint, SetVisibility
from counterpart.core.project.document import Document
from counterpart.core.project.points import KeypointSet, Skeleton
from counterpart.desktop.keypoints.point_notes import PointNotes

PLACES = np.array([(30, 40), (50.12345, 20), (60, 25), (70, 60)])


@pytest.fixture
def file(tmp_path, image_folder):
    """A project of one image with one instance."""
    path = tmp_path / "beasts.counterpart"
    with Document.new(path) as document:
        (image,) = document.add_images(find_images([image_folder / "img1.png"]))
        document.apply(AddSkeleton(Skeleton(("nose", "left_ear", "right_ear", "tail"), name="beast")))
        document.apply(AddInstance(image, KeypointSet.make(PLACES, skeleton=1)))
    return path


def instances(document):
    return document.keypoints(document.image_ids[0])


def reread(document):
    notes = PointNotes()
    notes.reset(document)
    return notes


def test_notes_are_there_again_when_the_file_is_opened_again(file):
    with Document.open(file) as document:
        (points,) = instances(document)
        notes = reread(document)
        notes.settle(points, 1)
        notes.suspect({points.instance: [(1, 2)]})
    with Document.open(file) as document:
        notes = reread(document)
        assert notes.settled(instances(document)) == {(points.instance, 1)}
        assert notes.swaps == {points.instance: [(1, 2)]}


def test_a_point_that_was_moved_or_taken_away_is_settled_no_more_and_is_again_when_that_is_undone(file):
    with Document.open(file) as document:
        (points,) = instances(document)
        reread(document).settle(points, 1)
        for change in (MoveKeypoint(points.instance, 1, (50.12345, 20.5)), SetVisibility(points.instance, 1, 0)):
            document.apply(change)
            assert reread(document).settled(instances(document)) == set()
            document.revert(change)
            assert reread(document).settled(instances(document)) == {(points.instance, 1)}
        document.apply(MoveKeypoint(points.instance, 0, (1, 1)))
        assert reread(document).settled(instances(document)) == {(points.instance, 1)}


def test_a_pair_found_right_is_settled_while_both_stay(file):
    with Document.open(file) as document:
        (points,) = instances(document)
        reread(document).settle(points, 1, (1, 2))
        assert reread(document).settled(instances(document)) == {(points.instance, 1)}
        document.apply(MoveKeypoint(points.instance, 2, (80, 80)))
        assert reread(document).settled(instances(document)) == set()


def test_what_holds_no_more_is_forgotten_when_more_is_noted(file):
    with Document.open(file) as document:
        (points,) = instances(document)
        notes = reread(document)
        notes.settle(points, 0)
        notes.settle(points, 1)
        document.apply(MoveKeypoint(points.instance, 0, (1, 1)))
        (points,) = instances(document)
        notes.settle(points, 2)
        assert set(document.settings["settled_points"][str(points.instance)]) == {"1", "2"}


def test_a_later_transfer_takes_suspicions_back(file):
    with Document.open(file) as document:
        notes = reread(document)
        notes.suspect({1: [(1, 2)], 2: [(1, 2)]})
        notes.suspect({1: []})
        assert reread(document).swaps == {2: [(1, 2)]}


def test_a_project_open_for_looking_only_keeps_no_notes(file):
    with Document.open(file), Document.open(file) as second:
        assert second.read_only
        notes = reread(second)
        notes.settle(instances(second)[0], 1)
        assert len(notes.settled(instances(second))) == 1
        assert reread(second).settled(instances(second)) == set()


@pytest.mark.parametrize(
    "kept",
    [7, [1], {"x": {"1": [[1, 2, 3]]}}, {"1": 3}, {"1": {"1": [[1, 2]]}}, {"1": {"1": [[9, 2, 3]]}}, {"1": {"1": []}}],
)
def test_notes_that_make_no_sense_are_left_out(file, kept):
    with Document.open(file) as document:
        document.note_settings({"settled_points": kept, "suspected_swaps": kept})
        notes = reread(document)
        assert notes.settled(instances(document)) == set()
        assert not any(notes.swaps.values())
